/**
 * The Kubernetes client of `shared/kube` against a real kube-apiserver, which is killed, paused
 * and started again under it.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import {
  CONFIG_MAPS,
  type ConfigMap,
  discoverCa,
  EventRecorder,
  EVENTS,
  Informer,
  isStatus,
  KubeClient,
  type KubeConnection,
  type KubeEvent,
  type KubeObject,
  kubeTransport,
  LeaseElection,
  LEASES,
  loadKubeConfig,
  NAMESPACES,
  ROLE_BINDINGS,
  ROLES,
  SELF_SUBJECT_ACCESS_REVIEWS,
  SERVICE_ACCOUNTS,
  StatusError,
} from "../../shared/kube/mod.ts";
import { caHash } from "../../shared/kube/ca_discovery.ts";
import { memoryLog } from "../../shared/log.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { eventually } from "./wait.ts";

const NAMESPACE = "kube-client";
/** What the design promises after a reset or a silence of the API server. */
const LIVE_AGAIN_MS = 10_000;

function configMap(name: string, data: Record<string, string> = {}): ConfigMap {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: NAMESPACE }, data };
}

const code = (wanted: number) => (error: unknown): boolean => isStatus(error, wanted);

async function calls(client: KubeClient): Promise<void> {
  await client.create(NAMESPACES, { metadata: { name: NAMESPACE } });
  for (let i = 0; i < 7; i++) await client.create(CONFIG_MAPS, configMap(`map-${i}`));
  const { items, resourceVersion } = await client.list<ConfigMap>(CONFIG_MAPS, {
    namespace: NAMESPACE,
    fieldSelector: "metadata.name!=kube-root-ca.crt",
    limit: 2,
  });
  assert.equal(items.length, 7);
  assert.deepEqual([items[6]?.apiVersion, items[6]?.kind], ["v1", "ConfigMap"]);
  assert.match(resourceVersion, /^\d+$/);

  const map = items[0]!;
  await assert.rejects(client.create(CONFIG_MAPS, map), StatusError);
  const again = configMap(map.metadata.name!);
  await assert.rejects(client.create(CONFIG_MAPS, again), (error: unknown) => {
    return isStatus(error, 409) && error.reason === "AlreadyExists";
  });
  const namespace = { namespace: NAMESPACE };
  const updated = await client.update<ConfigMap>(CONFIG_MAPS, { ...map, data: { a: "1" } });
  await assert.rejects(client.update(CONFIG_MAPS, { ...map, data: { a: "2" } }), code(409));
  const name = map.metadata.name!;
  const merged = await client.patch<ConfigMap>(CONFIG_MAPS, name, { data: { b: "2" } }, {
    type: "merge",
    ...namespace,
  });
  assert.deepEqual(merged.data, { a: "1", b: "2" });
  const json = [{ op: "remove", path: "/data/b" }];
  await client.patch(CONFIG_MAPS, name, json, { type: "json", ...namespace });
  await assert.rejects(
    client.delete(CONFIG_MAPS, name, { ...namespace, preconditions: { uid: "other" } }),
    code(409),
  );
  await client.delete(CONFIG_MAPS, name, {
    ...namespace,
    preconditions: { uid: updated.metadata.uid! },
  });
  assert.equal(await client.getOrUndefined(CONFIG_MAPS, name, namespace), undefined);
  await assert.rejects(client.get(CONFIG_MAPS, name, namespace), /"map-0" not found/);
  assert.equal(await (await client.raw("/readyz")).text(), "ok");
}

async function serverSideApply(client: KubeClient): Promise<void> {
  const apply = (value: string, fieldManager: string, force = false): Promise<ConfigMap> =>
    client.patch<ConfigMap>(CONFIG_MAPS, "applied", configMap("applied", { key: value }), {
      type: "apply",
      namespace: NAMESPACE,
      fieldManager,
      force,
    });
  assert.equal((await apply("1", "one")).data?.key, "1");
  await assert.rejects(apply("2", "two"), (error: unknown) => {
    return isStatus(error, 409) && /conflict with "one"/.test(error.message);
  });
  assert.equal((await apply("2", "two", true)).data?.key, "2");
}

