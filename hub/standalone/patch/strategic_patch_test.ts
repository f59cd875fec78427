import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import type { Schema } from "../schema/types.ts";
import { applyStrategicPatch } from "./strategic_patch.ts";

const ITEM: Schema = {
  type: "object",
  properties: {
    name: { type: "string" },
    value: { type: "string" },
    tags: {
      type: "array",
      items: { type: "string" },
      "x-kubernetes-patch-strategy": "merge",
    },
  },
};
const SCHEMA: Schema = {
  type: "object",
  properties: {
    map: { type: "object", additionalProperties: { type: "string" } },
    whole: {
      type: "object",
      additionalProperties: { type: "string" },
      "x-kubernetes-patch-strategy": "replace",
    },
    set: { type: "array", items: { type: "string" }, "x-kubernetes-patch-strategy": "merge" },
    atomic: { type: "array", items: { type: "string" } },
    items: {
      type: "array",
      items: ITEM,
      "x-kubernetes-patch-strategy": "merge,retainKeys",
      "x-kubernetes-patch-merge-key": "name",
    },
    keyless: { type: "array", items: ITEM, "x-kubernetes-patch-strategy": "merge" },
  },
};

type Json = Record<string, unknown>;

function run(target: Json, patch: unknown): unknown {
  const before = structuredClone({ target, patch });
  const result = applyStrategicPatch(SCHEMA, target, patch);
  assert.deepEqual({ target, patch }, before);
  return result;
}

function refuses(code: number, message: string, target: Json, patch: unknown): void {
  assert.throws(() => run(target, patch), (error) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, code);
    assert.equal(error.message, message);
    return true;
  });
}

const named = (...names: string[]): Json[] => names.map((name) => ({ name }));

Deno.test("applyStrategicPatch merges maps, and null takes away", () => {
  assert.deepEqual(run({ map: { a: "1", b: "2" } }, { map: { a: null, c: "3" }, none: null }), {
    map: { b: "2", c: "3" },
  });
  assert.deepEqual(run({ whole: { a: "1" } }, { whole: { b: "2" } }), { whole: { b: "2" } });
  assert.deepEqual(run({}, { map: { a: null, b: "2" }, unknown: [{ c: null }] }), {
    map: { b: "2" },
    unknown: [{}],
  });
  assert.deepEqual(run({ map: "x" }, { map: { a: "1" } }), { map: { a: "1" } });
  assert.deepEqual(run({ map: {} }, null), { map: {} });
});

Deno.test("applyStrategicPatch obeys $patch in maps", () => {
  const target = { map: { a: "1", b: "2" } };
  assert.deepEqual(run(target, { map: { $patch: "replace", c: "3" } }), { map: { c: "3" } });
  assert.deepEqual(run(target, { map: { $patch: "delete" } }), { map: {} });
  assert.deepEqual(run(target, { $patch: "replace", set: ["x"] }), { set: ["x"] });
  assert.deepEqual(run({}, { map: { $patch: "delete" } }), {});
  refuses(500, "unknown patch type: frob in map: map[$patch:frob a:b]", target, {
    map: { $patch: "frob", a: "b" },
  });
});

Deno.test("applyStrategicPatch obeys $retainKeys", () => {
  const target = { map: { a: "1", b: "2", c: "3" } };
  assert.deepEqual(run(target, { map: { $retainKeys: ["b", "d"], d: "4" } }), {
    map: { b: "2", d: "4" },
  });
  refuses(400, "invalid patch format of retainKeys", target, { map: { $retainKeys: "a" } });
  refuses(400, "invalid patch format of retainKeys", target, {
    map: { $retainKeys: ["a"], d: "4" },
  });
});

