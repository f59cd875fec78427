import assert from "node:assert/strict";
import { exportJWK, generateKeyPair } from "jose";
import {
  CLUSTER_ID_LABEL,
  CLUSTER_NAME_LABEL,
  CREATED_BY_LABEL,
  type ManagedCluster,
  REQUEST_UID_ANNOTATION,
} from "../../shared/kube/clusternet_types.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import type { StoredObject } from "../../shared/testing/fake_kube.ts";
import { Approver, type ApproverOptions } from "./approver.ts";
import { idHash, requestName } from "./names.ts";
import { KEY_ANNOTATION } from "./last_key.ts";
import { openSealed } from "./sealing.ts";
import {
  ACCOUNTS,
  CLUSTERS,
  type FakeParent,
  fakeParent,
  ID,
  makeRequest,
  OTHER_ID,
  PRIVATE_KEY,
  RBAC,
  REQUESTS,
} from "./testing.ts";
import { TokenMint } from "./tokens.ts";

const NAME = requestName(ID);
const NAMESPACE = `clusternet-${idHash(ID)}`;
const TTL_MS = 168 * 3_600_000;
const signal = AbortSignal.timeout(3_600_000);

function approverOf(parent: FakeParent, options: Partial<ApproverOptions> = {}): Approver {
  return new Approver({
    ...parent,
    mint: new TokenMint({ ...parent, ttlMs: TTL_MS }),
    approval: "auto",
    legacyCredentials: false,
    ...options,
  });
}

Deno.test("Approver brings everything into being, with the original's labels", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest({ clusterLabels: { tier: "gold", "clusternet.io/x": "no" } }));
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });

  const { status, metadata } = parent.request();
  assert.equal(status?.result, "Approved");
  assert.equal(status.dedicatedNamespace, NAMESPACE);
  assert.equal(status.managedClusterName, "edge-1");
  assert.equal(status.token, undefined);
  assert.equal(status.conditions?.[0]?.type, "Approved");

  const account = fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents")!;
  assert.deepEqual(status.serviceAccount, {
    namespace: "clusternet-agents",
    name: NAMESPACE,
    uid: account.metadata.uid,
  });
  const credentials = await openSealed(PRIVATE_KEY, status.sealedCredentials!);
  assert.equal(credentials.clusterId, ID);
  assert.match(credentials.token, new RegExp(account.metadata.uid!));
  assert.equal(credentials.caCertificate, "PEM OF THE PARENT");
  assert.equal(credentials.expirationTimestamp, status.sealedCredentialsExpiry);
  assert.equal(Date.parse(credentials.expirationTimestamp) - parent.clock.ms, TTL_MS);

  const cluster = fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE)!;
  assert.deepEqual(cluster.metadata.labels, {
    tier: "gold",
    [CLUSTER_ID_LABEL]: ID,
    [CLUSTER_NAME_LABEL]: "edge-1",
    [CREATED_BY_LABEL]: "clusternet-agent",
  });
  assert.deepEqual(cluster.metadata.finalizers, ["clusternet.io/revoke"]);
  assert.equal(cluster.metadata.annotations?.[REQUEST_UID_ANNOTATION], metadata.uid);
  for (const resource of ["clusterroles", "clusterrolebindings"]) {
    const object = fake.get(`${RBAC}/${resource}`, NAME)!;
    assert.equal(object.metadata.labels?.[CREATED_BY_LABEL], "clusternet-hub");
    assert.equal(object.metadata.ownerReferences?.[0]?.uid, metadata.uid);
  }
  for (const resource of ["roles", "rolebindings"]) {
    assert.ok(fake.get(`${RBAC}/${resource}`, "clusternet-managedcluster-role", NAMESPACE));
  }
  assert.equal(fake.get("/namespaces", NAMESPACE)?.metadata.ownerReferences, undefined);
  assert.deepEqual(parent.events.seen.map(({ reason }) => reason), [
    "Approved",
    "Registered",
    "LabelsIgnored",
  ]);
  assert.match(parent.events.seen[0]!.message, /approved by the hub \(--approval=auto\)/);
  assert.equal(parent.book.known(ID), true);
  assert.equal(parent.book.agentOf(ID)?.uid, account.metadata.uid);
});

