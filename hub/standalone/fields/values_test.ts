import assert from "node:assert/strict";
import {
  compareStrings,
  compareValues,
  goJson,
  goPrint,
  goSyntax,
  isDeeperThan,
  member,
  sameValue,
  setMember,
} from "./values.ts";

Deno.test("compareStrings sorts as UTF-8", () => {
  const sorted = ["", "a", "aa", "b", "\u00e4", "\uffff", "\u{10000}", "\u{10000}a", "\u{1f600}"];
  assert.deepEqual([...sorted].reverse().sort(compareStrings), sorted);
  assert.equal(compareStrings("\u{1f600}", "\u{1f600}"), 0);
});

Deno.test("compareValues sorts numbers, strings, booleans, lists, objects, null", () => {
  const sorted = [-1, 1.5, 2, "", "b", false, true, [], {}, null];
  assert.deepEqual([...sorted].reverse().sort(compareValues), sorted);
});

Deno.test("goJson, goPrint and goSyntax write as Go does", () => {
  const value = { b: [1, "x", null, 1.5, true], a: "<&>\u2028" };
  assert.equal(goJson(value), '{"a":"\\u003c\\u0026\\u003e\\u2028","b":[1,"x",null,1.5,true]}');
  assert.equal(goPrint({ b: [1, "x"], a: "y" }), "map[a:y b:[1 x]]");
  assert.equal(
    goSyntax({ b: [1, "x"], a: "y" }),
    'map[string]interface {}{"a":"y", "b":[]interface {}{1, "x"}}',
  );
});

Deno.test("sameValue does not look at the order of members", () => {
  assert.ok(sameValue({ a: 1, b: [{ c: null }] }, { b: [{ c: null }], a: 1 }));
  for (const other of [{ a: 1 }, { a: 1, b: 2, c: 3 }, { a: 1, c: 2 }, [], null, "a"]) {
    assert.ok(!sameValue({ a: 1, b: 2 }, other));
  }
  assert.ok(!sameValue([1, 2], [2, 1]));
});

Deno.test("member and setMember know only what is an object's own", () => {
  assert.equal(member({}, "toString"), undefined);
  assert.equal(member(undefined, "a"), undefined);
  const object = {};
  setMember(object, "__proto__", { polluted: true });
  assert.deepEqual(Object.keys(object), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(object), Object.prototype);
});

Deno.test("isDeeperThan measures any depth", () => {
  let deep: unknown = {};
  for (let i = 0; i < 200_000; i++) deep = i % 2 === 0 ? [deep] : { a: deep };
  assert.ok(isDeeperThan(deep, 1_000));
  assert.ok(!isDeeperThan({ a: [{ b: "x" }] }, 2));
  assert.ok(isDeeperThan({ a: [{ b: "x" }] }, 1));
});
