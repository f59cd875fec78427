import assert from "node:assert/strict";
import { silentLog } from "../../shared/log.ts";
import { createRegistry } from "../../shared/metrics.ts";
import { createApi, createHealthApi } from "./api.ts";
import { createHealth, type HealthCheck } from "./health.ts";
import type { SocketInfo } from "./socket_info.ts";

const CLUSTER = "dc91021d-2361-4f6d-a404-7c33b9e01118";
const SOCKET = `/apis/proxies.clusternet.io/v1alpha1/sockets/${CLUSTER}`;
const V2 = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1 = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

function api(
  options: { readyz?: HealthCheck[]; socket?: SocketInfo } = {},
): (path: string, init?: RequestInit) => Promise<Response> {
  const health = createHealth({
    livez: [{ name: "loop", check: () => {} }],
    readyz: options.readyz ?? [],
    log: silentLog,
    deadlineMs: 100,
  });
  const handler = createApi({
    health,
    registry: createRegistry(),
    socketInfo: (id) => id === CLUSTER ? options.socket : undefined,
    version: "0.1.0",
  });
  return (path, init) => handler(new Request(`https://hub.invalid${path}`, init));
}

Deno.test("Discovery documents are those of the original, and sockets/attach", async () => {
  const call = api();
  const group = {
    name: "proxies.clusternet.io",
    versions: [{ groupVersion: "proxies.clusternet.io/v1alpha1", version: "v1alpha1" }],
    preferredVersion: { groupVersion: "proxies.clusternet.io/v1alpha1", version: "v1alpha1" },
  };
  assert.deepEqual(await (await call("/apis")).json(), {
    kind: "APIGroupList",
    apiVersion: "v1",
    groups: [group],
  });
  assert.deepEqual(await (await call("/apis/proxies.clusternet.io/")).json(), {
    kind: "APIGroup",
    apiVersion: "v1",
    ...group,
  });
  assert.equal(
    await (await call("/apis/proxies.clusternet.io/v1alpha1")).text(),
    '{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"proxies.clusternet.io/v1alpha1",' +
      '"resources":[{"name":"sockets","singularName":"socket","namespaced":false,"kind":"Socket",' +
      '"verbs":["create","delete","get","patch","update"],"shortNames":["ss"],' +
      '"categories":["clusternet"]},{"name":"sockets/attach","singularName":"",' +
      '"namespaced":false,"kind":"Socket","verbs":["get"]},{"name":"sockets/proxy",' +
      '"singularName":"","namespaced":false,"kind":"Socket",' +
      '"verbs":["create","delete","get","patch","update"]}]}',
  );
  assert.deepEqual(await (await call("/api")).json(), {
    kind: "APIVersions",
    versions: [],
    serverAddressByClientCIDRs: [],
  });
});

Deno.test("Aggregated discovery is served in the version asked for", async (t) => {
  const call = api();
  const asked: [string, string, string][] = [
    [`${V2},${V2BETA1},application/json`, V2, "apidiscovery.k8s.io/v2"],
    [`${V2BETA1},application/json`, V2BETA1, "apidiscovery.k8s.io/v2beta1"],
    [`application/json;q=0.5, ${V2}`, V2, "apidiscovery.k8s.io/v2"],
    [
      "application/json;g=apidiscovery.k8s.io;v=v9;as=APIGroupDiscoveryList,application/json",
      "application/json",
      "v1",
    ],
    ["application/vnd.kubernetes.protobuf,*/*", "application/json", "v1"],
  ];
  for (const [accept, type, apiVersion] of asked) {
    await t.step(accept, async () => {
      const response = await call("/apis", { headers: { accept } });
      assert.equal(response.headers.get("content-type"), type);
      assert.equal(response.headers.get("vary"), "Accept");
      assert.equal((await response.json()).apiVersion, apiVersion);
    });
  }
  await t.step("nothing that can be had", async () => {
    const accept = "application/vnd.kubernetes.protobuf";
    assert.equal((await call("/apis", { headers: { accept } })).status, 406);
  });
  await t.step("the resources", async () => {
    const list = await (await call("/apis", { headers: { accept: V2 } })).json();
    const [resource] = list.items[0].versions[0].resources;
    assert.equal(resource.resource, "sockets");
    assert.equal(resource.scope, "Cluster");
    assert.deepEqual(
      resource.subresources.map(({ subresource }: { subresource: string }) => subresource),
      ["attach", "proxy"],
    );
    const legacy = await (await call("/api", { headers: { accept: V2 } })).json();
    assert.deepEqual(legacy.items, []);
  });
});

Deno.test("A known document is answered with 304", async () => {
  const call = api();
  for (const path of ["/apis", "/openapi/v2", "/openapi/v3"]) {
    const first = await call(path);
    const etag = first.headers.get("etag")!;
    await first.body?.cancel();
    const second = await call(path, { headers: { "if-none-match": etag } });
    assert.equal(second.status, 304);
    assert.equal(second.headers.get("etag"), etag);
  }
});

