import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import { applyMergePatch } from "./merge_patch.ts";

Deno.test("applyMergePatch does what the examples of RFC 7386 say", () => {
  const cases: [Record<string, unknown>, unknown, unknown][] = [
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    [{ a: "x" }, { a: { b: null, c: 1 } }, { a: { c: 1 } }],
  ];
  for (const [target, patch, result] of cases) {
    assert.deepEqual(applyMergePatch(target, patch), result);
  }
});

Deno.test("applyMergePatch leaves nulls out of items of lists, as kube-apiserver", () => {
  const list = [null, { b: null, c: [{ d: null }] }];
  const bare = [null, { c: [{}] }];
  assert.deepEqual(applyMergePatch({}, { a: list }), { a: bare });
  assert.deepEqual(applyMergePatch({ a: ["x"] }, { a: list }), { a: bare });
  assert.deepEqual(applyMergePatch({ a: {} }, { a: list }), { a: list });
});

Deno.test("applyMergePatch refuses a patch that is no object", () => {
  const refused: [unknown, string][] = [
    [null, "Invalid JSON Patch"],
    [
      [],
      "error decoding patch: json: cannot unmarshal array into Go value of type " +
      "map[string]interface {}",
    ],
    [
      true,
      "error decoding patch: json: cannot unmarshal bool into Go value of type " +
      "map[string]interface {}",
    ],
  ];
  for (const [patch, message] of refused) {
    assert.throws(() => applyMergePatch({}, patch), (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.code, 400);
      assert.equal(error.message, message);
      return true;
    });
  }
});