Deno.test("applyStrategicPatch merges sets and replaces atomic lists", () => {
  assert.deepEqual(run({ set: ["a", "b"] }, { set: ["c", "a"] }), { set: ["c", "a", "b"] });
  assert.deepEqual(run({ atomic: ["a", "b"] }, { atomic: ["c"] }), { atomic: ["c"] });
  assert.deepEqual(run({ set: ["a", "b"] }, { "$deleteFromPrimitiveList/set": ["a", "x"] }), {
    set: ["b"],
  });
  assert.deepEqual(run({}, { "$deleteFromPrimitiveList/set": ["a"] }), {});
  assert.deepEqual(run({ set: [] }, { set: [] }), { set: [] });
  refuses(422, "the server rejected our request due to an error in our request", { set: [] }, {
    set: [["a"]],
  });
  refuses(500, "list element types are not identical: [[a] [1]]", { set: ["a"] }, { set: [1] });
});

Deno.test("applyStrategicPatch merges lists by key", () => {
  const target = { items: [{ name: "a", value: "1", tags: ["x"] }, { name: "b" }] };
  assert.deepEqual(run(target, { items: [{ name: "a", tags: ["y"] }, { name: "c" }] }), {
    items: [{ name: "a", value: "1", tags: ["y", "x"] }, { name: "c" }, { name: "b" }],
  });
  assert.deepEqual(run(target, { items: [{ name: "a", $patch: "delete" }] }), {
    items: [{ name: "b" }],
  });
  assert.deepEqual(run(target, { items: [{ $patch: "replace" }, { name: "z" }] }), {
    items: [{ name: "z" }],
  });
  assert.deepEqual(run(target, { items: [{ name: "a", value: null, $retainKeys: ["name"] }] }), {
    items: [{ name: "a" }, { name: "b" }],
  });
  assert.deepEqual(run({}, { items: [{ name: "a", $patch: "delete" }, { name: "b" }] }), {
    items: [{ name: "b" }],
  });
});

Deno.test("applyStrategicPatch refuses lists that cannot be merged", () => {
  const target = { items: named("a"), keyless: named("a") };
  refuses(500, "map: map[value:1] does not contain declared merge key: name", target, {
    items: [{ value: "1" }],
  });
  refuses(500, "merging lists cannot yet be specified in the patch", target, {
    items: [{ name: "a", $patch: "merge" }],
  });
  refuses(500, "cannot merge lists without merge key for struct", target, { keyless: named("b") });
});

Deno.test("applyStrategicPatch orders lists as $setElementOrder says", () => {
  assert.deepEqual(
    run({ items: named("a", "b", "server") }, {
      "$setElementOrder/items": named("b", "c", "a"),
      items: named("c"),
    }),
    { items: named("b", "c", "a", "server") },
  );
  assert.deepEqual(run({ items: named("a", "b") }, { "$setElementOrder/items": named("b", "a") }), {
    items: named("b", "a"),
  });
  assert.deepEqual(
    run({ set: ["1", "2", "3"] }, { "$setElementOrder/set": ["4", "3"], set: ["4"] }),
    { set: ["4", "1", "2", "3"] },
  );
  assert.deepEqual(run({}, { "$setElementOrder/items": named("a") }), {});
  assert.deepEqual(run({}, { "$setElementOrder/items": named("a"), items: named("a") }), {
    items: named("a"),
  });
  refuses(
    500,
    "The order in patch list:\n[map[name:b] map[name:a]]\n doesn't match $setElementOrder list:\n" +
      "[map[name:a] map[name:b]]\n",
    { items: named("a", "b") },
    { "$setElementOrder/items": named("a", "b"), items: named("b", "a") },
  );
  refuses(500, "expected a []interface {}, but received a string", {}, {
    "$setElementOrder/items": "x",
  });
  refuses(400, "invalid patch format of setElementOrder list", {}, { $setElementOrder: ["x"] });
});

Deno.test("applyStrategicPatch merges 10,000 items in a moment", () => {
  const many = (prefix: string): Json[] =>
    Array.from({ length: 10_000 }, (_, i) => ({ name: `${prefix}${i}` }));
  const started = performance.now();
  const result = run({ items: many("a") }, {
    "$setElementOrder/items": many("b"),
    items: many("b"),
  }) as { items: Json[] };
  assert.equal(result.items.length, 20_000);
  assert.ok(performance.now() - started < 2_000);
});
