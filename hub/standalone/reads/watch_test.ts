import assert from "node:assert/strict";
import { Events, openApi, refusal, TABLE } from "./testing.ts";

const WATCH = { watch: true } as const;

Deno.test("serveWatch gives what is there, then what changes", async () => {
  await using api = await openApi();
  await api.add("configmaps", "b");
  const a = await api.add("configmaps", "a");
  const response = await api.read("configmaps", "", WATCH);
  assert.equal(response.headers.get("content-type"), "application/json");
  const events = new Events(response);
  assert.deepEqual(await events.names(2), ["ADDED a", "ADDED b"]);
  const changed = await api.change(a, { data: { k: "v" } });
  await api.add("configmaps", "c", { namespace: "other" });
  await api.add("secrets", "s");
  const { type, object } = await events.next();
  assert.deepEqual([type, object], ["MODIFIED", JSON.parse(changed.json)]);
  const removed = await api.remove(changed);
  const last = await events.next();
  assert.equal(last.type, "DELETED");
  assert.equal(last.object.metadata.resourceVersion, String(removed.version));
  assert.deepEqual(last.object.data, { k: "v" });
  await events.cancel();
});

Deno.test("serveWatch resumes after a version, and waits for one to come", async () => {
  await using api = await openApi();
  const a = await api.add("secrets", "a");
  await api.add("secrets", "b");
  const events = new Events(
    await api.read("secrets", `resourceVersion=${a.version}`, { ...WATCH, namespace: "" }),
  );
  const later = new Events(await api.read("secrets", "resourceVersion=4", WATCH));
  await api.add("secrets", "c");
  await api.add("secrets", "d");
  assert.deepEqual(await events.names(3), ["ADDED b", "ADDED c", "ADDED d"]);
  assert.deepEqual(await later.names(1), ["ADDED d"]);
  await events.cancel();
  await later.cancel();
});

Deno.test("serveWatch tells of a version that is not kept with an ERROR event", async () => {
  await using api = await openApi(1);
  for (const name of ["a", "b", "c"]) await api.add("secrets", name);
  const response = await api.read("secrets", "resourceVersion=1", WATCH);
  assert.equal(response.status, 200);
  assert.deepEqual(JSON.parse(await response.text()), {
    type: "ERROR",
    object: {
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: "too old resource version: 1 (3)",
      reason: "Expired",
      code: 410,
    },
  });
});

Deno.test("serveWatch adds and deletes at the borders of selectors", async () => {
  await using api = await openApi();
  const a = await api.add("secrets", "a", { type: "x", labels: { app: "1" } });
  await api.add("secrets", "other", { type: "y", labels: { app: "1" } });
  const query = "labelSelector=app%3D1&fieldSelector=type%3Dx";
  const events = new Events(await api.read("secrets", query, WATCH));
  assert.deepEqual(await events.names(1), ["ADDED a"]);
  const out = await api.change(a, { type: "x", labels: { app: "2" }, data: { new: "" } });
  const gone = await events.next();
  assert.equal(gone.type, "DELETED");
  // What it was, with the version of the change
  assert.deepEqual(gone.object.metadata.labels, { app: "1" });
  assert.equal(gone.object.metadata.resourceVersion, String(out.version));
  const still = await api.change(out, { type: "x", labels: { app: "3" } });
  const back = await api.change(still, { type: "x", labels: { app: "1" } });
  const same = await api.change(back, { type: "x", labels: { app: "1" }, data: {} });
  await api.remove(same);
  assert.deepEqual(await events.names(3), ["ADDED a", "MODIFIED a", "DELETED a"]);
  await events.cancel();
});

Deno.test("serveWatch marks the end of the initial events when it is asked to", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a");
  const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  const events = new Events(
    await api.read("configmaps", `${query}&allowWatchBookmarks=true`, WATCH),
  );
  assert.deepEqual(await events.names(1), ["ADDED a"]);
  assert.deepEqual(await events.next(), {
    type: "BOOKMARK",
    object: {
      kind: "ConfigMap",
      apiVersion: "v1",
      metadata: { resourceVersion: "2", annotations: { "k8s.io/initial-events-end": "true" } },
    },
  });
  await api.add("configmaps", "b");
  assert.deepEqual(await events.names(1), ["ADDED b"]);
  await events.cancel();
  const future = await api.read("configmaps", `${query}&resourceVersion=99`, WATCH);
  const { type, object } = JSON.parse(await future.text());
  assert.deepEqual([type, object.code], ["ERROR", 504]);
  const none = new Events(
    await api.read(
      "configmaps",
      "sendInitialEvents=false&resourceVersionMatch=NotOlderThan",
      WATCH,
    ),
  );
  await api.add("configmaps", "c");
  assert.deepEqual(await none.names(1), ["ADDED c"]);
  await none.cancel();
});

