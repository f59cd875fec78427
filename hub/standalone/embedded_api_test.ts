import { strict as assert } from "node:assert";
import type { HeaderList } from "../../shared/headers.ts";
import type { ApiObject } from "./store/types.ts";
import { embeddedApi, user } from "./writes/testing.ts";

const MERGE = "application/merge-patch+json";
const APPLY = "application/apply-patch+yaml";
const CONFIGMAPS = "/api/v1/namespaces/a/configmaps";

Deno.test("embedded API: a namespace from its first object to its end", async () => {
  await using api = await embeddedApi();
  const created = await api.json("POST", "/api/v1/namespaces", { metadata: { name: "a" } });
  assert.equal(created.status, 201);
  assert.deepEqual(created.body.spec, { finalizers: ["kubernetes"] });
  const secret = await api.json("POST", "/api/v1/namespaces/a/secrets", {
    metadata: { generateName: "s-" },
    stringData: { a: "b" },
  });
  assert.equal(secret.status, 201);
  assert.match(secret.body.metadata.name as string, /^s-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  assert.deepEqual(secret.body.data, { a: "Yg==" });
  const path = `/api/v1/namespaces/a/secrets/${secret.body.metadata.name}`;
  const patched = await api.json("PATCH", path, { data: { a: "Yw==" } }, MERGE);
  assert.equal(patched.status, 200);
  assert.deepEqual(patched.body.data, { a: "Yw==" });
  const applied = await api.json("PATCH", `${CONFIGMAPS}/c?fieldManager=me`, {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c" },
    data: { x: "1" },
  }, APPLY);
  assert.equal(applied.status, 201);
  const gone = await api.json("DELETE", "/api/v1/namespaces/a");
  assert.equal(gone.status, 200);
  assert.deepEqual(gone.body.status, { phase: "Terminating" });
  const late = await api.json("POST", CONFIGMAPS, { metadata: { name: "late" } });
  assert.equal(late.status, 403);
  assert.match(
    String(late.body.message),
    /^configmaps "late" is forbidden: unable to create new content in namespace a because/,
  );
});

Deno.test("embedded API: a watch sees what is written", async () => {
  await using api = await embeddedApi();
  await api.json("POST", "/api/v1/namespaces", { metadata: { name: "a" } });
  const list = await api.json("GET", CONFIGMAPS);
  const version = list.body.metadata.resourceVersion;
  const watch = await api.send(
    "GET",
    `${CONFIGMAPS}?watch=1&timeoutSeconds=1&resourceVersion=${version}`,
  );
  await api.json("POST", CONFIGMAPS, { metadata: { name: "w" } });
  await api.json("DELETE", `${CONFIGMAPS}/w`);
  const events = (await watch.text()).trim().split("\n").map((line) => JSON.parse(line));
  const seen = events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  assert.deepEqual(seen.filter((line) => !line.includes("kube-root-ca")), ["ADDED w", "DELETED w"]);
});

Deno.test("embedded API: nobody without a right gets a word of what is there", async () => {
  await using api = await embeddedApi();
  const bob = user("bob");
  const cases: [string, string, string][] = [
    [
      "GET",
      "/api/v1/namespaces/a/secrets",
      'secrets is forbidden: User "bob" cannot list resource "secrets" in API group "" in the namespace "a"',
    ],
    [
      "GET",
      "/api/v1/namespaces/a/secrets?fieldSelector=metadata.name=x&watch",
      'secrets "x" is forbidden: User "bob" cannot watch resource "secrets" in API group "" in the namespace "a"',
    ],
    [
      "OPTIONS",
      "/api/v1/namespaces/a/secrets",
      'secrets is forbidden: User "bob" cannot  resource "secrets" in API group "" in the namespace "a"',
    ],
    [
      "PUT",
      "/apis/coordination.k8s.io/v1/namespaces/a/leases/l",
      'leases.coordination.k8s.io "l" is forbidden: User "bob" cannot update resource "leases" in API group "coordination.k8s.io" in the namespace "a"',
    ],
    [
      "GET",
      "/api/v1/nodes/x/status",
      'nodes "x" is forbidden: User "bob" cannot get resource "nodes/status" in API group "" at the cluster scope',
    ],
    ["POST", "/foo%3Cb", 'forbidden: User "bob" cannot post path "/foo&lt;b"'],
  ];
  for (const [method, path, message] of cases) {
    const { status, body } = await api.json(method, path, undefined, undefined, bob);
    assert.deepEqual([status, body.message], [403, message]);
  }
});

Deno.test("embedded API: whoever owns one namespace reaches no other", async () => {
  await using api = await embeddedApi();
  for (const name of ["a", "b"]) {
    await api.json("POST", "/api/v1/namespaces", { metadata: { name } });
  }
  const bindings = "/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings";
  const bound = await api.json("POST", bindings, {
    metadata: { name: "bob" },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "bob" }],
    roleRef: { kind: "ClusterRole", apiGroup: "rbac.authorization.k8s.io", name: "cluster-admin" },
  });
  assert.equal(bound.status, 201);
  const bob = user("bob");
  const inside = "/api/v1/namespaces/a/namespaces";
  const tried: [string, string, unknown, string?][] = [
    ["GET", inside, undefined],
    ["GET", `${inside}?watch&timeoutSeconds=1`, undefined],
    ["POST", inside, { metadata: { name: "c" } }],
    ["GET", `${inside}/b`, undefined],
    ["PATCH", `${inside}/b`, { metadata: { labels: { x: "y" } } }, MERGE],
    ["PUT", `${inside}/b/finalize`, { metadata: { name: "b" }, spec: {} }],
    ["DELETE", `${inside}/b`, undefined],
  ];
  for (const [method, path, body, type] of tried) {
    const { status } = await api.json(method, path, body, type, bob);
    assert.equal(status, 404, `${method} ${path}`);
  }
  assert.equal(
    (await api.json("GET", "/api/v1/namespaces/a", undefined, undefined, bob)).status,
    200,
  );
  assert.equal(
    (await api.json("GET", "/api/v1/namespaces/b", undefined, undefined, bob)).status,
    403,
  );
});

