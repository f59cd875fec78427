import assert from "node:assert/strict";
import { openApi, refusal, TABLE } from "./testing.ts";

// deno-lint-ignore no-explicit-any
async function json(response: Promise<Response>): Promise<any> {
  return await (await response).json();
}

// deno-lint-ignore no-explicit-any
function names(list: any): string[] {
  return list.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name);
}

const MATCH = 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: ';

Deno.test("serveList leaves the types out of built-in items, and writes continue for custom ones", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a", { data: { k: "v" } });
  await api.add("managedclusters", "mc", { spec: {} });
  const built = await json(api.read("configmaps"));
  assert.deepEqual([built.kind, built.apiVersion], ["ConfigMapList", "v1"]);
  assert.deepEqual(built.metadata, { resourceVersion: "3" });
  assert.deepEqual(Object.keys(built.items[0]), ["metadata", "data"]);
  const custom = await json(api.read("managedclusters"));
  assert.deepEqual(custom.metadata, { resourceVersion: "3", continue: "" });
  assert.equal(custom.items[0].kind, "ManagedCluster");
  assert.deepEqual((await json(api.read("secrets"))).items, []);
});

Deno.test("serveList gives pages of one version", async () => {
  await using api = await openApi();
  const made = [];
  for (const name of ["a", "b", "c", "d"]) {
    made.push(await api.add("configmaps", name, { namespace: "n", labels: { app: name } }));
  }
  await api.add("configmaps", "a", { namespace: "n-b" });
  const first = await json(api.read("configmaps", "limit=2", { namespace: "n" }));
  assert.deepEqual(names(first), ["a", "b"]);
  assert.equal(first.metadata.remainingItemCount, 2);
  await api.remove(made[2]!);
  await api.add("configmaps", "bb", { namespace: "n" });
  const rest = await json(
    api.read("configmaps", `limit=2&continue=${first.metadata.continue}`, { namespace: "n" }),
  );
  assert.deepEqual(names(rest), ["c", "d"]);
  assert.deepEqual(rest.metadata, { resourceVersion: "6" });
  // In the order of etcd's keys, over all namespaces
  const seen: string[] = [];
  let token = "";
  do {
    const page = await json(
      api.read("configmaps", `limit=1&continue=${token}`, { namespace: "" }),
    );
    const [{ metadata: { namespace, name } }] = page.items;
    seen.push(`${namespace}/${name}`);
    token = page.metadata.continue ?? "";
  } while (token !== "");
  assert.deepEqual(seen, ["n-b/a", "n/a", "n/b", "n/bb", "n/d"]);
});

Deno.test("serveList says nothing of what remains when there are selectors", async () => {
  await using api = await openApi();
  for (const name of ["a", "b", "c"]) await api.add("secrets", name, { type: name });
  const page = await json(api.read("secrets", "limit=1&fieldSelector=type!%3Da"));
  assert.deepEqual(names(page), ["b"]);
  assert.equal(page.metadata.remainingItemCount, undefined);
  const next = `limit=5&fieldSelector=type!%3Da&continue=${page.metadata.continue}`;
  assert.deepEqual(names(await json(api.read("secrets", next))), ["c"]);
  const one = await json(api.read("secrets", "limit=1&fieldSelector=metadata.name%3Da"));
  assert.deepEqual([names(one), one.metadata.continue], [["a"], undefined]);
  assert.deepEqual(names(await json(api.read("secrets", "fieldSelector=metadata.name%3Dx"))), []);
});

Deno.test("serveList goes back to a version, and refuses those that it has not", async () => {
  await using api = await openApi(2);
  await api.add("secrets", "a");
  await api.add("secrets", "b");
  const at = "resourceVersion=2&resourceVersionMatch=Exact";
  const old = await json(api.read("secrets", at));
  assert.deepEqual([names(old), old.metadata.resourceVersion], [["a"], "2"]);
  // Without a match, a limit makes it exact
  assert.deepEqual(names(await json(api.read("secrets", "limit=5&resourceVersion=2"))), ["a"]);
  assert.equal(names(await json(api.read("secrets", "resourceVersion=1"))).length, 2);
  // The watch cache takes no notice of the limit at 0
  assert.equal(names(await json(api.read("secrets", "limit=1&resourceVersion=0"))).length, 2);
  const { metadata } = await json(api.read("secrets", "limit=1"));
  for (const name of ["c", "d", "e"]) await api.add("secrets", name);
  await assert.rejects(
    api.read("secrets", at),
    refusal(410, "The resourceVersion for the provided list is too old."),
  );
  const stale = await api.read("secrets", `limit=1&continue=${metadata.continue}`).catch((e) => e);
  assert.deepEqual([stale.code, stale.reason], [410, "Expired"]);
  assert.match(stale.message, /^The provided continue parameter is too old to display a consis/);
  const rest = `continue=${stale.status.metadata.continue}`;
  assert.deepEqual(names(await json(api.read("secrets", rest))), ["b", "c", "d", "e"]);
});

Deno.test("serveList refuses a version to come with 504 and its cause", async () => {
  await using api = await openApi();
  await api.add("secrets", "a");
  for (const more of ["", "&resourceVersionMatch=Exact", "&resourceVersionMatch=NotOlderThan"]) {
    const error = await api.read("secrets", `resourceVersion=99${more}`).catch((e) => e);
    assert.deepEqual(error.status, {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: "Timeout: Too large resource version: 99, current: 2",
      reason: "Timeout",
      code: 504,
      details: {
        causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
        retryAfterSeconds: 1,
      },
    });
  }
});

