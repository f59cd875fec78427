import assert from "node:assert/strict";
import fc from "fast-check";
import { JsonSyntaxError, readJson, setOwn } from "./json_text.ts";

/** As kube-apiserver 1.36 said them. */
const FAULTS: readonly (readonly [text: string, words: string])[] = [
  ["", "unexpected end of JSON input"],
  ["{", "unexpected end of JSON input"],
  ['{"a":"', "unexpected end of JSON input"],
  ['{"a":[1', "unexpected end of JSON input"],
  ["x", "invalid character 'x' looking for beginning of value"],
  ['{"a":é}', "invalid character 'Ã' looking for beginning of value"],
  ['{"a":+1}', "invalid character '+' looking for beginning of value"],
  ['{"a":[1,]}', "invalid character ']' looking for beginning of value"],
  ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
  ["{a:1}", "invalid character 'a' looking for beginning of object key string"],
  ["{'a'}", "invalid character '\\'' looking for beginning of object key string"],
  ['{"a" 1}', "invalid character '1' after object key"],
  ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
  ['{"a":01}', "invalid character '1' after object key:value pair"],
  ["[1 2]", "invalid character '2' after array element"],
  ["{} x", "invalid character 'x' after top-level value"],
  ['{"a":tru}', "invalid character '}' in literal true (expecting 'e')"],
  ['{"a":nul', "invalid character ' ' in literal null (expecting 'l')"],
  ['{"a":-}', "invalid character '}' in numeric literal"],
  ['{"a":1.}', "invalid character '}' after decimal point in numeric literal"],
  ['{"a":1e}', "invalid character '}' in exponent of numeric literal"],
  ['{"a":"\u0001"}', "invalid character '\\x01' in string literal"],
  ['{"a":"\\x"}', "invalid character 'x' in string escape code"],
  ['{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"],
];

Deno.test("readJson refuses in Go's words", () => {
  for (const [text, message] of FAULTS) {
    assert.throws(() => readJson(text), { name: "JsonSyntaxError", message }, text);
  }
});

Deno.test("readJson gives what JSON.parse gives", () => {
  fc.assert(fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2, "\t"), (value, space) => {
    const text = JSON.stringify(value, undefined, space);
    assert.equal(JSON.stringify(readJson(text).value), JSON.stringify(JSON.parse(text)));
  }));
});

Deno.test("readJson refuses what JSON.parse refuses", () => {
  const piece = fc.constantFrom(...'{}[]",:\\ue-+.019tfn\n ', "true", "null", '"a"');
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      let good = true;
      try {
        JSON.parse(text);
      } catch {
        good = false;
      }
      if (good) readJson(text);
      else assert.throws(() => readJson(text), JsonSyntaxError, text);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("readJson keeps repeated keys, and says where they stand", () => {
  const { value, repeated, duplicates } = readJson('{"a":[{},{"b":1,"b":2}],"c":1,"c":{}}');
  assert.deepEqual(value, { a: [{}, { b: 2 }], c: {} });
  assert.deepEqual(duplicates, ["a[1].b", "c"]);
  assert.deepEqual(repeated.get(value as object)?.map(([key]) => key), ["a", "c", "c"]);
});

Deno.test("readJson replaces lone surrogates, and knows __proto__ as a key", () => {
  assert.deepEqual(readJson('"\\ud800"').value, "\ufffd");
  const value = readJson('{"__proto__":{"a":1}}').value as Record<string, unknown>;
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

Deno.test("setOwn sets an own property, __proto__ too", () => {
  const target: Record<string, unknown> = {};
  setOwn(target, "__proto__", 1);
  setOwn(target, "a", 2);
  assert.deepEqual(Object.entries(target), [["__proto__", 1], ["a", 2]]);
});

Deno.test("readJson bounds depth as Go does, without recursion", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
  readJson(nested(10_000));
  const message = "invalid character '[' exceeded max depth";
  assert.throws(() => readJson(nested(10_001)), { message });
});

Deno.test("readJson names a bounded number of repeated keys", () => {
  const text = `{${Array.from({ length: 500 }, (_, at) => `"k${at}":1,"k${at}":2`).join(",")}}`;
  assert.equal(readJson(text).duplicates.length, 100);
});
