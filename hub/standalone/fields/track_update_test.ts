import assert from "node:assert/strict";
import type { ApiObject } from "../store/types.ts";
import type { ManagedEntry } from "./managed.ts";
import { KIND, object, SCHEMA } from "./testing.ts";
import { trackUpdate } from "./track_update.ts";

function tracked(
  live: ApiObject | undefined,
  next: ApiObject,
  manager: string,
  seconds = 0,
  subresource = "",
): ApiObject {
  const before = structuredClone(live);
  trackUpdate({
    kind: KIND,
    schema: SCHEMA,
    live,
    next,
    manager,
    subresource,
    now: () => seconds * 1_000 + 999,
  });
  assert.deepEqual(live, before);
  return next;
}

function entries(of: ApiObject): ManagedEntry[] {
  return (of.metadata["managedFields"] ?? []) as ManagedEntry[];
}

function fields(of: ApiObject): Record<string, unknown> {
  return Object.fromEntries(entries(of).map(({ manager, fieldsV1 }) => [manager, fieldsV1]));
}

/** The live object with other fields. */
function changed(live: ApiObject, more: Record<string, unknown>): ApiObject {
  return { ...structuredClone(live), ...more };
}

Deno.test("trackUpdate gives a creator all it set", () => {
  const made = tracked(
    undefined,
    object({
      data: { a: "1" },
      atomic: ["x"],
      whole: { a: "1" },
      items: [{ name: "n", value: "v", tags: ["t"] }],
      free: { any: { thing: [1] } },
    }, { uid: "u", labels: { l: "1" } }),
    "",
    7,
  );
  assert.deepEqual(entries(made), [{
    manager: "unknown",
    operation: "Update",
    apiVersion: "v1",
    time: "1970-01-01T00:00:07Z",
    fieldsType: "FieldsV1",
    fieldsV1: {
      "f:metadata": { "f:labels": { ".": {}, "f:l": {} } },
      "f:data": { ".": {}, "f:a": {} },
      "f:atomic": {},
      "f:whole": {},
      "f:items": {
        ".": {},
        'k:{"name":"n","port":80}': {
          ".": {},
          "f:name": {},
          "f:value": {},
          "f:tags": { ".": {}, 'v:"t"': {} },
        },
      },
      "f:free": { ".": {}, "f:any": { ".": {}, "f:thing": {} } },
    },
  }]);
});

Deno.test("trackUpdate moves what changed to who changed it, and drops who has nothing left", () => {
  const one = tracked(undefined, object({ data: { a: "1", b: "2" } }), "one");
  const two = tracked(one, changed(one, { data: { a: "1", b: "3" } }), "two", 1);
  assert.deepEqual(fields(two), {
    one: { "f:data": { ".": {}, "f:a": {} } },
    two: { "f:data": { "f:b": {} } },
  });
  const three = tracked(two, changed(two, { data: { b: "4" } }), "three", 2);
  assert.deepEqual(fields(three), {
    one: { "f:data": {} },
    three: { "f:data": { "f:b": {} } },
  });
  const four = tracked(three, object(), "four", 3);
  assert.equal(four.metadata["managedFields"], undefined);
});

Deno.test("trackUpdate changes a time only with the set", () => {
  const one = tracked(undefined, object({ data: { a: "1", b: "2" } }), "one");
  const same = tracked(one, changed(one, {}), "one", 5);
  assert.deepEqual(entries(same), entries(one));
  // To take a field away is nobody's change
  const less = tracked(one, changed(one, { data: { a: "1" } }), "two", 5);
  assert.deepEqual(entries(less).map(({ manager, time }) => [manager, time]), [
    ["one", "1970-01-01T00:00:00Z"],
  ]);
});