Deno.test("Approver writes nothing when all is in order", async () => {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });
  const before = parent.fake.requests.length;
  const result = await approver.reconcileRequest(NAME, { signal });
  assert.equal(parent.fake.requests.length, before);
  assert.ok(result!.requeueAfterMs! > 3_600_000);
  // A new hub asks nothing either, until the verification is due
  const later = await approverOf(parent).reconcileRequest(NAME, { signal });
  assert.equal(parent.fake.requests.length, before);
  assert.ok(later!.requeueAfterMs! <= 3_600_000);
});

Deno.test("Approver mends what drifted when the verification is due", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });
  const role = fake.get(`${RBAC}/clusterroles`, NAME)!;
  fake.put(`${RBAC}/clusterroles`, {
    ...role,
    rules: [{ apiGroups: [""], resources: ["secrets"], verbs: ["get"] }],
  });
  fake.remove(`${RBAC}/clusterrolebindings`, NAME);
  fake.remove(ACCOUNTS, NAMESPACE, "clusternet-agents");
  const sealed = parent.request().status?.sealedCredentials;
  parent.clock.ms += 24 * 3_600_000;
  await approver.reconcileRequest(NAME, { signal });
  assert.deepEqual(fake.get(`${RBAC}/clusterroles`, NAME)?.rules, role.rules);
  assert.ok(fake.get(`${RBAC}/clusterrolebindings`, NAME));
  const account = fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents");
  assert.equal(parent.request().status?.serviceAccount?.uid, account?.metadata.uid);
  assert.notEqual(parent.request().status?.sealedCredentials, sealed);
  const issued = parent.events.seen.filter(({ reason }) => reason === "CredentialsIssued");
  assert.equal(issued.length, 1);
  assert.doesNotMatch(issued[0]!.message, /eyJ/);
});

Deno.test("Approver finishes what another hub began", async () => {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  let calls = 0;
  parent.fake.interceptors.push(({ method, path }) =>
    method === "POST" && path.includes("rolebindings") && calls++ < 2
      ? statusResponse(failure(500, "etcd is away"))
      : undefined
  );
  const approver = approverOf(parent);
  await assert.rejects(approver.reconcileRequest(NAME, { signal }), /etcd is away/);
  assert.equal(parent.request().status, undefined);
  const account = parent.fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents");
  await approverOf(parent).reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status?.serviceAccount?.uid, account?.metadata.uid);
  assert.equal(parent.request().status?.result, "Approved");
});

Deno.test("Approver adopts no object that was not made for the request", async (t) => {
  const foreign: [string, string, StoredObject][] = [
    ["namespace", "/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "team-a", labels: { [CLUSTER_ID_LABEL]: ID } },
    }],
    ["service account", ACCOUNTS, {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: NAMESPACE, namespace: "clusternet-agents" },
    }],
    ["cluster role", `${RBAC}/clusterroles`, {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: NAME, labels: { [CREATED_BY_LABEL]: "clusternet-hub" } },
    }],
    ["other cluster's namespace", "/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        name: "team-a",
        labels: { [CLUSTER_ID_LABEL]: OTHER_ID, [CREATED_BY_LABEL]: "clusternet-agent" },
        annotations: { [REQUEST_UID_ANNOTATION]: "other" },
      },
    }],
  ];
  for (const [what, resource, object] of foreign) {
    await t.step(what, async () => {
      const parent = fakeParent();
      const existing = parent.fake.put(resource, object);
      parent.fake.put(REQUESTS, makeRequest({ clusterNamespace: "team-a" }));
      const approver = approverOf(parent);
      const result = await approver.reconcileRequest(NAME, { signal });
      assert.equal(result?.requeueAfterMs, 60_000);
      const { status } = parent.request();
      assert.equal(status?.result, "Failed");
      assert.match(status.errorMessage!, /was not made for this request/);
      assert.equal(status.sealedCredentials, undefined);
      assert.equal(parent.events.seen[0]?.reason, "NameTaken");
      const { name, namespace } = object.metadata;
      assert.deepEqual(parent.fake.get(resource, name!, namespace), existing);
      assert.equal(parent.book.agentOf(ID), undefined);
      // Said once, not at each try
      const writes = parent.fake.count("PUT", /status/);
      await approver.reconcileRequest(NAME, { signal });
      assert.equal(parent.fake.count("PUT", /status/), writes);
    });
  }
});

