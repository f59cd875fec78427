import assert from "node:assert/strict";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { fakeId } from "../testing.ts";
import { childIdOf, childServer, clockSkew, isConnected, lastHeard } from "./state.ts";

const at = (time: string): number => Date.parse(`2026-01-01T${time}Z`);

interface Parts {
  written?: string;
  observed?: string;
  connected?: [reason: string, time: string];
}

function cluster({ written, observed, connected }: Parts): ManagedCluster {
  const managedFields = written === undefined ? undefined : [
    { manager: "clusternet-hub", subresource: "status", time: "2026-01-01T20:00:00Z" },
    { manager: "clusternet-agent", subresource: "status", time: `2026-01-01T${written}Z` },
  ];
  return {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ManagedCluster",
    metadata: { name: "a", ...(managedFields === undefined ? {} : { managedFields }) },
    spec: { clusterId: fakeId(1) },
    status: {
      ...(observed === undefined ? {} : { lastObservedTime: `2026-01-01T${observed}Z` }),
      conditions: connected === undefined ? [] : [{
        type: "Connected",
        status: connected[0] === "TunnelUp" ? "True" : "False",
        reason: connected[0],
        message: "",
        lastTransitionTime: `2026-01-01T${connected[1]}Z`,
      }],
    },
  };
}

Deno.test("lastHeard is the later of report and tunnel, by the parent's clock", () => {
  const cases: [Parts, number | undefined][] = [
    [{}, undefined],
    [{ observed: "10:00:00" }, at("10:00:00")],
    [{ observed: "19:00:00", written: "10:00:00" }, at("10:00:00")],
    [{ written: "10:00:00", connected: ["TunnelUp", "11:00:00"] }, at("11:00:00")],
    [{ written: "10:00:00", connected: ["AgentSilent", "09:00:00"] }, at("10:00:00")],
    [{ connected: ["AgentNeverConnected", "09:00:00"] }, undefined],
  ];
  for (const [parts, expected] of cases) {
    assert.equal(lastHeard(cluster(parts)), expected, JSON.stringify(parts));
  }
});

Deno.test("clockSkew is what lies between the report's two times", () => {
  assert.equal(clockSkew(cluster({ observed: "10:01:00", written: "10:00:00" })), 60_000);
  assert.equal(clockSkew(cluster({ observed: "10:01:00" })), undefined);
});

Deno.test("isConnected takes no condition for no", () => {
  assert.equal(isConnected(cluster({ connected: ["TunnelUp", "09:00:00"] })), true);
  assert.equal(isConnected(cluster({})), false);
});

Deno.test("childIdOf reads what childServer wrote, and nothing else", () => {
  const server = childServer("https://parent:6443/k8s/", fakeId(1));
  assert.ok(server.startsWith("https://parent:6443/k8s/apis/proxies.clusternet.io/"), server);
  assert.equal(childIdOf(server), fakeId(1));
  assert.equal(childIdOf("https://parent:6443"), undefined);
  assert.equal(childIdOf(`${server}/api`), undefined);
  assert.equal(childIdOf(undefined), undefined);
});
