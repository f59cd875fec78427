import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { memoryLog } from "../../shared/log.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { waitFor } from "../registration/testing.ts";
import type { Health } from "./collector.ts";
import type { NodeSummary } from "./nodes.ts";
import { Reporter, type ReportTarget } from "./reporter.ts";

const CLUSTERS = "clusters.clusternet.io/managedclusters";
const HEALTHY: Health = {
  k8sVersion: "v1.36.3",
  platform: "linux/amd64",
  healthz: true,
  livez: true,
  readyz: true,
};
const NODES: NodeSummary = {
  nodeStatistics: { readyNodes: 3, notReadyNodes: 0, unknownNodes: 0 },
  capacity: { cpu: "12" },
  allocatable: { cpu: "11" },
};

class Bed implements AsyncDisposable {
  readonly kube = new FakeKube();
  readonly stop = new AbortController();
  readonly log = memoryLog();
  readonly registered = Promise.withResolvers<void>();
  health: Health = HEALTHY;
  nodes: () => Promise<NodeSummary | undefined> = () => Promise.resolve(NODES);
  unauthorized = 0;
  results: boolean[] = [];
  target: ReportTarget | undefined;
  #done: Promise<unknown> | undefined;

  constructor() {
    this.kube.put<ManagedCluster>(CLUSTERS, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ManagedCluster",
      metadata: { name: "edge-1", namespace: "ns" },
      spec: { clusterId: "id" },
    });
    this.target = {
      client: new KubeClient({ transport: this.kube.transport }),
      namespace: "ns",
      name: "edge-1",
    };
  }

  start(times: { updateMs: number; collectMs: number }): void {
    const reporter = new Reporter({
      collector: { health: () => Promise.resolve(this.health), nodes: () => this.nodes() },
      target: () => Promise.resolve(this.target),
      agentVersion: "0.1.0",
      apiserverURL: "https://10.96.0.1:443",
      onUnauthorized: () => this.unauthorized++,
      onReport: (ok) => this.results.push(ok),
      now: () => Date.parse("2026-11-23T20:00:00.123Z"),
      random: () => 0.5,
      log: this.log,
      firstNodesMs: 20,
      ...times,
    });
    this.#done = reporter.run(this.registered.promise, this.stop.signal).catch(() => {});
  }

  status(): ManagedCluster["status"] {
    return this.kube.get<ManagedCluster>(CLUSTERS, "edge-1", "ns")?.status;
  }

  get reports(): number {
    return this.results.filter((ok) => ok).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error("the test has ended"));
    this.registered.resolve();
    await this.#done;
  }
}

const SLOW = { updateMs: 180_000, collectMs: 60_000 };
const QUICK = { updateMs: 180_000, collectMs: 5 };

Deno.test("Reporter reports as soon as there are credentials", async () => {
  await using bed = new Bed();
  bed.start(SLOW);
  await delay(20);
  assert.equal(bed.reports, 0);
  bed.registered.resolve();
  await waitFor(() => bed.reports === 1);
  assert.deepEqual(bed.status(), {
    ...HEALTHY,
    ...NODES,
    agentVersion: "0.1.0",
    apiserverURL: "https://10.96.0.1:443",
    heartbeatFrequencySeconds: 180,
    lastObservedTime: "2026-11-23T20:00:00Z",
  });
  const seen = bed.kube.requests.at(-1)!;
  assert.equal(seen.method, "PATCH");
  assert.match(
    seen.path,
    /\/managedclusters\/edge-1\/status\?fieldManager=clusternet-agent&force=true$/,
  );
});

Deno.test("Reporter's first report does not wait for slow nodes; the second has them", async () => {
  await using bed = new Bed();
  const slow = Promise.withResolvers<NodeSummary | undefined>();
  bed.nodes = () => slow.promise;
  bed.registered.resolve();
  bed.start(SLOW);
  await waitFor(() => bed.reports === 1);
  assert.equal(bed.status()?.readyz, true);
  assert.equal(bed.status()?.capacity, undefined);
  slow.resolve(NODES);
  await waitFor(() => bed.reports === 2);
  assert.deepEqual(bed.status()?.capacity, { cpu: "12" });
});

Deno.test("Reporter reports a change of health at once, and nothing else before its time", async () => {
  await using bed = new Bed();
  bed.registered.resolve();
  bed.start(QUICK);
  await waitFor(() => bed.reports === 1);
  await delay(60);
  assert.equal(bed.reports, 1);
  bed.health = { ...HEALTHY, readyz: false };
  await waitFor(() => bed.reports === 2);
  assert.equal(bed.status()?.readyz, false);
  bed.health = HEALTHY;
  await waitFor(() => bed.reports === 3);
  assert.equal(bed.status()?.readyz, true);
});

Deno.test("Reporter says once that a report fails, tries again, and then has it", async () => {
  await using bed = new Bed();
  let failures = 0;
  bed.kube.interceptors.push(() =>
    ++failures <= 3 ? statusResponse(failure(403, "forbidden")) : undefined
  );
  bed.registered.resolve();
  bed.start(SLOW);
  await waitFor(() => bed.reports === 1, 10_000);
  assert.deepEqual(bed.results, [false, false, false, true]);
  assert.equal(bed.log.lines.length, 1);
  assert.match(bed.log.lines[0]!.message, /managedclusters\/status/);
});

Deno.test("Reporter asks for new credentials when its token is refused", async () => {
  await using bed = new Bed();
  let refused = true;
  bed.kube.interceptors.push(() =>
    refused ? statusResponse(failure(401, "Unauthorized")) : undefined
  );
  bed.registered.resolve();
  bed.start(SLOW);
  await waitFor(() => bed.unauthorized === 1);
  refused = false;
  await waitFor(() => bed.reports === 1, 5_000);
});

Deno.test("Reporter waits while there are no credentials", async () => {
  await using bed = new Bed();
  const { target } = bed;
  bed.target = undefined;
  bed.registered.resolve();
  bed.start(SLOW);
  await delay(30);
  assert.deepEqual(bed.results, []);
  bed.target = target;
  await waitFor(() => bed.reports === 1, 5_000);
});