async function tokens(cluster: Cluster, client: KubeClient): Promise<void> {
  await client.create(SERVICE_ACCOUNTS, { metadata: { name: "agent", namespace: NAMESPACE } });
  const { token, expirationTimestamp } = await client.createToken(NAMESPACE, "agent", {
    expirationSeconds: 600,
  });
  assert.ok(Date.parse(expirationTimestamp) > Date.now() + 500_000);
  let asked = 0;
  using connection = kubeTransport({
    server: cluster.server,
    ca: cluster.caPem,
    token: ({ fresh = false } = {}) => {
      asked++;
      return Promise.resolve(fresh ? token : "stale");
    },
  });
  const agent = new KubeClient({ transport: connection.transport });
  const review = await agent.create<{ status: { allowed: boolean } }>(SELF_SUBJECT_ACCESS_REVIEWS, {
    spec: { resourceAttributes: { verb: "list", resource: "secrets" } },
  });
  assert.equal(review.status.allowed, false);
  assert.equal(asked, 2);
  await assert.rejects(agent.list(CONFIG_MAPS), /configmaps is forbidden: User "system:service/);
}

async function watches(client: KubeClient): Promise<void> {
  const { resourceVersion } = await client.list(CONFIG_MAPS, { namespace: NAMESPACE });
  const controller = new AbortController();
  const { signal } = controller;
  const events = client.watch<ConfigMap>(CONFIG_MAPS, {
    namespace: NAMESPACE,
    resourceVersion,
    signal,
  });
  const first = events.next();
  await client.create(CONFIG_MAPS, configMap("watched", { big: "x".repeat(500_000) }));
  const { value } = await first;
  assert.equal(value?.type, "ADDED");
  assert.equal((value?.object as ConfigMap).data?.big?.length, 500_000);
  const next = assert.rejects(events.next(), /enough/);
  controller.abort(new Error("enough"));
  await next;

  const ending = client.watch(CONFIG_MAPS, {
    namespace: NAMESPACE,
    resourceVersion,
    signal: new AbortController().signal,
    timeoutSeconds: 1,
  });
  const seen: string[] = [];
  for await (const event of ending) seen.push(event.type);
  assert.equal(seen[0], "ADDED");
}

async function expired(client: KubeClient): Promise<void> {
  const old = client.watch(CONFIG_MAPS, {
    resourceVersion: "1",
    signal: new AbortController().signal,
  });
  await assert.rejects(old.next(), code(410));
}

async function events(client: KubeClient): Promise<void> {
  const log = memoryLog();
  const recorder = new EventRecorder({ client, log });
  const map = await client.get<KubeObject>(CONFIG_MAPS, "watched", { namespace: NAMESPACE });
  const namespace = await client.get<KubeObject>(NAMESPACES, NAMESPACE);
  for (const { apiVersion, kind, metadata } of [map, map, namespace]) {
    const { name, uid, namespace } = metadata as { name: string; uid: string; namespace?: string };
    await recorder.record({
      involved: {
        apiVersion: apiVersion!,
        kind: kind!,
        name,
        uid,
        ...(namespace === undefined ? {} : { namespace }),
      },
      type: "Normal",
      reason: "Tested",
      message: "It was looked at",
      component: "clusternet-test",
    });
  }
  assert.deepEqual(log.lines, []);
  const fieldSelector = "reason=Tested";
  const { items } = await client.list<KubeEvent>(EVENTS, { fieldSelector });
  const found = items.map(({ metadata, count }) => `${metadata.namespace} ${count}`).sort();
  assert.deepEqual(found, ["default 1", `${NAMESPACE} 2`]);
}

/** The API server dies and comes back; meanwhile nobody can change anything. */
async function informerAcross(
  cluster: Cluster,
  client: KubeClient,
  outage: () => Promise<void>,
): Promise<void> {
  const controller = new AbortController();
  const informer = new Informer<ConfigMap>({
    client,
    resource: CONFIG_MAPS,
    namespace: NAMESPACE,
    idleMs: 3_000,
  });
  const told: string[] = [];
  informer.on({
    added: ({ metadata }) => told.push(`+${metadata.name}`),
    deleted: ({ metadata }) => told.push(`-${metadata.name}`),
  });
  informer.start(controller.signal);
  await informer.synced;
  const before = told.length;
  await outage();
  await cluster.kubectlOk(["-n", NAMESPACE, "create", "configmap", "after"]);
  const since = performance.now();
  await eventually("the informer sees a new object", LIVE_AGAIN_MS, () => {
    assert.ok(informer.get(`${NAMESPACE}/after`));
  });
  const tookMs = performance.now() - since;
  assert.ok(tookMs < LIVE_AGAIN_MS, `live again after ${tookMs} ms`);
  await cluster.kubectlOk(["-n", NAMESPACE, "delete", "configmap", "after"]);
  await eventually("the informer sees its deletion", 5_000, () => {
    assert.equal(informer.get(`${NAMESPACE}/after`), undefined);
  });
  assert.ok(informer.healthy);
  assert.deepEqual(told.slice(before), ["+after", "-after"], "nothing is told twice");
  controller.abort();
  await informer.stopped;
}

async function election(client: KubeClient, connection: KubeConnection): Promise<void> {
  const times = { leaseDurationMs: 3_000, renewDeadlineMs: 2_000, retryPeriodMs: 300 };
  const lease = { namespace: NAMESPACE, name: "leader", ...times };
  let cut = false;
  const cuttable = new KubeClient({
    transport: (request) => cut ? Promise.reject(new Error("cut")) : connection.transport(request),
  });
  const stops = [new AbortController(), new AbortController(), new AbortController()];
  const [a, b, c] = [cuttable, client, client].map((each, i) =>
    new LeaseElection({ ...lease, client: each, identity: `candidate-${i}` })
  ) as [LeaseElection, LeaseElection, LeaseElection];
  const running = [a.run(stops[0]!.signal)];
  await eventually("the first leads", 5_000, () => assert.ok(a.isLeader));
  running.push(b.run(stops[1]!.signal));
  await delay(500);
  assert.ok(!b.isLeader);
  cut = true; // As if it were killed
  await eventually("the second leads", 6_000, () => assert.ok(b.isLeader));
  assert.ok(!a.isLeader);
  running.push(c.run(stops[2]!.signal));
  await delay(500);
  stops[1]!.abort(); // Gives it back
  await eventually("the third leads", 1_500, () => assert.ok(c.isLeader));
  for (const stop of stops) stop.abort();
  await Promise.all(running);
  const { spec } = await client.get<{ spec: Record<string, unknown> }>(LEASES, "leader", {
    namespace: NAMESPACE,
  });
  assert.equal(spec.holderIdentity ?? "", "");
  assert.equal(spec.leaseTransitions, 2);
}

/** As kubeadm sets it up: anonymous may read one ConfigMap. */
async function caByItsHash(cluster: Cluster, client: KubeClient): Promise<void> {
  const hash = caHash(cluster.caPem);
  await assert.rejects(discoverCa(cluster.server, hash), /No CA of/);
  const namespace = "kube-public";
  const kubeconfig = JSON.stringify({
    kind: "Config",
    clusters: [{ cluster: { "certificate-authority-data": btoa(cluster.caPem) } }],
  });
  const metadata = { name: "cluster-info", namespace };
  await client.create(CONFIG_MAPS, { metadata, data: { kubeconfig } });
  await client.create(ROLES, {
    metadata,
    rules: [{
      apiGroups: [""],
      resources: ["configmaps"],
      resourceNames: ["cluster-info"],
      verbs: ["get"],
    }],
  });
  const apiGroup = "rbac.authorization.k8s.io";
  await client.create(ROLE_BINDINGS, {
    metadata,
    roleRef: { apiGroup, kind: "Role", name: "cluster-info" },
    subjects: [{ apiGroup, kind: "User", name: "system:anonymous" }],
  });
  await eventually("the CA is found", 10_000, async () => {
    assert.equal(caHash(await discoverCa(cluster.server, hash)), hash);
  });
  await assert.rejects(discoverCa(cluster.server, `sha256:${"0".repeat(64)}`), /No CA of/);
}

Deno.test("KubeClient works with a real kube-apiserver, and across its death", async (t) => {
  await using cluster = await startCluster({ name: "kube-client" });
  using connection = kubeTransport(await loadKubeConfig({ path: cluster.kubeconfig }));
  const client = new KubeClient({ transport: connection.transport });
  await t.step("calls", () => calls(client));
  await t.step("server-side apply", () => serverSideApply(client));
  await t.step("tokens", () => tokens(cluster, client));
  await t.step("watches", () => watches(client));
  await t.step("events", () => events(client));
  await t.step("leader election", () => election(client, connection));
  await t.step("CA by its hash", () => caByItsHash(cluster, client));
  await t.step(
    "informer across kill -9 and restart",
    () =>
      informerAcross(cluster, client, async () => {
        await cluster.apiserver.kill9();
        await delay(2_000);
        await cluster.apiserver.start();
      }),
  );
  await t.step(
    "informer across a paused API server",
    () =>
      informerAcross(cluster, client, async () => {
        cluster.apiserver.pause();
        await delay(8_000);
        cluster.apiserver.resume();
      }),
  );
  await t.step("an expired version", () => expired(client));
});
