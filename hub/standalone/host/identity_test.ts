import assert from "node:assert/strict";
import { identityOf, userOf } from "./identity.ts";

Deno.test("userOf() and identityOf() are inverse, and keep several values of one key", () => {
  const identity = {
    user: "alice",
    uid: "u-1",
    groups: ["ops", "system:authenticated"],
    extra: [["scopes", "a"], ["scopes", "b"], ["__proto__", "c"]] as [string, string][],
    via: "token" as const,
  };
  const user = userOf(identity);
  assert.deepEqual(user.extra.scopes, ["a", "b"]);
  assert.deepEqual(identityOf(user, "token"), identity);
});