Deno.test("Approver refuses what no CRD would have let through", async () => {
  for (
    const [spec, text] of [
      [{ clusterName: "UPPER" }, /spec\.clusterName/],
      [{ clusterNamespace: "kube-system" }, /spec\.clusterNamespace is reserved/],
      [{ clusterLabels: { "a b": "c" } }, /clusterLabels/],
      [{ publicKey: { kty: "EC", crv: "P-256", x: "A".repeat(43), y: "A".repeat(43) } }, /P-256/],
    ] as const
  ) {
    const parent = fakeParent();
    parent.fake.put(REQUESTS, makeRequest(spec));
    await approverOf(parent).reconcileRequest(NAME, { signal });
    assert.equal(parent.request().status?.result, "Failed");
    assert.match(parent.request().status!.errorMessage!, text);
    assert.equal(parent.fake.count("POST", /./), 0);
  }
});

Deno.test("Approver with --approval=manual waits for a human's condition", async () => {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent, { approval: "manual" });
  await approver.reconcileRequest(NAME, { signal });
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status, undefined);
  assert.deepEqual(parent.events.seen.map(({ reason }) => reason), ["ApprovalPending"]);
  assert.match(parent.events.seen[0]!.message, /kubectl patch clsrr clusternet-dc91021d/);

  const approved = { type: "Approved", status: "True" as const, reason: "Checked", message: "" };
  parent.fake.put(REQUESTS, {
    ...parent.request(),
    status: { conditions: [{ ...approved, lastTransitionTime: "2026-06-01T00:00:00Z" }] },
  });
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status?.result, "Approved");
  assert.equal(parent.request().status?.conditions?.length, 1);
  const told = parent.events.seen.find(({ reason }) => reason === "Approved");
  assert.match(told!.message, /approved by an administrator .*reason Checked.* audit log/);
});

Deno.test("Approver takes everything back when a human denies", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });
  const request = parent.request();
  const denied = {
    type: "Denied",
    status: "True" as const,
    reason: "Lost",
    message: "The device was stolen",
    lastTransitionTime: "2026-06-01T00:00:00Z",
  };
  const conditions = [...request.status!.conditions!, denied];
  fake.put(REQUESTS, { ...request, status: { ...request.status, conditions } });
  assert.equal(parent.book.agentOf(ID), undefined);
  await approver.reconcileRequest(NAME, { signal });
  const { status } = parent.request();
  assert.equal(status?.result, "Denied");
  assert.equal(status.errorMessage, "The device was stolen");
  assert.equal(status.sealedCredentials, undefined);
  assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  assert.equal(fake.get(`${RBAC}/clusterrolebindings`, NAME), undefined);
  assert.ok(fake.get(CLUSTERS, "edge-1", NAMESPACE)?.metadata.deletionTimestamp);
  const before = fake.requests.length;
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(fake.requests.length, before);
});

Deno.test("Approver with --approval=manual revokes when Approved is set to False", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  const results: string[] = [];
  const approver = approverOf(parent, {
    approval: "manual",
    onResult: (result) => results.push(result),
  });
  const decide = async (status: "True" | "False"): Promise<void> => {
    const lastTransitionTime = "2026-06-01T00:00:00Z";
    const condition = { type: "Approved", status, reason: "", message: "", lastTransitionTime };
    const request = parent.request();
    fake.put(REQUESTS, { ...request, status: { ...request.status, conditions: [condition] } });
    if (status === "False") assert.equal(parent.book.agentOf(ID), undefined);
    await approver.reconcileRequest(NAME, { signal });
  };
  fake.put(REQUESTS, makeRequest());
  await decide("False");
  assert.equal(parent.request().status?.result, "Denied");
  await decide("True"); // Nothing was granted: a no may become a yes
  assert.equal(parent.request().status?.result, "Approved");
  assert.equal(parent.book.known(ID), true);

  await decide("False");
  const { status } = parent.request();
  assert.equal(status?.result, "Denied");
  assert.match(status.errorMessage!, /Approved=False/);
  assert.equal(status.sealedCredentials, undefined);
  assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  assert.ok(fake.get(CLUSTERS, "edge-1", NAMESPACE)?.metadata.deletionTimestamp);
  assert.equal(parent.events.seen.at(-1)?.reason, "Denied");
  assert.deepEqual(results, ["denied", "approved", "denied"]);
});

