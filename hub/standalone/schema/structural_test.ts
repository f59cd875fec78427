import assert from "node:assert/strict";
import { applyDefaults, dropNulls, prune } from "./structural.ts";
import type { Schema } from "./types.ts";

const SCHEMA: Schema = {
  type: "object",
  properties: {
    a: { type: "string", default: "x" },
    list: { type: "array", items: { type: "object", properties: { b: { type: "string" } } } },
    map: { type: "object", additionalProperties: { type: "string", nullable: true } },
    any: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

Deno.test("prune drops what the schema does not know, and says where it stood", () => {
  const value = { a: "1", z: 1, list: [{ b: "2", c: 3 }], map: { k: "v" }, any: { q: 1 } };
  const unknown: string[] = [];
  prune(SCHEMA, value, "", unknown);
  assert.deepEqual(value, { a: "1", list: [{ b: "2" }], map: { k: "v" }, any: { q: 1 } });
  assert.deepEqual(unknown, ["z", "list[0].c"]);
});

Deno.test("dropNulls keeps nulls where they are allowed, and in lists", () => {
  const value = { a: null, list: [null, { b: null }], map: { k: null } };
  dropNulls(SCHEMA, value);
  assert.deepEqual(value, { list: [null, {}], map: { k: null } });
});

Deno.test("applyDefaults sets what is absent", () => {
  const value = { list: [{}] };
  applyDefaults(SCHEMA, value);
  assert.deepEqual(value, { list: [{}], a: "x" });
});
