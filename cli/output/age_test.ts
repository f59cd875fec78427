import assert from "node:assert/strict";
import { humanDuration } from "../../shared/human_duration.ts";
import { ageOf } from "./age.ts";

const S = 1000, M = 60 * S, H = 60 * M, D = 24 * H;

Deno.test("humanDuration agrees with kubectl's", () => {
  const cases: [number, string][] = [
    [-2 * S, "<invalid>"],
    [-1 * S, "0s"],
    [-1, "0s"],
    [0, "0s"],
    [S - 1, "0s"],
    [70 * S, "70s"],
    [120 * S - 1, "119s"],
    [2 * M, "2m"],
    [2 * M + 1 * S, "2m1s"],
    [10 * M - 1, "9m59s"],
    [10 * M, "10m"],
    [3 * H - 1, "179m"],
    [3 * H, "3h"],
    [3 * H + 1 * M, "3h1m"],
    [8 * H - 1, "7h59m"],
    [8 * H, "8h"],
    [2 * D - 1, "47h"],
    [2 * D, "2d"],
    [2 * D + 1 * H, "2d1h"],
    [8 * D - 1, "7d23h"],
    [8 * D, "8d"],
    [2 * 365 * D - 1, "729d"],
    [2 * 365 * D, "2y"],
    [2 * 365 * D + D, "2y1d"],
    [8 * 365 * D - 1, "7y364d"],
    [8 * 365 * D, "8y"],
    [20 * 365 * D + D, "20y"],
  ];
  for (const [ms, text] of cases) assert.equal(humanDuration(ms), text, String(ms));
});

Deno.test("ageOf takes both spellings of a time, and none", () => {
  const now = Date.parse("2026-01-01T00:01:00Z");
  assert.equal(ageOf("2026-01-01T00:00:00Z", now), "60s");
  assert.equal(ageOf(now - 5 * S, now), "5s");
  assert.equal(ageOf(undefined, now), "<unknown>");
  assert.equal(ageOf("yesterday", now), "<unknown>");
});
