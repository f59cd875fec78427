import assert from "node:assert/strict";
import {
  duplicate,
  forbiddenField,
  immutable,
  invalidValue,
  notSupported,
  required,
  same,
  tooLong,
  tooMany,
} from "./field_errors.ts";

Deno.test("faults of fields speak as field.Error does", () => {
  const messages = [
    invalidValue("f", { a: 1 }, "why"),
    required("f"),
    required("f", "why"),
    duplicate("f", "x"),
    notSupported("f", "x", ["a", 1]),
    forbiddenField("f", "why"),
    tooLong("f", 3),
    tooMany("f", 3, 2),
  ].map(({ message }) => message);
  assert.deepEqual(messages, [
    'Invalid value: {"a":1}: why',
    "Required value",
    "Required value: why",
    'Duplicate value: "x"',
    'Unsupported value: "x": supported values: "a", 1',
    "Forbidden: why",
    "Too long: may not be more than 3 bytes",
    "Too many: 3: must have at most 2 items",
  ]);
});

Deno.test("same compares values, not the order of keys", () => {
  assert.ok(same({ a: [1, { b: null }], c: "x" }, { c: "x", a: [1, { b: null }] }));
  assert.ok(!same({ a: undefined }, { b: undefined }));
  assert.ok(!same([], {}));
  assert.ok(!same([1], [1, 2]));
  assert.deepEqual(immutable("f", 1, 1), []);
  assert.equal(immutable("f", 1, 2)[0]?.message, "Invalid value: 1: field is immutable");
});