Deno.test("embedded API: paths that lead nowhere", async () => {
  await using api = await embeddedApi();
  const expected: [string, string, number][] = [
    ["GET", "/api/v1/namespaces/default/nope", 404],
    ["GET", "/api/v1/nope/x", 404],
    ["GET", "/apis/x.y/v1/nope", 404],
    ["GET", "/api/v2/secrets", 404],
    ["PUT", "/api/v1/namespaces", 405],
    ["POST", "/api/v1/namespaces/default", 405],
    ["DELETE", "/api/v1/namespaces", 405],
    ["HEAD", "/api/v1/namespaces/default", 405],
    ["OPTIONS", "/api/v1/namespaces/default", 405],
    ["GET", "/api/v1/namespaces/default/secrets/a%2fb", 404],
    ["GET", "/api/v1//namespaces", 404],
    ["GET", "//api/v1/namespaces", 404],
    ["GET", "/api/v1/namespaces/default/secrets/", 200],
    ["GET", "/api/v1/namespaces/default/secrets/a%00b", 400],
    ["GET", "/api/v1/namespaces/default/secrets/a%25b", 400],
    ["GET", "/api/v1/namespaces/default/secrets/a%20b", 404],
    ["GET", `/api/v1/namespaces/default/secrets/${"a".repeat(9000)}`, 400],
    ["GET", "/api/v1/namespaces/default/secrets/x/status", 404],
    ["GET", "/api/v1/namespaces/default/secrets/x/y/z", 404],
    ["GET", "/api/v1/namespaces/default/nodes", 404],
    ["GET", "/api/v1/secrets/x", 404],
    ["POST", "/api/v1/secrets", 405],
    ["GET", "/api/v1/namespaces/default/serviceaccounts/sa/token", 405],
    ["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405],
    ["GET", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews/x", 404],
    ["POST", "/apis/authorization.k8s.io/v1/localsubjectaccessreviews", 404],
    ["PUT", "/apis/clusters.clusternet.io/v1beta1/namespaces/default/managedclusters", 400],
    [
      "POST",
      "/apis/clusters.clusternet.io/v1beta1/namespaces/default/managedclusters/a/status",
      405,
    ],
    ["GET", "/apis/clusters.clusternet.io/v1beta1/namespaces/default/managedclusters/a/scale", 404],
    ["POST", "/apis/clusters.clusternet.io/v1beta1/managedclusters", 404],
    ["GET", "/nope", 404],
  ];
  for (const [method, path, status] of expected) {
    const response = await api.send(method, path);
    await response.text();
    assert.equal(response.status, status, `${method} ${path}`);
  }
});

Deno.test("embedded API: every answer carries an audit id and is not to be kept", async () => {
  await using api = await embeddedApi();
  for (const path of ["/api/v1/namespaces", "/nope", "/version", "/api/v1/namespaces/nope"]) {
    const response = await api.send("GET", path);
    await response.text();
    assert.match(response.headers.get("Audit-Id") ?? "", /^[0-9a-f-]{36}$/);
    assert.equal(response.headers.get("Cache-Control"), "no-cache, private");
    assert.equal(response.headers.get("Warning"), null);
  }
});

Deno.test("embedded API: optimistic locking and updates that change nothing", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  const first = await api.json("POST", path, { metadata: { name: "x" }, data: { a: "1" } });
  const { metadata } = first.body;
  const same = await api.json("PUT", `${path}/x`, { metadata: { name: "x" }, data: { a: "1" } });
  assert.equal(same.body.metadata.resourceVersion, metadata.resourceVersion);
  const next = await api.json("PUT", `${path}/x`, { metadata, data: { a: "2" } });
  assert.notEqual(next.body.metadata.resourceVersion, metadata.resourceVersion);
  const stale = await api.json("PUT", `${path}/x`, { metadata, data: { a: "3" } });
  assert.deepEqual(
    [stale.status, stale.body.message],
    [
      409,
      'Operation cannot be fulfilled on configmaps "x": the object has been modified; please apply your changes to the latest version and try again',
    ],
  );
  const other = await api.json("PUT", `${path}/x`, { metadata: { name: "x", uid: "o" } });
  assert.equal(
    other.body.message,
    `Operation cannot be fulfilled on configmaps "x": StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/x, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: o, UID in object meta: ${metadata.uid}`,
  );
});

Deno.test("embedded API: PUT makes leases and roles, and wants a version for leases", async () => {
  await using api = await embeddedApi();
  const path = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l";
  const made = await api.json("PUT", path, { metadata: { name: "l", resourceVersion: "1" } });
  assert.equal(made.status, 201);
  const again = await api.json("PUT", path, { metadata: { name: "l" } });
  assert.deepEqual([again.status, again.body.message], [
    422,
    'leases.coordination.k8s.io "l" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  ]);
  const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles/r";
  assert.equal((await api.json("PUT", roles, { metadata: { name: "r" } })).status, 201);
  const secret = "/api/v1/namespaces/default/secrets/s";
  assert.equal((await api.json("PUT", secret, { metadata: { name: "s" } })).status, 404);
});

Deno.test("embedded API: an object waits for its finalizers, then goes", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  await api.json("POST", path, { metadata: { name: "f", finalizers: ["a.b/c"] } });
  const marked = await api.json("DELETE", `${path}/f`);
  assert.equal(marked.body.kind, "ConfigMap");
  assert.equal(marked.body.metadata.deletionGracePeriodSeconds, 0);
  const again = await api.json("DELETE", `${path}/f`);
  assert.equal(again.body.metadata.resourceVersion, marked.body.metadata.resourceVersion);
  const last = await api.json("PATCH", `${path}/f`, { metadata: { finalizers: null } }, MERGE);
  assert.equal(last.status, 200);
  assert.equal((await api.json("GET", `${path}/f`)).status, 404);
});

Deno.test("embedded API: deletions answer with a Status, of service accounts the object", async () => {
  await using api = await embeddedApi();
  const base = "/api/v1/namespaces/default";
  const made = await api.json("POST", `${base}/secrets`, { metadata: { name: "s" } });
  const gone = await api.json("DELETE", `${base}/secrets/s`);
  assert.deepEqual(gone.body as unknown, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: { name: "s", kind: "secrets", uid: made.body.metadata.uid },
  });
  await api.json("POST", `${base}/serviceaccounts`, { metadata: { name: "sa" } });
  const account = await api.json("DELETE", `${base}/serviceaccounts/sa`);
  assert.equal(account.body.kind, "ServiceAccount");
  const kept = await api.json("DELETE", "/api/v1/namespaces/default");
  assert.equal(
    kept.body.message,
    'namespaces "default" is forbidden: this namespace may not be deleted',
  );
});

Deno.test("embedded API: a collection is deleted by its selector, and shown", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  for (const name of ["a", "b", "c"]) {
    const labels = name === "c" ? {} : { go: "yes" };
    await api.json("POST", path, { metadata: { name, labels } });
  }
  const { body } = await api.json("DELETE", `${path}?labelSelector=go%3Dyes`);
  const items = body.items as ApiObject[];
  assert.deepEqual(items.map(({ metadata }) => metadata.name), ["a", "b"]);
  assert.equal(body.kind, "ConfigMapList");
  assert.equal((await api.json("GET", `${path}/a`)).status, 404);
  assert.equal((await api.json("GET", `${path}/c`)).status, 200);
});

