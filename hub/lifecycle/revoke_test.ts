import assert from "node:assert/strict";
import { type ManagedCluster, REQUEST_UID_ANNOTATION } from "../../shared/kube/clusternet_types.ts";
import { Approver } from "../registration/approver.ts";
import { idHash, requestName } from "../registration/names.ts";
import {
  ACCOUNTS,
  CLUSTERS,
  type FakeParent,
  fakeParent,
  ID,
  makeRequest,
  OTHER_ID,
  RBAC,
  REQUESTS,
} from "../registration/testing.ts";
import { TokenMint } from "../registration/tokens.ts";
import { Monitor } from "./monitor.ts";
import { Revoker } from "./revoke.ts";

const NAME = requestName(ID);
const NAMESPACE = `clusternet-${idHash(ID)}`;
const signal = AbortSignal.timeout(3_600_000);

interface Parts {
  parent: FakeParent;
  approver: Approver;
  revoker: Revoker;
  monitor: Monitor;
  cuts: string[];
}

/** A cluster that is registered, and all that may take it away. */
async function registered(): Promise<Parts> {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  const approver = new Approver({
    ...parent,
    mint: new TokenMint({ ...parent, ttlMs: 168 * 3_600_000 }),
    approval: "auto",
    legacyCredentials: false,
  });
  await approver.reconcileRequest(NAME, { signal });
  const cuts: string[] = [];
  const registry = { cut: (id: string): void => void cuts.push(id), connected: () => true };
  const revoker = new Revoker({ ...parent, registry });
  return { parent, approver, revoker, monitor: new Monitor({ ...parent, registry }), cuts };
}

function fake(uid: string | undefined, clusterId = ID, namespace = "tenant"): ManagedCluster {
  return {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ManagedCluster",
    metadata: {
      name: "x",
      namespace,
      ...(uid === undefined ? {} : { annotations: { [REQUEST_UID_ANNOTATION]: uid } }),
      finalizers: ["example.com/foreign", "clusternet.io/revoke"],
    },
    spec: { clusterId },
  };
}

Deno.test("a ManagedCluster that is not at its request's place revokes nothing, and can go", async (t) => {
  const cases: [string, (uid: string) => ManagedCluster][] = [
    ["with the request's UID and cluster id", (uid) => fake(uid)],
    ["with the request's UID and another cluster id", (uid) => fake(uid, OTHER_ID)],
    ["in the cluster's own namespace", (uid) => fake(uid, OTHER_ID, NAMESPACE)],
    ["without a UID", () => fake(undefined)],
  ];
  for (const [what, make] of cases) {
    await t.step(what, async () => {
      const { parent, revoker, cuts } = await registered();
      const { metadata } = parent.fake.put(CLUSTERS, make(parent.request().metadata.uid!));
      parent.fake.remove(CLUSTERS, "x", metadata.namespace);
      const going = parent.fake.get<ManagedCluster>(CLUSTERS, "x", metadata.namespace)!;
      assert.ok(going.metadata.deletionTimestamp);
      const request = parent.request();
      revoker.cut(going);
      await revoker.reconcileCluster(`${metadata.namespace}/x`, { signal });
      const left = parent.fake.get<ManagedCluster>(CLUSTERS, "x", metadata.namespace);
      assert.deepEqual(left?.metadata.finalizers, ["example.com/foreign"]);
      assert.deepEqual(cuts, []);
      assert.deepEqual(parent.request(), request);
      assert.ok(parent.book.agentOf(ID));
      assert.ok(parent.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"));
      assert.ok(parent.fake.get(`${RBAC}/clusterrolebindings`, NAME));
      assert.ok(parent.fake.get(`${RBAC}/roles`, "clusternet-managedcluster-role", NAMESPACE));
    });
  }
});

Deno.test("the ManagedCluster at the request's place revokes", async () => {
  const { parent, revoker, cuts } = await registered();
  parent.fake.remove(CLUSTERS, "edge-1", NAMESPACE);
  await revoker.reconcileCluster(`${NAMESPACE}/edge-1`, { signal });
  assert.equal(parent.fake.get(CLUSTERS, "edge-1", NAMESPACE), undefined);
  assert.ok(cuts.includes(ID));
  assert.equal(parent.request().status?.result, "Denied");
  assert.equal(parent.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
});

Deno.test("a request that is being deleted holds nothing, whoever keeps it", async () => {
  const { parent, approver, revoker, cuts } = await registered();
  const { fake } = parent;
  const before = parent.request();
  fake.put(REQUESTS, { ...before, metadata: { ...before.metadata, finalizers: ["evil.io/x"] } });
  fake.remove(REQUESTS, NAME);
  assert.ok(parent.request().metadata.deletionTimestamp, "it still stands");
  assert.equal(parent.book.agentOf(ID), undefined, "no dial is let in");
  revoker.cutRequest(parent.request());
  assert.deepEqual(cuts, [ID]);
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  assert.equal(fake.get(`${RBAC}/clusterroles`, NAME), undefined);
  assert.equal(
    fake.get(`${RBAC}/rolebindings`, "clusternet-managedcluster-role", NAMESPACE),
    undefined,
  );
  assert.ok(fake.get(CLUSTERS, "edge-1", NAMESPACE)?.metadata.deletionTimestamp);
  const asked = fake.requests.length;
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(fake.requests.length, asked, "done once");
});

Deno.test("a request that a human marks as revoked holds nothing", async () => {
  const { parent, approver } = await registered();
  const request = parent.request();
  const revoked = { ...request.status!.conditions![0]!, type: "Revoked", status: "True" as const };
  parent.fake.put(REQUESTS, { ...request, status: { ...request.status, conditions: [revoked] } });
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(parent.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  assert.ok(parent.fake.get(CLUSTERS, "edge-1", NAMESPACE)?.metadata.deletionTimestamp);
});

Deno.test("a ManagedCluster that outlives its registration does not look alive", async () => {
  const { parent, monitor } = await registered();
  const status = (): Record<string, string> =>
    Object.fromEntries(
      (parent.fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE)?.status?.conditions ?? [])
        .map(({ type, status }) => [type, status]),
    );
  await monitor.reconcileConditions(ID, { signal });
  assert.equal(status()["Connected"], "True");
  const request = parent.request();
  const revoked = { ...request.status!.conditions![0]!, type: "Revoked", status: "True" as const };
  parent.fake.put(REQUESTS, { ...request, status: { ...request.status, conditions: [revoked] } });
  await monitor.reconcileConditions(ID, { signal });
  assert.deepEqual(status(), { Accepted: "False", Connected: "False", Ready: "False" });
  const asked = parent.fake.requests.length;
  await monitor.reconcileConditions(ID, { signal });
  assert.equal(parent.fake.requests.length, asked, "written once");
});
