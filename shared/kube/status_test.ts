import assert from "node:assert/strict";
import { warningValue } from "./status.ts";

Deno.test("warningValue() cuts a message without cutting an escape", () => {
  for (const lead of ["", "x"]) {
    const value = warningValue(lead + '"'.repeat(3_000));
    const quoted = /^299 clusternet "((?:[^"\\]|\\.)*)"$/.exec(value);
    assert.ok(quoted, value.slice(-20));
    assert.equal(quoted[1]!.replace(/\\(.)/g, "$1").length, 1024);
  }
  assert.equal(warningValue('a "b"\\c\r\nd'), '299 clusternet "a \\"b\\"\\\\c d"');
});
