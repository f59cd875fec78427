import assert from "node:assert/strict";
import fc from "fast-check";
import { FieldSet } from "./field_set.ts";
import { fromFieldsV1, toFieldsV1 } from "./fields_v1.ts";
import type { Path } from "./path_element.ts";

const paths = fc.array(
  fc.array(fc.constantFrom("f:a", "f:b", 'k:{"n":1}', 'v:"x"'), { minLength: 1, maxLength: 4 }),
  { maxLength: 12 },
);

const text = (path: Path): string => path.join("/");
const texts = (set: FieldSet): string[] => [...set.paths()].map(text).sort();
const unique = (list: readonly Path[]): string[] => [...new Set(list.map(text))].sort();

Deno.test("FieldSet is a set of paths", () => {
  fc.assert(fc.property(paths, paths, (left, right) => {
    const a = FieldSet.of(...left), b = FieldSet.of(...right);
    const mine = unique(left), theirs = new Set(right.map(text));
    assert.deepEqual(texts(a), mine);
    assert.equal(a.empty, left.length === 0);
    assert.deepEqual(texts(a.union(b)), unique([...left, ...right]));
    assert.deepEqual(texts(a.intersection(b)), mine.filter((path) => theirs.has(path)));
    assert.deepEqual(texts(a.difference(b)), mine.filter((path) => !theirs.has(path)));
    const isBelow = (path: string): boolean =>
      [...theirs].some((other) => path === other || path.startsWith(`${other}/`));
    assert.deepEqual(texts(a.recursiveDifference(b)), mine.filter((path) => !isBelow(path)));
    for (const path of [...left, ...right]) assert.equal(a.has(path), mine.includes(text(path)));
    // Nothing changed what it was asked about
    assert.deepEqual(texts(a), mine);
    assert.deepEqual(texts(b), unique(right));
  }));
});

Deno.test("toFieldsV1 and fromFieldsV1 lose nothing", () => {
  fc.assert(fc.property(paths, (list) => {
    const set = FieldSet.of(...list);
    assert.deepEqual(texts(fromFieldsV1(toFieldsV1(set))), unique(list));
  }));
});

Deno.test("toFieldsV1 writes members with something below them with a dot", () => {
  const set = FieldSet.of(["f:a"], ["f:a", "f:c"], ["f:a", "f:b"], ["f:z", "f:y"]);
  assert.equal(
    JSON.stringify(toFieldsV1(set)),
    '{"f:a":{".":{},"f:b":{},"f:c":{}},"f:z":{"f:y":{}}}',
  );
});

Deno.test("fromFieldsV1 skips unknown elements and refuses what is no set", () => {
  assert.deepEqual(texts(fromFieldsV1({ "x:y": { "f:a": {} }, "f:b": { "x:z": {} }, ".": {} })), [
    "f:b",
  ]);
  for (const value of [null, "x", [], { nonsense: {} }]) assert.throws(() => fromFieldsV1(value));
  let deep: Record<string, unknown> = {};
  for (let i = 0; i < 5_000; i++) deep = { "f:a": deep };
  assert.throws(() => fromFieldsV1(deep), /deeper than 1000/);
});