Deno.test("Approver with --approval=manual keeps what it granted when the condition is removed", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest());
  await approverOf(parent).reconcileRequest(NAME, { signal });
  const request = parent.request();
  fake.put(REQUESTS, { ...request, status: { ...request.status, conditions: [] } });
  const seen = parent.events.seen.length;
  const approver = approverOf(parent, { approval: "manual" });
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status?.result, "Approved");
  assert.ok(parent.book.agentOf(ID));
  assert.ok(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"));
  assert.equal(parent.events.seen.length, seen, "nothing waits for approval");
});

Deno.test("Approver takes a missing ManagedCluster for a revocation, and stays with it", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });
  const cluster = fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE)!;
  fake.put(CLUSTERS, { ...cluster, metadata: { ...cluster.metadata, finalizers: [] } });
  fake.remove(CLUSTERS, "edge-1", NAMESPACE);
  const fresh = { ...parent, clusters: { get: () => undefined, put: () => {} } };
  await new Approver({
    ...fresh,
    mint: new TokenMint({ ...parent, ttlMs: TTL_MS }),
    approval: "auto",
    legacyCredentials: false,
  }).reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status?.result, "Denied");
  assert.equal(parent.request().status?.conditions?.at(-1)?.type, "Revoked");
  assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  await approver.reconcileRequest(NAME, { signal });
  assert.equal(fake.get(CLUSTERS, "edge-1", NAMESPACE), undefined);
  assert.equal(parent.book.known(ID), false);
});

Deno.test("Approver leaves nothing that gives access where a name is taken", async (t) => {
  const taken: [string, string, StoredObject][] = [
    ["ManagedCluster", CLUSTERS, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ManagedCluster",
      metadata: { name: "edge-1", namespace: NAMESPACE },
    }],
    ["ClusterRole", `${RBAC}/clusterroles`, {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { name: NAME },
    }],
    ["Namespace", "/namespaces", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: NAMESPACE },
    }],
  ];
  for (const [kind, resource, object] of taken) {
    await t.step(kind, async () => {
      const parent = fakeParent();
      const { fake } = parent;
      fake.put(resource, object);
      fake.put(REQUESTS, makeRequest());
      const approver = approverOf(parent);
      const noAccess = (): void => {
        assert.equal(parent.request().status?.result, "Failed");
        assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
        assert.equal(fake.get(`${RBAC}/clusterrolebindings`, NAME), undefined);
        if (kind !== "ClusterRole") assert.equal(fake.get(`${RBAC}/clusterroles`, NAME), undefined);
      };
      await approver.reconcileRequest(NAME, { signal });
      noAccess();
      const tokens = fake.count("POST", /token$/);
      await approver.reconcileRequest(NAME, { signal });
      noAccess();
      assert.equal(fake.count("POST", /token$/), tokens, "no token at the next try");
      const { name, namespace } = object.metadata;
      fake.remove(resource, name!, namespace);
      await approver.reconcileRequest(NAME, { signal });
      assert.equal(parent.request().status?.result, "Approved");
    });
  }
});

Deno.test("Approver lets no other key in by another namespace", async () => {
  const parent = fakeParent();
  parent.fake.put("/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: NAMESPACE, annotations: { [KEY_ANNOTATION]: "0".repeat(64) } },
  });
  parent.fake.put(REQUESTS, makeRequest({ clusterNamespace: "team-a" }));
  await approverOf(parent).reconcileRequest(NAME, { signal });
  assert.match(parent.request().status!.errorMessage!, /another key/);
  assert.equal(parent.fake.get("/namespaces", "team-a"), undefined);
});

