import fc from "fast-check";
import assert from "node:assert/strict";
import { LineSplitter, LineTooLongError } from "./line_splitter.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

Deno.test("LineSplitter finds the same lines wherever the chunks are cut", () => {
  fc.assert(fc.property(
    fc.array(fc.string({ unit: "grapheme" }).filter((line) => !line.includes("\n"))),
    fc.array(fc.nat(20)),
    (lines, cuts) => {
      const bytes = encoder.encode(lines.map((line) => `${line}\n`).join("") + "rest");
      const splitter = new LineSplitter(1_000_000);
      const found: string[] = [];
      let start = 0;
      for (const length of [...cuts, bytes.length]) {
        const chunk = bytes.subarray(start, start + length);
        for (const line of splitter.push(chunk)) found.push(decoder.decode(line));
        start += length;
      }
      assert.deepEqual(found, lines.filter((line) => line !== ""));
      assert.equal(decoder.decode(splitter.rest()), "rest");
    },
  ));
});

Deno.test("LineSplitter refuses a line past its bound, in one chunk or in many", () => {
  const splitter = new LineSplitter(10);
  assert.deepEqual([...splitter.push(encoder.encode("0123456789\n"))].length, 1);
  assert.throws(() => [...splitter.push(encoder.encode("0123456789a\n"))], LineTooLongError);
  const slow = new LineSplitter(10);
  assert.throws(() => {
    for (let i = 0; i < 11; i++) assert.deepEqual([...slow.push(encoder.encode("x"))], []);
  }, LineTooLongError);
});