Deno.test("embedded API: dry runs write nothing", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  const made = await api.json("POST", `${path}?dryRun=All`, { metadata: { name: "d" } });
  assert.deepEqual([made.status, made.body.metadata.resourceVersion], [201, undefined]);
  await api.json("POST", path, { metadata: { name: "d" } });
  const changed = await api.json("PATCH", `${path}/d?dryRun=All`, { data: { a: "b" } }, MERGE);
  assert.deepEqual(changed.body.data, { a: "b" });
  await api.json("DELETE", `${path}/d?dryRun=All`);
  const left = await api.json("GET", `${path}/d`);
  assert.deepEqual([left.status, left.body.data], [200, undefined]);
});

Deno.test("embedded API: tokens and reviews", async () => {
  await using api = await embeddedApi();
  const base = "/api/v1/namespaces/default/serviceaccounts";
  await api.json("POST", base, { metadata: { name: "sa" } });
  const made = await api.json("POST", `${base}/sa/token`, {});
  assert.equal(made.status, 201);
  const { token } = made.body.status as { token: string };
  const review = await api.json("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {
    spec: { token },
  });
  const { user: found } = review.body.status as { user: { username: string } };
  assert.equal(found.username, "system:serviceaccount:default:sa");
  const may = await api.json("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    spec: { resourceAttributes: { verb: "get", resource: "secrets" } },
  });
  assert.deepEqual([may.status, (may.body.status as { allowed: boolean }).allowed], [201, true]);
  const missing = await api.json("POST", `${base}/nope/token`, {});
  assert.equal(missing.status, 404);
});