Deno.test("OpenAPI documents refer only to what they define", async () => {
  const call = api();
  const index = await (await call("/openapi/v3")).json();
  const url: string = index.paths["apis/proxies.clusternet.io/v1alpha1"].serverRelativeURL;
  assert.match(url, /^\/openapi\/v3\/apis\/proxies\.clusternet\.io\/v1alpha1\?hash=[0-9A-F]+$/);
  const v3 = await (await call(url)).json();
  assert.equal(v3.openapi, "3.0.0");
  const v2 = await (await call("/openapi/v2")).json();
  assert.equal(v2.swagger, "2.0");
  for (
    const [document, prefix, defined] of [
      [v3, "#/components/schemas/", v3.components.schemas],
      [v2, "#/definitions/", v2.definitions],
    ]
  ) {
    const ids = new Set<string>();
    JSON.stringify(document, (key, value) => {
      if (key === "$ref") {
        assert.ok(value.startsWith(prefix) && value.slice(prefix.length) in defined, value);
      }
      if (key === "operationId") {
        assert.ok(!ids.has(value), value);
        ids.add(value);
      }
      return value;
    });
    assert.equal(ids.size, 9);
  }
});

Deno.test("Health lists its checks and withholds reasons", async () => {
  const call = api({
    readyz: [
      { name: "leader", check: () => Promise.reject(new Error("the secret reason")) },
      { name: "slow", check: () => new Promise(() => {}) },
    ],
  });
  const text = async (path: string): Promise<[number, string]> => {
    const response = await call(path);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await text("/livez"), [200, "ok"]);
  assert.deepEqual(await text("/healthz?verbose"), [
    200,
    "[+]ping ok\n[+]loop ok\nhealthz check passed\n",
  ]);
  assert.deepEqual(await text("/readyz"), [
    500,
    "[+]ping ok\n[+]loop ok\n[-]leader failed: reason withheld\n" +
    "[-]slow failed: reason withheld\nreadyz check failed\n",
  ]);
  assert.deepEqual(await text("/readyz?exclude=leader&exclude=slow&verbose&exclude=other"), [
    200,
    "[+]ping ok\n[+]loop ok\n[+]leader excluded: ok\n[+]slow excluded: ok\n" +
    'warn: some health checks cannot be excluded: no matches for "other"\nreadyz check passed\n',
  ]);
  assert.deepEqual(await text("/readyz/ping"), [200, "ok"]);
  assert.deepEqual(await text("/readyz/leader"), [500, "[-]leader failed: reason withheld\n"]);
  assert.equal((await text("/readyz/unknown"))[0], 404);
});

Deno.test("A socket tells whether its agent is connected", async () => {
  const call = api({ socket: { connected: true, connectedAt: 1_800_000_000_000 } });
  assert.deepEqual(await (await call(SOCKET)).json(), {
    kind: "Socket",
    apiVersion: "proxies.clusternet.io/v1alpha1",
    metadata: { name: CLUSTER },
    status: { connected: true, connectedAt: "2027-01-15T08:00:00Z" },
  });
  const other = await call(SOCKET.replace("dc91", "dc92"));
  assert.equal(other.status, 404);
  assert.match((await other.json()).message, /not found: `kubectl get managedclusters/);
  for (
    const [path, method, status] of [
      [SOCKET, "DELETE", 405],
      [SOCKET.replace(`/${CLUSTER}`, ""), "GET", 405],
      [SOCKET.replace(CLUSTER, "not-an-id"), "GET", 400],
    ] as const
  ) {
    const response = await call(path, { method });
    assert.equal(response.status, status);
    assert.equal((await response.json()).kind, "Status");
  }
});

Deno.test("Unknown paths give 404 and wrong methods 405, as a Status", async () => {
  const call = api();
  for (const path of ["/nothing", "/apis/other", "/api/v1", "/openapi/v3/api/v1", "/livez/a/b"]) {
    const response = await call(path);
    assert.equal(response.status, 404, path);
    assert.equal((await response.json()).reason, "NotFound");
  }
  for (const path of ["/apis", "/version", "/readyz", "/metrics", "/openapi/v2"]) {
    for (const method of ["POST", "DELETE", "OPTIONS"]) {
      const response = await call(path, { method });
      assert.equal(response.status, 405, `${method} ${path}`);
      assert.equal(response.headers.get("allow"), "GET, HEAD");
      await response.body?.cancel();
    }
  }
});

Deno.test("Version, index and metrics are served", async () => {
  const call = api();
  assert.equal((await (await call("/version")).json()).gitVersion, "v0.1.0");
  const { paths } = await (await call("/")).json();
  for (const path of paths) {
    const response = await call(path);
    assert.equal(response.status, 200, path);
    await response.body?.cancel();
  }
  assert.match(await (await call("/metrics")).text(), /process_start_time_seconds/);
});

Deno.test("The plain port serves health and metrics only", async () => {
  const health = createHealth({ livez: [], readyz: [], log: silentLog });
  const handler = createHealthApi({ health, registry: createRegistry() });
  const status = async (path: string, method = "GET"): Promise<number> => {
    const response = await handler(new Request(`http://hub.invalid${path}`, { method }));
    await response.body?.cancel();
    return response.status;
  };
  assert.equal(await status("/readyz"), 200);
  assert.equal(await status("/metrics"), 200);
  assert.equal(await status("/apis"), 404);
  assert.equal(await status("/readyz", "POST"), 405);
});
