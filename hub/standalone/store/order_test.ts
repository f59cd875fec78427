import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { compareObjects, compareUtf8, lowerBound } from "./order.ts";

const sample = fc.string({ unit: "binary", maxLength: 6 });

Deno.test("compareUtf8 sorts as bytes of UTF-8", () => {
  fc.assert(fc.property(sample, sample, (a, b) => {
    const bytes = Buffer.compare(Buffer.from(a), Buffer.from(b));
    assert.equal(Math.sign(compareUtf8(a, b)), bytes);
  }));
  assert.ok(compareUtf8("\u{1F600}", "\uFB01") > 0);
});

Deno.test("compareObjects sorts as etcd's keys, namespace/name", () => {
  const key = fc.record({
    namespace: fc.constantFrom("", "a", "a-b", "a.b", "a0", "b"),
    name: fc.constantFrom("a", "a-b", "b", "\u{1F600}"),
  });
  fc.assert(fc.property(key, key, (a, b) => {
    const whole = compareUtf8(`${a.namespace}/${a.name}`, `${b.namespace}/${b.name}`);
    assert.equal(Math.sign(compareObjects(a, b)), Math.sign(whole));
  }));
});

Deno.test("lowerBound finds the first place that is not before the key", () => {
  const objects = ["b", "d", "f"].map((name) => ({ namespace: "n", name }));
  const at = (name: string): number => lowerBound(objects, { namespace: "n", name });
  assert.deepEqual(["a", "b", "c", "f", "g"].map(at), [0, 0, 1, 2, 3]);
});
