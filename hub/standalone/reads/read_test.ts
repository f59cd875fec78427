import assert from "node:assert/strict";
import { openApi, refusal, TABLE } from "./testing.ts";

Deno.test("serveRead gives an object as it is kept, its status too", async () => {
  await using api = await openApi();
  const stored = await api.add("managedclusters", "mc", { spec: { clusterId: "x" } });
  for (const subresource of ["", "status"]) {
    const response = await api.read("managedclusters", "", { name: "mc", subresource });
    assert.equal(response.headers.get("content-type"), "application/json");
    assert.equal(response.headers.get("cache-control"), "no-cache, private");
    assert.equal(await response.text(), stored.json);
  }
  await api.add("namespaces", "n", { status: { phase: "Active" } });
  const namespace = await api.read("namespaces", "", { name: "n", namespace: "n" });
  assert.equal((await namespace.json()).metadata.name, "n");
});

Deno.test("serveRead refuses what is not there, and odd versions, as kube-apiserver", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a");
  const none = await api.read("managedclusters", "", { name: "nope" }).catch((e) => e);
  assert.equal(none.message, 'managedclusters.clusters.clusternet.io "nope" not found');
  assert.deepEqual(none.status.details, {
    name: "nope",
    group: "clusters.clusternet.io",
    kind: "managedclusters",
  });
  const get = (query: string): Promise<Response> => api.read("configmaps", query, { name: "a" });
  const odd = await get("resourceVersion=x").catch((e) => e);
  assert.deepEqual(odd.status, {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: 'resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    code: 500,
  });
  await assert.rejects(
    get("resourceVersion=99"),
    refusal(504, "Timeout: Too large resource version: 99, current: 2"),
  );
  for (const query of ["resourceVersion=0", "resourceVersion=1", "limit=x", "watch=1"]) {
    await (await get(query)).body?.cancel();
  }
});

Deno.test("serveRead gives an object in the form that is asked for", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a", { data: { yes: "on" } });
  const get = (accept: string, query = ""): Promise<Response> =>
    api.read("configmaps", query, { name: "a", accept });
  const table = await (await get(TABLE)).json();
  assert.deepEqual(table.metadata, { resourceVersion: "2" });
  assert.deepEqual(table.rows[0].cells, ["a", 1, "60s"]);
  const beta = await (await get("application/json;as=Table;v=v1beta1;g=meta.k8s.io")).json();
  assert.equal(beta.apiVersion, "meta.k8s.io/v1beta1");
  assert.equal(beta.rows[0].object.apiVersion, "meta.k8s.io/v1beta1");
  const whole = await (await get(TABLE, "includeObject=Object")).json();
  assert.equal(whole.rows[0].object.kind, "ConfigMap");
  const bare = await (await get(TABLE, "includeObject=None")).json();
  assert.equal(bare.rows[0].object, null);
  const partial = await (await get("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"))
    .json();
  assert.deepEqual(Object.keys(partial), ["kind", "apiVersion", "metadata"]);
  const yaml = await get("application/yaml;q=0.9,application/json;q=0.5");
  assert.equal(yaml.headers.get("content-type"), "application/yaml");
  assert.match(await yaml.text(), /data:\n {2}"yes": "on"\n/);
  assert.match(await (await get("application/json;pretty=1")).text(), /^{\n {2}"apiVersion"/);
});
