import assert from "node:assert/strict";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { DialWait } from "./dial_wait.ts";

const half = (): number => 0.5;

function take(count: number, wait: () => number): number[] {
  return Array.from({ length: count }, wait);
}

Deno.test("DialWait grows to the spread, with full jitter", () => {
  const wait = new DialWait({ random: half });
  assert.deepEqual(take(8, () => wait.next()), [156.25, 312.5, 625, 1250, 2500, 5000, 5000, 5000]);
  wait.reset();
  assert.equal(wait.next(), 156.25);
  const low = new DialWait({ random: () => 0 });
  assert.deepEqual(take(9, () => low.next()), Array(9).fill(0));
});

Deno.test("DialWait starts slower where the fleet's spread is wide", () => {
  const wait = new DialWait({ random: half });
  wait.spreadMs = 60_000;
  wait.reset();
  assert.deepEqual(take(3, () => wait.next()), [937.5, 1875, 3750]);
  const narrow = new DialWait({ random: half, spreadMs: 2_000 });
  assert.deepEqual(take(5, () => narrow.next()), [125, 250, 500, 1000, 1000]);
});

Deno.test("DialWait takes a wider spread at once", () => {
  const wait = new DialWait({ random: half });
  take(10, () => wait.next());
  wait.spreadMs = 40_000;
  assert.equal(wait.next(), 20_000);
});

Deno.test("DialWait bounds what a hub may ask for", () => {
  const wait = new DialWait({ random: half });
  for (const [said, taken] of [[0, 1_000], [1e9, 300_000], [NaN, 10_000]] as const) {
    wait.spreadMs = said;
    assert.equal(wait.spreadMs, taken);
  }
});

Deno.test("DialWait waits longer where the credentials are refused", () => {
  const wait = new DialWait({ random: half });
  const waits = take(9, () => wait.afterUnauthorized());
  assert.equal(waits[0], 156.25);
  assert.equal(waits[8], 15_000);
  assert.equal(wait.next(), 5_000);
  assert.equal(wait.afterRenewal(), 125);
});

Deno.test("DialWait jitters within the wait of a GOAWAY", () => {
  const wait = new DialWait({ random: half });
  const info = { code: SessionCode.SHUTTING_DOWN, waitMs: 4_000, reason: "" };
  assert.equal(wait.afterGoAway(info), 2_000);
});

Deno.test("DialWait waits at least as long as a hub refuses every dial", () => {
  const wait = new DialWait({ random: half });
  for (const code of [SessionCode.REPLACED, SessionCode.DUPLICATE_AGENT, SessionCode.REVOKED]) {
    assert.equal(wait.afterGoAway({ code, waitMs: 60_000, reason: "" }), 63_000);
  }
});

Deno.test("DialWait backs off from a hub that always sends GOAWAY", () => {
  const wait = new DialWait({ random: half });
  const info = { code: SessionCode.NO_ERROR, waitMs: 0, reason: "" };
  assert.deepEqual(take(4, () => wait.afterGoAway(info)), [156.25, 312.5, 625, 1250]);
});

Deno.test("DialWait comes back after Retry-After, not before and not with all others", () => {
  const wait = new DialWait({ random: half });
  assert.equal(wait.afterRetryAfter(1_000), 1_000 + 500 + 156.25);
});
