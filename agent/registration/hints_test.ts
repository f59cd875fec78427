import assert from "node:assert/strict";
import { StatusError } from "../../shared/kube/status.ts";
import { hintOf, reasonOf } from "./hints.ts";

Deno.test("hintOf tells what to do, and nothing where waiting helps", () => {
  const of = (code: number): string | undefined => hintOf(StatusError.of(code, "the server said"));
  assert.match(of(401)!, /wrong, expired or deleted/);
  assert.match(of(403)!, /clusternet:system:bootstrapping/);
  assert.match(of(404)!, /install the hub/);
  assert.match(of(422)!, /the server said/);
  for (const code of [408, 429, 500, 503]) assert.equal(of(code), undefined);
  assert.equal(hintOf(new TypeError("connection refused")), undefined);
});

Deno.test("reasonOf says the innermost cause, and what to do about an untrusted certificate", () => {
  const inner = new Error("error sending request for url (https://p/x): invalid: UnknownIssuer");
  const error = new Error("Cannot reach p: fetch failed", {
    cause: new TypeError("fetch failed", { cause: inner }),
  });
  assert.match(
    reasonOf(error),
    /^Cannot reach p: fetch failed: invalid: UnknownIssuer\. .*ca-hash$/,
  );
  assert.equal(reasonOf(new Error("x", { cause: new Error("x") })), "x");
  assert.equal(reasonOf("odd"), "odd");
});
