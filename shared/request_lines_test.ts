import assert from "node:assert/strict";
import type { HeaderList } from "./headers.ts";
import { linesOf, withLines } from "./request_lines.ts";

Deno.test("linesOf() gives the lines as they came, also of a request made of another", () => {
  const list: HeaderList = [["A", "1, 2"], ["a", "3"]];
  const request = new Request("https://hub.invalid/", { headers: list });
  assert.equal(linesOf(request), undefined);
  assert.equal(withLines(request, list), request);
  assert.equal(linesOf(request), list);
  const again = new Request(request);
  assert.equal(linesOf(again), undefined);
  assert.equal(linesOf(withLines(again, request)), list);
  assert.equal(linesOf(withLines(new Request(again), new Request(again))), undefined);
});
