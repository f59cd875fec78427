import assert from "node:assert/strict";
import { Pacer } from "./pacer.ts";

Deno.test("Pacer lets a key through once in a while", () => {
  let at = 1_000;
  const pacer = new Pacer({ now: () => at, everyMs: 100, burst: 10, refillMs: 1 });
  assert.deepEqual([pacer.allow("a"), pacer.allow("a"), pacer.allow("b")], [true, false, true]);
  at += 101;
  assert.equal(pacer.allow("a"), true);
});

Deno.test("Pacer bounds all keys together", () => {
  let at = 1_000;
  const pacer = new Pacer({ now: () => at, everyMs: 1e9, burst: 5, refillMs: 100 });
  const through = (): number =>
    Array.from({ length: 50 }, (_, i) => pacer.allow(`${at}-${i}`)).filter(Boolean).length;
  assert.equal(through(), 5);
  assert.equal(through(), 0);
  at += 250;
  assert.equal(through(), 2);
});
