import { strict as assert } from "node:assert";
import { goQuote, goValue, timestamp } from "./go_text.ts";

Deno.test("goQuote escapes as %q does", () => {
  assert.equal(goQuote("plain text"), '"plain text"');
  assert.equal(goQuote('a"b\\c'), '"a\\"b\\\\c"');
  assert.equal(goQuote("a\x00\n\x7f"), '"a\\x00\\n\\x7f"');
  assert.equal(goQuote("ü\u200b"), '"ü\\u200b"');
});

Deno.test("goValue prints maps sorted and lists without commas", () => {
  assert.equal(goValue({ b: [1, "x", null], a: { c: true } }), "map[a:map[c:true] b:[1 x <nil>]]");
});

Deno.test("timestamp has whole seconds", () => {
  assert.equal(timestamp(Date.UTC(2026, 0, 2, 3, 4, 5, 678)), "2026-01-02T03:04:05Z");
});
