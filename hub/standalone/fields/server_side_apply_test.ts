import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import fc from "fast-check";
import type { ApiObject } from "../store/types.ts";
import type { ManagedEntry } from "./managed.ts";
import { serverSideApply } from "./server_side_apply.ts";
import { KIND, object, SCHEMA } from "./testing.ts";

interface Options {
  manager?: string;
  force?: boolean;
  seconds?: number;
}

function applied(live: ApiObject | undefined, config: ApiObject, o: Options = {}): ApiObject {
  const before = structuredClone({ live, config });
  const result = serverSideApply({
    kind: KIND,
    schema: SCHEMA,
    live,
    applied: config,
    manager: o.manager ?? "one",
    force: o.force ?? false,
    subresource: "",
    now: () => (o.seconds ?? 0) * 1_000,
  });
  assert.deepEqual({ live, config }, before);
  return result;
}

function refuses(code: number, message: string, run: () => unknown): StatusError {
  let refusal: StatusError | undefined;
  assert.throws(run, (error) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.message, message);
    assert.equal(error.code, code);
    refusal = error;
    return true;
  });
  assert.ok(refusal !== undefined);
  return refusal;
}

function entries(of: ApiObject): ManagedEntry[] {
  return (of.metadata["managedFields"] ?? []) as ManagedEntry[];
}

Deno.test("serverSideApply makes an object that is not there", () => {
  const made = applied(undefined, object({ data: { a: "1" }, items: [{ name: "n" }] }));
  assert.deepEqual(made["data"], { a: "1" });
  assert.deepEqual(entries(made), [{
    manager: "one",
    operation: "Apply",
    apiVersion: "v1",
    time: "1970-01-01T00:00:00Z",
    fieldsType: "FieldsV1",
    fieldsV1: {
      "f:data": { "f:a": {} },
      "f:items": { 'k:{"name":"n","port":80}': { ".": {}, "f:name": {} } },
    },
  }]);
});

Deno.test("serverSideApply of the same changes nothing, not even the time", () => {
  const made = applied(undefined, object({ data: { a: "1" } }));
  assert.deepEqual(applied(made, object({ data: { a: "1" } }), { seconds: 9 }), made);
});

Deno.test("serverSideApply removes what its manager alone applied and applies no more", () => {
  const made = applied(undefined, object({ data: { a: "1", b: "2" }, atomic: ["x"] }));
  const shared = applied(made, object({ data: { b: "2" } }), { manager: "two" });
  const less = applied(shared, object({ data: {} }), { seconds: 3 });
  assert.deepEqual(less["data"], { b: "2" });
  assert.ok(!("atomic" in less));
  assert.deepEqual(entries(less).map(({ manager, time }) => [manager, time]), [
    // Who applied what was there already never got a time
    ["two", undefined],
    ["one", "1970-01-01T00:00:03Z"],
  ]);
});

Deno.test("serverSideApply refuses to take fields with other values, and takes them by force", () => {
  const made = applied(undefined, object({ data: { a: "1", b: "2" }, atomic: ["x"] }));
  const config = object({ data: { a: "9" } });
  const { status } = refuses(
    409,
    'Apply failed with 1 conflict: conflict with "one": .data.a',
    () => applied(made, config, { manager: "two" }),
  );
  assert.equal(status.reason, "Conflict");
  assert.deepEqual(status.details, {
    causes: [{
      reason: "FieldManagerConflict",
      message: 'conflict with "one"',
      field: ".data.a",
    }],
  });
  refuses(
    409,
    'Apply failed with 2 conflicts: conflicts with "one":\n- .atomic\n- .data.a',
    () => applied(made, { ...config, atomic: ["y"] }, { manager: "two" }),
  );
  const forced = applied(made, config, { manager: "two", force: true });
  assert.deepEqual(forced["data"], { a: "9", b: "2" });
  assert.deepEqual(entries(forced)[0]?.fieldsV1, { "f:atomic": {}, "f:data": { "f:b": {} } });
});

Deno.test("serverSideApply merges lists by key, in the order of what is applied", () => {
  const items = (...names: string[]): Record<string, unknown>[] =>
    names.map((name) => ({ name, port: 80 }));
  const made = applied(undefined, object({ items: items("a", "b", "c") }));
  const merged = applied(made, object({ items: items("c", "x", "a") }), { manager: "two" });
  assert.deepEqual(merged["items"], items("b", "c", "x", "a"));
  const pruned = applied(merged, object(), { manager: "one" });
  assert.deepEqual(pruned["items"], items("c", "x", "a"));
  refuses(
    500,
    "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .items: duplicate entries for " +
      'key [name="a",port=80]',
    () => applied(made, object({ items: [{ name: "a" }, { name: "a", port: 80 }] })),
  );
});

Deno.test("serverSideApply gives what nobody tracked to before-first-apply", () => {
  const live = object({ data: { a: "1" } });
  const first = applied(live, object({ data: { b: "2" } }));
  assert.deepEqual(entries(first).map(({ manager, operation }) => [manager, operation]), [
    ["one", "Apply"],
    ["before-first-apply", "Update"],
  ]);
  refuses(
    409,
    'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a',
    () => applied(live, object({ data: { a: "2" } })),
  );
});

Deno.test("serverSideApply refuses managed fields that it cannot read, and deep objects", () => {
  const live = object({}, { managedFields: [{ operation: "Frob" }] });
  refuses(
    500,
    "failed to decode managed fields: operation must be `Apply` or `Update`",
    () => applied(live, object()),
  );
  let deep: unknown = {};
  for (let i = 0; i < 3_000; i++) deep = { a: deep };
  refuses(
    400,
    "the object is nested deeper than 1000 levels",
    () =>
      serverSideApply({
        kind: KIND,
        schema: SCHEMA,
        live: undefined,
        applied: object({ free: deep }),
        manager: "one",
        force: false,
        subresource: "",
        now: () => 0,
      }),
  );
});

Deno.test("serverSideApply has no trouble with names that objects have from birth", () => {
  const data: unknown = JSON.parse('{"__proto__":"x","constructor":"y","toString":"z"}');
  const made = applied(undefined, object({ data }));
  assert.deepEqual(Object.keys(made["data"] as object).sort(), [
    "__proto__",
    "constructor",
    "toString",
  ]);
  const less = applied(made, object({ data: { constructor: "y" } }));
  assert.deepEqual(Object.keys(less["data"] as object), ["constructor"]);
});

Deno.test("serverSideApply leaves a lone applier with what it applied, and is idempotent", () => {
  const key = fc.constantFrom("a", "b", "c");
  const config = fc.record({
    data: fc.dictionary(key, fc.constantFrom("1", "2"), { minKeys: 1, noNullPrototype: true }),
    atomic: fc.array(key, { minLength: 1 }),
    items: fc.uniqueArray(fc.record({ name: key, value: key }, { noNullPrototype: true }), {
      minLength: 1,
      selector: ({ name }) => name,
    }),
  }, { requiredKeys: [], noNullPrototype: true });
  fc.assert(fc.property(fc.array(config, { minLength: 1, maxLength: 5 }), (configs) => {
    let live: ApiObject | undefined;
    for (const [i, fields] of configs.entries()) {
      live = applied(live, object(fields), { seconds: i });
      assert.deepEqual(applied(live, object(fields), { seconds: 99 }), live);
      const { metadata: _, apiVersion: __, kind: ___, ...rest } = live;
      assert.deepEqual(rest, fields);
    }
  }));
});
