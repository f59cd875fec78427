import assert from "node:assert/strict";
import { MAX_OBJECT_CHARS, Quota } from "./quota.ts";
import { ObjectTooLargeError, StoreFullError } from "./types.ts";

Deno.test("Quota refuses what grows beyond it, and lets shrink and go", () => {
  const quota = new Quota(90, 100);
  assert.throws(() => quota.take(0, 11), StoreFullError);
  assert.equal(quota.used, 90);
  quota.take(0, 10);
  assert.throws(() => quota.take(10, 11), StoreFullError);
  quota.take(50, 40);
  quota.take(40, 0);
  assert.equal(quota.used, 50);
});

Deno.test("Quota refuses an object that grows too large, not one that shrinks", () => {
  const quota = new Quota(0);
  assert.throws(() => quota.take(0, MAX_OBJECT_CHARS + 1), ObjectTooLargeError);
  quota.take(MAX_OBJECT_CHARS + 2, MAX_OBJECT_CHARS + 1);
});

Deno.test("Quota.giveBack takes a failed write out again", () => {
  const quota = new Quota(0, 100);
  quota.take(0, 60);
  quota.giveBack(0, 60);
  assert.equal(quota.used, 0);
});
