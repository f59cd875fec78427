import assert from "node:assert/strict";
import { Backoff, DeadlineError, delay, withDeadline } from "./backoff.ts";

Deno.test("Backoff.next() grows to its bound with full jitter", () => {
  const backoff = new Backoff({ baseMs: 100, maxMs: 1000, random: () => 0.5 });
  assert.deepEqual(Array.from({ length: 6 }, () => backoff.next()), [50, 100, 200, 400, 500, 500]);
  backoff.reset();
  assert.equal(backoff.next(), 50);
  assert.equal(backoff.attempt, 1);
});

Deno.test("Backoff refuses bounds that are not positive", () => {
  assert.throws(() => new Backoff({ baseMs: 0, maxMs: 1 }), RangeError);
  assert.throws(() => new Backoff({ baseMs: 1, maxMs: NaN }), RangeError);
});

Deno.test("delay() rejects with the signal's reason and leaves no timer", async () => {
  const controller = new AbortController();
  const waiting = delay(60_000, controller.signal);
  controller.abort(new Error("stop"));
  await assert.rejects(waiting, /stop/);
  await assert.rejects(delay(1, AbortSignal.abort(new Error("gone"))), /gone/);
  await delay(1);
});

Deno.test("withDeadline() ends work that ignores its signal", async () => {
  await assert.rejects(
    withDeadline(5, "read the moon", () => new Promise(() => {})),
    (error) => error instanceof DeadlineError && /read the moon within 0.005 s/.test(error.message),
  );
});

Deno.test("withDeadline() passes results, errors and the outer signal on", async () => {
  assert.equal(await withDeadline(1000, "x", () => Promise.resolve(7)), 7);
  await assert.rejects(withDeadline(1000, "x", () => Promise.reject(new Error("own"))), /own/);
  const outer = new AbortController();
  const waiting = withDeadline(1000, "x", (signal) => delay(60_000, signal), outer.signal);
  outer.abort(new Error("outer"));
  await assert.rejects(waiting, /outer/);
});