Deno.test("embedded API: many writers of one object lose nothing", async () => {
  await using api = await embeddedApi();
  const path = "/api/v1/namespaces/default/configmaps";
  await api.json("POST", path, { metadata: { name: "x" } });
  const writes = Array.from(
    { length: 12 },
    (_, i) => api.json("PATCH", `${path}/x`, { data: { [`k${i}`]: "v" } }, MERGE),
  );
  for (const { status } of await Promise.all(writes)) assert.equal(status, 200);
  const { body } = await api.json("GET", `${path}/x`);
  assert.equal(Object.keys(body.data as object).length, 12);
});

Deno.test("embedded API: whom to act as is read line by line", async () => {
  await using api = await embeddedApi();
  const whoAmI = (...lines: HeaderList): ReturnType<typeof api.json> =>
    api.json(
      "POST",
      "/apis/authentication.k8s.io/v1/selfsubjectreviews",
      {},
      undefined,
      undefined,
      lines,
    );
  const bob: [string, string] = ["Impersonate-User", "bob"];
  const { status, body } = await whoAmI(bob, ["Impersonate-Group", "CN=a, O=b"]);
  assert.equal(status, 201);
  assert.deepEqual((body.status as { userInfo: unknown }).userInfo, {
    username: "bob",
    groups: ["CN=a, O=b", "system:authenticated"],
  });
  assert.equal((await whoAmI(bob, ["Impersonate-User", "eve"])).status, 400);
});
