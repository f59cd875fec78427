import assert from "node:assert/strict";
import { jwtOf } from "./testing.ts";
import { boundedExpiry, isOlder, MAX_LIFE_MS, tokenTimes } from "./token_life.ts";

const NOW = Date.parse("2029-01-01T00:00:00Z");
const HOUR = 3_600_000;
const FOREVER = Date.parse("9999-12-31T00:00:00Z");

Deno.test("tokenTimes reads iat and exp of a JWT, and nothing of anything else", () => {
  const jwt = jwtOf({ iat: NOW / 1000, exp: NOW / 1000 + 60 });
  assert.deepEqual(tokenTimes(jwt), { issuedAt: NOW, expiresAt: NOW + 60_000 });
  for (const odd of ["", "opaque", "a.b.c", "a.b", jwtOf([]), jwtOf(null), jwtOf({ exp: "1" })]) {
    assert.deepEqual(tokenTimes(odd), {}, odd);
  }
});

Deno.test("boundedExpiry takes the earliest of what is said, exp and ninety days", () => {
  const day = jwtOf({ exp: (NOW + 24 * HOUR) / 1000 });
  assert.equal(boundedExpiry(day, FOREVER, NOW), NOW + 24 * HOUR);
  assert.equal(boundedExpiry(day, NOW + HOUR, NOW), NOW + HOUR);
  assert.equal(boundedExpiry("opaque", FOREVER, NOW), NOW + MAX_LIFE_MS);
  assert.equal(boundedExpiry(jwtOf({ exp: FOREVER / 1000 }), FOREVER, NOW), NOW + MAX_LIFE_MS);
});

Deno.test("isOlder goes by iat, and by expiry where there is none", () => {
  const dated = (claims: unknown, expiresAt = NOW + HOUR) => ({ token: jwtOf(claims), expiresAt });
  const now = dated({ iat: NOW / 1000 });
  const before = dated({ iat: NOW / 1000 - 60 }, FOREVER);
  assert.equal(isOlder(before, now, NOW), true);
  assert.equal(isOlder(now, before, NOW), false);
  assert.equal(isOlder(now, now, NOW), false);
  const future = dated({ iat: FOREVER / 1000 }, FOREVER);
  assert.equal(isOlder(now, future, NOW), false, "a date that cannot be does not count");
  assert.equal(isOlder(now, dated({}, FOREVER), NOW), false);
  assert.equal(isOlder(dated({}, NOW), dated({}), NOW), true);
  assert.equal(isOlder(dated({}), dated({}), NOW), false);
});
