/**
 * 500 tunnels through the parent's kube-apiserver hold no seat of it, and nobody else waits.
 */
import assert from "node:assert/strict";
import { generateAgentKey } from "../../agent/registration/keys.ts";
import { openSealed } from "../../agent/registration/sealed.ts";
import { dialTunnel } from "../../agent/tunnel/dial.ts";
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import { Session, WindowBudget } from "../../shared/tunnel/mod.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { metric } from "./programs.ts";
import { report } from "./report.ts";
import { eventually } from "./wait.ts";

const TUNNELS = 500;
const CRR = "/apis/clusters.clusternet.io/v1beta1/clusterregistrationrequests";

/** Runs `work` for each item, some at a time. */
async function pooled<T, R>(
  items: T[],
  atOnce: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (const [index, item] of queue) results[index] = await work(item);
  }));
  return results;
}

/** @returns how many seats requests hold in the parent's kube-apiserver */
async function seats(fleet: Fleet): Promise<number> {
  const { text } = await fleet.parent.api.request("GET", "/metrics");
  const pattern = /^apiserver_flowcontrol_current_executing_seats\{[^}]*\} ([0-9.e+]+)$/gm;
  return [...text.matchAll(pattern)].reduce((sum, [, value]) => sum + Number(value), 0);
}

Deno.test("500 tunnels hold no seat of the parent's kube-apiserver", async () => {
  await using fleet = await startFleet({ agent: false });
  const { parent } = fleet;
  await parent.kubectlOk(["create", "serviceaccount", "bystander"]);
  await parent.kubectlOk([
    "create",
    "clusterrolebinding",
    "bystander",
    "--clusterrole=view",
    "--serviceaccount=default:bystander",
  ]);
  const bystander = (await parent.kubectlOk(["create", "token", "bystander"])).trim();
  const before = await seats(fleet);

  const key = await generateAgentKey();
  const ids = Array.from({ length: TUNNELS }, () => crypto.randomUUID() as string);
  const registering = performance.now();
  await pooled(ids, 20, (clusterId) =>
    parent.api.create(CRR, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ClusterRegistrationRequest",
      metadata: { name: `clusternet-${clusterId}` },
      spec: { clusterId, clusterName: `c-${clusterId.slice(0, 13)}`, publicKey: key.publicJwk },
    }));
  const credentials = await pooled(
    ids,
    20,
    (id) =>
      eventually(`${id} is approved`, 180_000, async () => {
        const { status } = await parent.api.get<ClusterRegistrationRequest>(
          `${CRR}/clusternet-${id}`,
        );
        if (status?.sealedCredentials === undefined) {
          throw new Error(status?.errorMessage ?? "not yet");
        }
        return await openSealed(status.sealedCredentials, key, id);
      }, 500),
  );
  report(`${TUNNELS} registrations: ${((performance.now() - registering) / 1000).toFixed(1)} s`);

  const budget = new WindowBudget();
  const sessions: Session[] = [];
  try {
    const dialling = performance.now();
    await pooled(credentials, 25, async ({ clusterId, token }) => {
      const conn = await dialTunnel({
        url: `${parent.server}/apis/proxies.clusternet.io/v1alpha1/sockets/${clusterId}/attach`,
        ca: parent.caPem,
        token,
        timeoutMs: 30_000,
      });
      const session = new Session({ role: "agent", conn, instanceId: clusterId, budget });
      sessions.push(session);
      await session.hello;
    });
    report(`${TUNNELS} dials: ${((performance.now() - dialling) / 1000).toFixed(1)} s`);
    await eventually("all are connected", 30_000, async () => {
      const connected = await metric(fleet.hub.healthPort, "clusternet_hub_tunnels_connected");
      assert.equal(connected, TUNNELS);
    });

    await new Promise((resolve) => setTimeout(resolve, 5000));
    const samples: number[] = [];
    for (let index = 0; index < 10; index++) samples.push(await seats(fleet));
    const held = Math.min(...samples);
    using client = Deno.createHttpClient({ caCerts: [parent.caPem] });
    const times: number[] = [];
    for (let index = 0; index < 20; index++) {
      const started = performance.now();
      const response = await fetch(`${parent.server}/api/v1/namespaces/default/configmaps`, {
        client,
        headers: { Authorization: `Bearer ${bystander}` },
      });
      await response.text();
      assert.equal(response.status, 200);
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    const rss = await fleet.hub.process.rssBytes() / 1024 / 1024;
    report(
      `${TUNNELS} tunnels: seats ${before} before, ${held} with them; another ServiceAccount's ` +
        `GET: median ${times[10]!.toFixed(0)} ms, worst ${times.at(-1)!.toFixed(0)} ms; hub ${
          rss.toFixed(0)
        } MiB`,
    );
    assert.ok(held <= Math.max(before, 2), `seats: ${samples}`);
    assert.ok(
      times[10]! < 400,
      `median ${times[10]} ms; the goal is 200 ms, the test allows twice that`,
    );
  } finally {
    for (const session of sessions) session.close(0, "the test ends");
    await Promise.all(sessions.map((session) => session.closed));
  }
});
