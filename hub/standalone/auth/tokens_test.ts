import assert from "node:assert/strict";
import { combineTokens, commonAudiences, tokenJudge } from "./tokens.ts";
import type { TokenAuthenticator } from "./types.ts";

const USER = { name: "bob", groups: [], extra: {} };

Deno.test("combineTokens asks in order until one knows, and joins the reasons", async () => {
  const asked: string[] = [];
  const refuse = (error: string): TokenAuthenticator =>
    tokenJudge((token) => {
      asked.push(`${error} ${token}`);
      return Promise.resolve({ error });
    });
  const knows: TokenAuthenticator = {
    authenticateToken: (_, audiences = []) => Promise.resolve({ user: USER, audiences }),
  };
  const tokens = combineTokens(refuse("one"), knows, refuse("two"));
  assert.deepEqual(await tokens.authenticateToken("t", ["x"]), { user: USER, audiences: ["x"] });
  assert.deepEqual(asked, ["one t"]);
  const none = combineTokens(refuse("one"), refuse(""), refuse("two"), refuse("one"));
  assert.deepEqual(await none.judgeToken("t"), { error: "one, two" });
  assert.equal(await none.authenticateToken("t"), undefined);
  assert.deepEqual(await combineTokens().judgeToken("t"), { error: "" });
});

Deno.test("commonAudiences keeps the order and repeats of what is wanted", () => {
  assert.deepEqual(commonAudiences(["foo", "bar"], ["foo", "baz", "bar", "foo"]), [
    "foo",
    "bar",
    "foo",
  ]);
});
