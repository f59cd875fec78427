import assert from "node:assert/strict";
import { bodyFraming, isBodiless, promisedLength } from "./body_framing.ts";

Deno.test("bodyFraming reads the framing and refuses a contradiction", () => {
  assert.deepEqual(bodyFraming([["Accept", "*/*"]]), { kind: "none" });
  assert.deepEqual(bodyFraming([["Content-Length", "0"]]), { kind: "none" });
  assert.deepEqual(bodyFraming([["content-length", "12"]]), { kind: "known", length: 12 });
  assert.deepEqual(bodyFraming([["Transfer-Encoding", "chunked"]]), { kind: "chunked" });
  for (
    const headers of [
      [["Content-Length", "5"], ["Transfer-Encoding", "chunked"]],
      [["Content-Length", "5"], ["Content-Length", "6"]],
      [["Content-Length", "-5"]],
      [["Content-Length", "5, 5"]],
      [["Content-Length", "0x5"]],
      [["Content-Length", "99999999999999999999"]],
      [["Content-Length", ""]],
    ] as [string, string][][]
  ) assert.equal(bodyFraming(headers), undefined, JSON.stringify(headers));
});

Deno.test("promisedLength trusts a single plain number only", () => {
  assert.equal(promisedLength([["Content-Length", "7"]]), 7);
  assert.equal(promisedLength([["Content-Length", "0"]]), 0);
  assert.equal(promisedLength([]), undefined);
  assert.equal(promisedLength([["Content-Length", "7"], ["Content-Length", "7"]]), undefined);
  assert.equal(promisedLength([["Content-Length", "+7"]]), undefined);
});

Deno.test("isBodiless knows HEAD, 204 and 304", () => {
  assert.equal(isBodiless("HEAD", 200), true);
  assert.equal(isBodiless("GET", 204), true);
  assert.equal(isBodiless("GET", 304), true);
  assert.equal(isBodiless("POST", 200), false);
});