Deno.test("Approver lets another key in after an admin deleted the request, when a human says so", async () => {
  const parent = fakeParent();
  const { fake } = parent;
  fake.put(REQUESTS, makeRequest());
  const approver = approverOf(parent);
  await approver.reconcileRequest(NAME, { signal });
  const old = parent.request();
  const oldAccount = fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents")!;
  fake.remove(REQUESTS, NAME);
  approver.forget(old);
  const pair = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
  const { x, y } = await exportJWK(pair.publicKey);
  fake.put(REQUESTS, makeRequest({ publicKey: { kty: "EC", crv: "P-256", x: x!, y: y! } }));
  // Users may have rights on the id: another key is no matter of --approval=auto
  await approver.reconcileRequest(NAME, { signal });
  await approver.reconcileRequest(NAME, { signal });
  const { status: pending } = parent.request();
  assert.equal(pending?.result, undefined);
  assert.match(pending!.errorMessage!, /another key.*Approved=True/);
  assert.equal(fake.get(ACCOUNTS, NAMESPACE, "clusternet-agents"), undefined);
  assert.equal(parent.book.known(ID), false);
  const told = parent.events.seen.filter(({ reason }) => reason === "ApprovalPending");
  assert.equal(told.length, 1, "told once");
  const yes = { type: "Approved", status: "True" as const, reason: "Checked", message: "" };
  const conditions = [{ ...yes, lastTransitionTime: "2026-06-01T00:00:00Z" }];
  fake.put(REQUESTS, { ...parent.request(), status: { ...pending, conditions } });
  // The old ManagedCluster still has its finalizer: the new one has to wait for its end
  const waits = await approver.reconcileRequest(NAME, { signal });
  assert.equal(waits?.requeueAfterMs, 250);
  const left = fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE)!;
  assert.ok(left.metadata.deletionTimestamp);
  fake.put(CLUSTERS, { ...left, metadata: { ...left.metadata, finalizers: [] } });
  fake.remove(CLUSTERS, "edge-1", NAMESPACE);
  await approver.reconcileRequest(NAME, { signal });
  const { status, metadata } = parent.request();
  assert.equal(status?.result, "Approved");
  assert.notEqual(status.serviceAccount?.uid, oldAccount.metadata.uid);
  assert.equal(status.errorMessage, undefined);
  assert.equal(status.dedicatedNamespace, NAMESPACE);
  const cluster = fake.get<ManagedCluster>(CLUSTERS, "edge-1", NAMESPACE)!;
  assert.equal(cluster.metadata.annotations?.[REQUEST_UID_ANNOTATION], metadata.uid);
  const opened = await openSealed(await exportJWK(pair.privateKey), status.sealedCredentials!);
  assert.equal(opened.clusterId, ID);
});

Deno.test("Approver says which manifest to apply when the parent refuses", async () => {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  parent.fake.interceptors.push(({ path }) =>
    path.endsWith("/token") ? statusResponse(failure(403, "may not mint")) : undefined
  );
  await assert.rejects(approverOf(parent).reconcileRequest(NAME, { signal }), /may not mint/);
  const { status } = parent.request();
  assert.equal(status?.result, "Failed");
  assert.match(status.errorMessage!, /may not mint; apply deploy\/hub again/);
});

Deno.test("Approver with --legacy-credentials fills token and CA, and takes them out without", async () => {
  const parent = fakeParent();
  parent.fake.put(REQUESTS, makeRequest());
  await approverOf(parent, { legacyCredentials: true }).reconcileRequest(NAME, { signal });
  const { status } = parent.request();
  const token = new TextDecoder().decode(Uint8Array.fromBase64(status!.token!));
  assert.equal(token, (await openSealed(PRIVATE_KEY, status!.sealedCredentials!)).token);
  assert.equal(atob(status!.caCertificate!), "PEM OF THE PARENT");
  await approverOf(parent).reconcileRequest(NAME, { signal });
  assert.equal(parent.request().status?.token, undefined);
  assert.equal(parent.request().status?.caCertificate, undefined);
  assert.ok(parent.request().status?.sealedCredentials);
});