Deno.test("trackUpdate tells managers apart by subresource", () => {
  const one = tracked(undefined, object({ data: { a: "1" } }), "one");
  const two = tracked(one, changed(one, { data: { a: "2", b: "1" } }), "one", 1, "status");
  assert.deepEqual(entries(two).map(({ manager, subresource }) => [manager, subresource]), [
    ["one", undefined],
    ["one", "status"],
  ]);
});

Deno.test("trackUpdate ends the tracking of an object when it is asked to", () => {
  const one = tracked(undefined, object({ data: { a: "1" } }), "one");
  for (const reset of [[], [{}]]) {
    const next = changed(one, { metadata: { name: "a", managedFields: reset } });
    const none = tracked(one, next, "two");
    assert.equal(none.metadata["managedFields"], undefined);
    const later = tracked(none, changed(none, { data: { a: "2" } }), "two");
    assert.equal(later.metadata["managedFields"], undefined);
  }
  const bySubresource = changed(one, { metadata: { name: "a", managedFields: [] } });
  assert.deepEqual(entries(tracked(one, bySubresource, "two", 0, "status")), entries(one));
});

Deno.test("trackUpdate keeps what was known when a request brings nothing that can be read", () => {
  const one = tracked(undefined, object({ data: { a: "1" } }), "one");
  const entry = entries(one)[0];
  const unreadable: unknown[] = [
    undefined,
    null,
    "x",
    [null, null],
    [{ ...entry, operation: "Frob" }],
    [{ ...entry, apiVersion: "" }],
    [{ ...entry, fieldsType: "FieldsV2" }],
    [{ ...entry, fieldsV1: { nonsense: {} } }],
    [{ ...entry, fieldsV1: [] }],
  ];
  for (const managedFields of unreadable) {
    const next = changed(one, { metadata: { name: "a", managedFields } });
    assert.deepEqual(entries(tracked(one, next, "two")), entries(one));
  }
});

Deno.test("trackUpdate tracks an object no more that cannot be compared", () => {
  const one = tracked(undefined, object({ data: { a: "1" } }), "one");
  const next = changed(one, { items: [{ value: "x", name: null }, null] });
  assert.equal(tracked(one, next, "two").metadata["managedFields"], undefined);
});

Deno.test("trackUpdate takes items that stand twice as one value", () => {
  const item = { name: "n", value: "1" };
  const one = tracked(undefined, object({ items: [item] }), "one");
  const two = tracked(one, changed(one, { items: [item, item] }), "two", 1);
  const key = 'k:{"name":"n","port":80}';
  assert.deepEqual(fields(two), {
    one: { "f:items": {} },
    two: { "f:items": { [key]: {} } },
  });
  const other = [{ ...item, value: "2" }, item];
  const three = tracked(two, changed(two, { items: other }), "three", 2);
  assert.deepEqual(fields(three)["three"], { "f:items": { [key]: {} } });
  const four = tracked(three, changed(three, { items: [item] }), "four", 3);
  assert.deepEqual(fields(four)["four"], {
    "f:items": { [key]: { ".": {}, "f:name": {}, "f:value": {} } },
  });
});

Deno.test("trackUpdate costs a moment for large objects", () => {
  const data = (count: number, size: number): Record<string, string> =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`key-${i}`, "v".repeat(size)]),
    );
  for (const [count, size] of [[1_000, 10], [1, 1 << 20], [1_000, 1_000]] as const) {
    let live = tracked(undefined, object({ data: data(count, size) }), "one");
    const took: number[] = [];
    for (let i = 0; i < 20; i++) {
      const next = changed(live, { data: { ...live["data"] as object, [`new-${i}`]: "x" } });
      const started = performance.now();
      trackUpdate({
        kind: KIND,
        schema: SCHEMA,
        live,
        next,
        manager: "two",
        subresource: "",
        now: () => i * 1_000,
      });
      took.push(performance.now() - started);
      live = next;
    }
    const median = took.sort((a, b) => a - b)[10] ?? Infinity;
    assert.ok(median < 50, `${count} of ${size} bytes: ${median} ms`);
  }
});
