import assert from "node:assert/strict";
import { defaultConfig, type SessionConfig, verifyConfig } from "./config.ts";
import { WindowBudget } from "./window.ts";

Deno.test("verifyConfig() takes its own defaults and fills them in", () => {
  assert.deepEqual(verifyConfig(), defaultConfig);
  assert.deepEqual(verifyConfig(defaultConfig), defaultConfig);
  assert.equal(verifyConfig({ maxStreams: 5 }).maxStreams, 5);
});

Deno.test("verifyConfig() names the field that is wrong", () => {
  for (const name of Object.keys(defaultConfig) as (keyof SessionConfig)[]) {
    for (const value of [-1, 1.5, NaN, Infinity, 2 ** 40, "1" as unknown as number]) {
      assert.throws(() => verifyConfig({ [name]: value }), {
        name: "RangeError",
        message: new RegExp(`${name} = `),
      });
    }
  }
});

Deno.test("verifyConfig() refuses fields that contradict each other", () => {
  assert.throws(() => verifyConfig({ streamWindow: 9_000_000 }), /maxStreamWindow .* streamWindow/);
  assert.throws(() => verifyConfig({ deadAfterMs: 10_000 }), /deadAfterMs .* pingIntervalMs/);
  assert.throws(() => verifyConfig({ sessionWindow: 2 ** 25 }), /maxSessionWindow/);
});

Deno.test("WindowBudget gives what it has and takes it back", () => {
  const budget = new WindowBudget(100);
  assert.equal(budget.take(70), 70);
  assert.equal(budget.take(70), 30);
  assert.equal(budget.take(70), 0);
  budget.release(50);
  assert.equal(budget.used, 50);
  assert.throws(() => new WindowBudget(-1), RangeError);
});
