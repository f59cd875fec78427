import assert from "node:assert/strict";
import { aggregateText, goQuote, goQuoteList, goValue, timestamp } from "./go_text.ts";

Deno.test("goQuote escapes as strconv.Quote", () => {
  assert.equal(goQuote('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(goQuote("\u0007\b\f\n\r\t\v\u0001\x7f"), '"\\a\\b\\f\\n\\r\\t\\v\\x01\\x7f"');
  assert.equal(goQuote("é 日本 😀"), '"é 日本 😀"');
  assert.equal(goQuote("\u00a0\u200b"), '"\\u00a0\\u200b"');
  assert.equal(goQuote("a\x00"), '"a\\x00"');
  assert.equal(goQuote("\u{e0001}"), '"\\U000e0001"');
});

Deno.test("goQuoteList separates with spaces", () => {
  assert.equal(goQuoteList([]), "[]");
  assert.equal(goQuoteList(["a", "b"]), '["a" "b"]');
});

Deno.test("aggregateText says each text once and brackets several", () => {
  assert.equal(aggregateText([]), "");
  assert.equal(aggregateText(["a", "a"]), "a");
  assert.equal(aggregateText(["a", "b", "a"]), "[a, b]");
});

Deno.test("goValue prints maps sorted and lists without commas", () => {
  assert.equal(goValue({ b: [1, "x", null], a: { c: true } }), "map[a:map[c:true] b:[1 x <nil>]]");
});

Deno.test("timestamp has whole seconds", () => {
  assert.equal(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), "2026-01-02T03:04:05Z");
});
