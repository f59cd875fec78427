import assert from "node:assert/strict";
import { aggregateText, goQuote, goQuoteList } from "./go_text.ts";

Deno.test("goQuote escapes as strconv.Quote", () => {
  assert.equal(goQuote('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(goQuote("\u0007\b\f\n\r\t\v\u0001\x7f"), '"\\a\\b\\f\\n\\r\\t\\v\\x01\\x7f"');
  assert.equal(goQuote("é 日本 😀"), '"é 日本 😀"');
  assert.equal(goQuote("\u00a0\u200b"), '"\\u00a0\\u200b"');
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