Deno.test("serveList refuses bad options in the words of kube-apiserver", async () => {
  await using api = await openApi();
  const forbidden = `${MATCH}Forbidden: resourceVersionMatch`;
  const refusals: [number, string, string][] = [
    [400, "limit=x", 'strconv.ParseInt: parsing "x": invalid syntax'],
    [400, "limit=", 'strconv.ParseInt: parsing "": invalid syntax'],
    [
      400,
      `limit=${"9".repeat(20)}`,
      `strconv.ParseInt: parsing "${"9".repeat(20)}": value out of range`,
    ],
    [400, "limit=x&timeoutSeconds=y", 'strconv.ParseInt: parsing "y": invalid syntax'],
    [
      400,
      "resourceVersion=x",
      'invalid resource version: resourceVersion: Invalid value: "x": strconv.ParseUint: parsing "x": invalid syntax',
    ],
    [
      400,
      `resourceVersion=${"9".repeat(21)}`,
      `invalid resource version: resourceVersion: Invalid value: "${
        "9".repeat(21)
      }": strconv.ParseUint: parsing "${"9".repeat(21)}": value out of range`,
    ],
    [
      422,
      "resourceVersionMatch=Exact",
      `${forbidden} is forbidden unless resourceVersion is provided`,
    ],
    [
      422,
      "resourceVersion=0&resourceVersionMatch=Exact",
      `${forbidden} "exact" is forbidden for resourceVersion "0"`,
    ],
    [
      422,
      "resourceVersion=5&resourceVersionMatch=Foo",
      `${MATCH}Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", ""`,
    ],
    [
      422,
      "continue=x&resourceVersion=5&resourceVersionMatch=Exact",
      `${forbidden} is forbidden when continue is provided`,
    ],
    [
      422,
      "sendInitialEvents=false",
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    [
      422,
      "sendInitialEvents=1&fieldSelector=foo%3D1",
      'ListOptions.meta.k8s.io "" is invalid: sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list',
    ],
    [
      400,
      "continue=x&resourceVersion=5",
      "invalid continue token: continue key is not valid: illegal base64 data at input byte 0",
    ],
    [
      400,
      "resourceVersion=5&continue=eyJ2IjoibWV0YS5rOHMuaW8vdjEiLCJydiI6Mzk1LCJzdGFydCI6Ii9iIn0",
      "specifying resource version is not allowed when using continue",
    ],
  ];
  for (const [code, query, message] of refusals) {
    await assert.rejects(api.read("configmaps", query), refusal(code, message), query);
  }
  const { status } = await api.read("configmaps", "sendInitialEvents=1").catch((e) => e);
  assert.deepEqual(status.details, {
    group: "meta.k8s.io",
    kind: "ListOptions",
    causes: [{
      reason: "FieldValueForbidden",
      message: "Forbidden: sendInitialEvents is forbidden for list",
      field: "sendInitialEvents",
    }],
  });
});

Deno.test("serveList gives tables, metadata alone, YAML and line breaks", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a", { data: { k: "v" } });
  await api.add("configmaps", "b");
  const table = await json(api.read("configmaps", "limit=1", { accept: TABLE }));
  assert.deepEqual([table.kind, table.apiVersion], ["Table", "meta.k8s.io/v1"]);
  assert.equal(table.metadata.remainingItemCount, 1);
  assert.deepEqual(table.rows[0].cells, ["a", 1, "60s"]);
  assert.equal(table.rows[0].object.kind, "PartialObjectMetadata");
  const partial = await json(api.read("configmaps", "", {
    accept: "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
  }));
  assert.equal(partial.kind, "PartialObjectMetadataList");
  assert.deepEqual(Object.keys(partial.items[0]), ["kind", "apiVersion", "metadata"]);
  await assert.rejects(
    api.read("configmaps", "", {
      accept: "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
    }),
    refusal(
      406,
      "you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)",
    ),
  );
  const plain = await json(api.read("configmaps"));
  const pretty = await (await api.read("configmaps", "pretty=true")).text();
  assert.match(pretty, /^{\n {2}"kind": "ConfigMapList",\n/);
  assert.match(pretty, /\n {4}{\n {6}"metadata": {\n/);
  assert.deepEqual(JSON.parse(pretty), plain);
  const yaml = await (await api.read("configmaps", "", { accept: "application/yaml" })).text();
  assert.match(
    yaml,
    /^apiVersion: v1\nkind: ConfigMapList\n[^]*items:\n- data:\n {4}k: v\n {2}metadata:\n/,
  );
});

Deno.test("serveList streams many objects and holds nobody up", async () => {
  await using api = await openApi();
  const filler = "x".repeat(1000);
  for (let i = 0; i < 4000; i += 500) {
    await Promise.all(
      Array.from(
        { length: 500 },
        (_, j) => api.add("secrets", `s${i + j}`, { type: "t", data: { filler } }),
      ),
    );
  }
  for (const accept of ["application/json", TABLE]) {
    let last = performance.now(), longest = 0, running = true;
    const beat = (): void => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
      if (running) setTimeout(beat, 0);
    };
    const done = new Promise<void>((resolve) => setTimeout(() => (beat(), resolve()), 0));
    const response = await api.read("secrets", "fieldSelector=type%3Dt", { accept });
    const text = await response.text();
    running = false;
    await done;
    await new Promise((resolve) => setTimeout(resolve, 5));
    const list = JSON.parse(text);
    assert.equal((list.items ?? list.rows).length, 4000);
    assert.ok(longest < 100, `held up for ${longest} ms`); // About 10; the machine may be busy
  }
  const cut = await api.read("secrets");
  await cut.body!.cancel();
});