Deno.test("serveWatch sends tables, whose columns come once, and metadata alone", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a", { data: { k: "v" } });
  await api.add("configmaps", "b");
  const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=1";
  const tables = new Events(await api.read("configmaps", query, { ...WATCH, accept: TABLE }));
  const first = await tables.next();
  assert.equal(first.object.columnDefinitions.length, 3);
  assert.deepEqual(first.object.rows[0].cells, ["a", 1, "60s"]);
  const second = await tables.next();
  assert.equal(second.object.columnDefinitions, null);
  assert.deepEqual(second.object.metadata, { resourceVersion: "3" });
  const { object } = await tables.next();
  assert.deepEqual(object.rows, [{
    cells: ["", 0, "<unknown>"],
    object: {
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion: "3", annotations: { "k8s.io/initial-events-end": "true" } },
    },
  }]);
  await tables.cancel();
  const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
  const partial = new Events(await api.read("configmaps", "", { ...WATCH, accept }));
  assert.deepEqual(Object.keys((await partial.next()).object), ["kind", "apiVersion", "metadata"]);
  await partial.cancel();
});

Deno.test("serveWatch ends in its time and with its request", async () => {
  await using api = await openApi();
  await api.add("configmaps", "a");
  const timed = await api.read("configmaps", "timeoutSeconds=-5", WATCH);
  assert.match(await timed.text(), /^({"type":"ADDED".*\n)?$/);
  const abort = new AbortController();
  const events = new Events(await api.read("configmaps", "", { ...WATCH, signal: abort.signal }));
  assert.deepEqual(await events.names(1), ["ADDED a"]);
  abort.abort();
  assert.equal(await events.next(), undefined);
  const late = await api.read("configmaps", "", { ...WATCH, signal: abort.signal });
  assert.equal(await late.text(), "");
});

Deno.test("serveWatch refuses bad options in the words of kube-apiserver", async () => {
  await using api = await openApi();
  const forbidden = "resourceVersionMatch: Forbidden: ";
  const start = 'ListOptions.meta.k8s.io "" is invalid: ';
  const unless = `${forbidden}resourceVersionMatch is forbidden for watch unless ` +
    "sendInitialEvents is provided";
  const requires = `${forbidden}sendInitialEvents requires setting resourceVersionMatch to ` +
    "NotOlderThan";
  const unsupported = (value: string): string =>
    `resourceVersionMatch: Unsupported value: "${value}": supported values: "NotOlderThan"`;
  const refusals: [number, string, string][] = [
    [422, "sendInitialEvents=true", start + requires],
    [422, "resourceVersionMatch=NotOlderThan", start + unless],
    [
      422,
      "resourceVersionMatch=Exact&resourceVersion=5",
      `${start}[${unless}, ${unsupported("Exact")}]`,
    ],
    [
      422,
      "sendInitialEvents=1&resourceVersionMatch=Foo",
      `${start}[${requires}, ${unsupported("Foo")}]`,
    ],
    [
      422,
      "continue=x",
      `${start}${forbidden}resourceVersionMatch is forbidden when continue is provided`,
    ],
    [400, "timeoutSeconds=x", 'strconv.ParseInt: parsing "x": invalid syntax'],
    [
      500,
      "resourceVersion=-1",
      'resourceVersion: Invalid value: "-1": strconv.ParseUint: parsing "-1": invalid syntax',
    ],
    [400, "labelSelector=a+in+x", "unable to parse requirement: found 'x' expected: '('"],
  ];
  for (const [code, query, message] of refusals) {
    await assert.rejects(api.read("configmaps", query, WATCH), refusal(code, message), query);
  }
});
