import assert from "node:assert/strict";
import fc from "fast-check";
import { applyPatch } from "rfc6902";
import { StatusError } from "../../../shared/kube/status.ts";
import { applyJsonPatch } from "./json_patch.ts";

function run(target: Record<string, unknown>, ...operations: unknown[]): unknown {
  return applyJsonPatch(structuredClone(target), operations);
}

function refuses(code: number, message: RegExp, patch: unknown): void {
  assert.throws(() => applyJsonPatch({ a: { b: "1" }, list: [1, 2] }, patch), (error) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    return true;
  });
}

Deno.test("applyJsonPatch knows every operation", () => {
  const target = { a: { b: "1" }, list: [1, 2] };
  assert.deepEqual(run(target, { op: "add", path: "/list/1", value: 9 }), {
    ...target,
    list: [1, 9, 2],
  });
  assert.deepEqual(run(target, { op: "add", path: "/list/-", value: 9 }), {
    ...target,
    list: [1, 2, 9],
  });
  assert.deepEqual(run(target, { op: "remove", path: "/a/b" }), { ...target, a: {} });
  assert.deepEqual(run(target, { op: "replace", path: "/list/0", value: { x: null } }), {
    ...target,
    list: [{ x: null }, 2],
  });
  assert.deepEqual(run(target, { op: "move", from: "/a/b", path: "/c" }), {
    a: {},
    list: [1, 2],
    c: "1",
  });
  assert.deepEqual(run(target, { op: "copy", from: "/list", path: "/a/l" }), {
    ...target,
    a: { b: "1", l: [1, 2] },
  });
  assert.deepEqual(run(target, { op: "test", path: "/a", value: { b: "1" } }), target);
  assert.deepEqual(run(target, { op: "replace", path: "", value: { x: 1 } }), { x: 1 });
});

Deno.test("applyJsonPatch unescapes names", () => {
  assert.deepEqual(run({}, { op: "add", path: "/a~1b~0c~01", value: 1 }), { "a/b~c~1": 1 });
});

Deno.test("applyJsonPatch is as lax as kube-apiserver", () => {
  const target = { a: {}, list: [1, 2, 3] };
  assert.deepEqual(run(target, { op: "replace", path: "/a/new", value: 1 }), {
    ...target,
    a: { new: 1 },
  });
  assert.deepEqual(run(target, { op: "test", path: "/a/none", value: null }), target);
  assert.deepEqual(run(target, { op: "copy", from: "/a/none", path: "/a/x" }), {
    ...target,
    a: { x: null },
  });
  assert.deepEqual(run(target, { op: "add", path: "/a/x" }), { ...target, a: { x: null } });
  assert.deepEqual(run(target, { op: "remove", path: "/list/-1" }), { a: {}, list: [1, 2] });
  assert.deepEqual(run(target, { op: "add", path: "/list/-1", value: 4 }), {
    a: {},
    list: [1, 2, 3, 4],
  });
  assert.deepEqual(run(target, { op: "add", path: "/a/constructor", value: "x" }), {
    ...target,
    a: { constructor: "x" },
  });
  assert.deepEqual(applyJsonPatch({ a: 1 }, null), { a: 1 });
});

Deno.test("applyJsonPatch refuses what does not apply with 422 and one sentence", () => {
  const refused: unknown[] = [
    { op: "test", path: "/a/b", value: "2" },
    { op: "remove", path: "/a/none" },
    { op: "remove", path: "/none/x" },
    { op: "remove", path: "" },
    { op: "add", path: "/none/x", value: 1 },
    { op: "add", path: "", value: {} },
    { op: "add", path: "/list/9", value: 1 },
    { op: "add", path: "/list/x", value: 1 },
    { op: "add", path: "/list/-4", value: 1 },
    { op: "add", path: "/a/b/c", value: 1 },
    { op: "replace", path: "/list/2", value: 1 },
    { op: "replace", path: "", value: 1 },
    { op: "move", from: "/a/none", path: "/x" },
    { op: "copy", path: "/x" },
    { op: "frob", path: "/a" },
    { op: "add", value: 1 },
    {},
    null,
  ];
  for (const operation of refused) {
    refuses(422, /^the server rejected our request due to an error in our request$/, [operation]);
  }
});

Deno.test("applyJsonPatch refuses what is no patch with 400, and long ones with 413", () => {
  refuses(400, /unmarshal object into Go value of type \[\]handlers.jsonPatchOp$/, { op: "add" });
  refuses(400, /unmarshal string into Go value of type handlers.jsonPatchOp$/, ["x"]);
  refuses(400, /unmarshal number into Go struct field jsonPatchOp.op of type string$/, [{ op: 1 }]);
  const many = Array.from({ length: 10_001 }, () => ({ op: "test", path: "/a/b", value: "1" }));
  refuses(413, /The allowed maximum operations in a JSON patch is 10000, got 10001$/, many);
  assert.doesNotThrow(() => applyJsonPatch({ a: { b: "1" } }, many.slice(1)));
});

Deno.test("applyJsonPatch copies no more than 3 MiB", () => {
  const copies = Array.from({ length: 40 }, (_, i) => ({
    op: "copy",
    from: "/list",
    path: `/list/${i}`,
  }));
  refuses(422, /rejected our request/, copies);
});

Deno.test("applyJsonPatch copies no more than 20,000 values, to the same place too", () => {
  const list = Array.from({ length: 1_999 }, () => 1);
  const copies = (count: number): unknown[] =>
    Array.from({ length: count }, () => ({ op: "copy", from: "/list", path: "/x" }));
  assert.deepEqual(applyJsonPatch({ list }, copies(10)), { list, x: list });
  assert.throws(() => applyJsonPatch({ list }, copies(11)), { code: 422 });
});

Deno.test("applyJsonPatch agrees with rfc6902 on objects that both take", () => {
  const key = fc.constantFrom("a", "b", "c");
  const path = fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => `/${keys.join("/")}`);
  const scalar = fc.constantFrom(null, 1, "x", true);
  const flat = fc.dictionary(key, scalar);
  const value = fc.oneof(scalar, flat, fc.dictionary(key, fc.oneof(scalar, flat)));
  const operation = fc.oneof(
    fc.record({ op: fc.constantFrom("add", "replace", "test"), path, value }),
    fc.record({ op: fc.constantFrom("move", "copy"), path, from: path }),
    fc.record({ op: fc.constant("remove"), path }),
  );
  const document = fc.dictionary(key, value);
  fc.assert(fc.property(document, operation, (target, op) => {
    const theirs = structuredClone(target);
    let error: Error | null | undefined;
    try {
      [error] = applyPatch(theirs, [structuredClone(op)] as Parameters<typeof applyPatch>[1]);
    } catch {
      // It writes into scalars before it knows
      return;
    }
    if (error === null) assert.deepEqual(run(target, op), theirs);
  }));
});
