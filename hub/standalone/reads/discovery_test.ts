import assert from "node:assert/strict";
import { API_GROUP, API_RESOURCE_LIST } from "../../api/discovery.ts";
import { KINDS } from "../kinds/kinds.ts";
import { createDiscovery, type ExtraGroup } from "./discovery.ts";

const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const KUBECTL = `${V2},${V2.replace("=v2;", "=v2beta1;")},application/json`;
const EXTRA: ExtraGroup = {
  group: API_GROUP,
  resources: { "proxies.clusternet.io/v1alpha1": API_RESOURCE_LIST },
  discovery: { metadata: { name: "proxies.clusternet.io" }, versions: [] },
  openApiV3: { "apis/proxies.clusternet.io/v1alpha1": { openapi: "3.0.0" } },
};
const discovery = createDiscovery({ kinds: KINDS, gitVersion: "v1.36.3", extraGroups: [EXTRA] });

function call(path: string, headers: Record<string, string> = {}, method = "GET"): Response {
  const url = new URL(`https://hub.invalid${path}`);
  return discovery(new Request(url, { headers, method }), url.pathname)!;
}

Deno.test("createDiscovery announces resources as kube-apiserver", async () => {
  assert.deepEqual((await call("/api").json()).versions, ["v1"]);
  const { groups } = await call("/apis/").json();
  assert.deepEqual(groups.map(({ name }: { name: string }) => name), [
    "authentication.k8s.io",
    "authorization.k8s.io",
    "rbac.authorization.k8s.io",
    "coordination.k8s.io",
    "clusters.clusternet.io",
    "proxies.clusternet.io",
  ]);
  assert.deepEqual(groups[5], {
    name: "proxies.clusternet.io",
    versions: API_GROUP.versions,
    preferredVersion: API_GROUP.preferredVersion,
  });
  assert.deepEqual(await call("/apis/coordination.k8s.io/v1").json(), {
    kind: "APIResourceList",
    apiVersion: "v1",
    groupVersion: "coordination.k8s.io/v1",
    resources: [{
      name: "leases",
      singularName: "lease",
      namespaced: true,
      kind: "Lease",
      verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    }],
  });
  const core = await call("/api/v1").json();
  assert.equal("apiVersion" in core, false);
  assert.deepEqual(
    core.resources.find(({ name }: { name: string }) => name === "serviceaccounts/token"),
    {
      name: "serviceaccounts/token",
      singularName: "",
      namespaced: true,
      group: "authentication.k8s.io",
      version: "v1",
      kind: "TokenRequest",
      verbs: ["create"],
    },
  );
  assert.deepEqual(await call("/apis/proxies.clusternet.io/v1alpha1").json(), API_RESOURCE_LIST);
  const group = await call("/apis/clusters.clusternet.io").json();
  assert.equal(group.preferredVersion.groupVersion, "clusters.clusternet.io/v1beta1");
});

Deno.test("createDiscovery aggregates for those who ask", async () => {
  const root = call("/api", { accept: KUBECTL });
  assert.equal(root.headers.get("content-type"), V2);
  const { apiVersion, items: [core] } = await root.json();
  assert.deepEqual([apiVersion, core.metadata], ["apidiscovery.k8s.io/v2", {}]);
  const resources = core.versions[0].resources;
  assert.deepEqual(
    resources.find(({ resource }: { resource: string }) => resource === "namespaces"),
    {
      resource: "namespaces",
      responseKind: { group: "", version: "", kind: "Namespace" },
      scope: "Cluster",
      singularResource: "namespace",
      verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
      shortNames: ["ns"],
      subresources: [
        {
          subresource: "finalize",
          responseKind: { group: "", version: "", kind: "Namespace" },
          verbs: ["update"],
        },
        {
          subresource: "status",
          responseKind: { group: "", version: "", kind: "Namespace" },
          verbs: ["get", "patch", "update"],
        },
      ],
    },
  );
  const groups = await call("/apis", { accept: KUBECTL }).json();
  assert.equal(groups.items.length, 6);
  const own = groups.items[4].versions[0].resources[1];
  assert.equal(own.responseKind.group, "clusters.clusternet.io");
  assert.equal(own.verbs[0], "delete");
  const beta = call("/apis", { accept: V2.replace("=v2;", "=v2beta1;") });
  assert.match(beta.headers.get("content-type")!, /v=v2beta1/);
  await beta.body!.cancel();
});

Deno.test("createDiscovery knows what the caller has, and what it takes", () => {
  for (const path of ["/api", "/apis", "/api/v1", "/version", "/openapi/v3", "/"]) {
    const etag = call(path).headers.get("etag")!;
    assert.equal(call(path, { "if-none-match": etag }).status, 304, path);
    assert.equal(call(path, { accept: "text/html" }).status, 406, path);
    assert.equal(call(path, {}, "POST").status, 405, path);
  }
  assert.equal(discovery(new Request("https://hub.invalid/apis/nope"), "/apis/nope"), undefined);
  assert.equal(discovery(new Request("https://hub.invalid/healthz"), "/healthz"), undefined);
});

Deno.test("createDiscovery says its version", async () => {
  const version = await call("/version").json();
  assert.deepEqual([version.major, version.minor, version.gitVersion], ["1", "36", "v1.36.3"]);
  const { paths } = await call("/").json();
  for (
    const path of ["/api", "/api/v1", "/apis/proxies.clusternet.io", "/openapi/v3", "/version"]
  ) {
    assert.ok(paths.includes(path), path);
  }
});

Deno.test("createDiscovery serves OpenAPI documents by their hash", async () => {
  const { paths } = await call("/openapi/v3").json();
  assert.ok("api/v1" in paths && "apis/proxies.clusternet.io/v1alpha1" in paths);
  const url = paths["apis/coordination.k8s.io/v1"].serverRelativeURL;
  const document = call(url);
  assert.equal(document.status, 200);
  assert.equal(document.headers.get("cache-control"), "public, immutable");
  assert.equal((await document.json()).openapi, "3.0.0");
  const moved = call("/openapi/v3/apis/coordination.k8s.io/v1?hash=ABC");
  assert.deepEqual([moved.status, moved.headers.get("location")], [301, url]);
  assert.equal(call("/openapi/v3/nope").status, 404);
  const protobuf = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  assert.equal(call("/openapi/v2", { accept: protobuf }).status, 406);
  const v2 = call("/openapi/v2", { accept: `${protobuf},application/json` });
  assert.equal((await v2.json()).swagger, "2.0");
});
