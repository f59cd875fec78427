import assert from "node:assert/strict";
import { humanDuration } from "../../../../shared/human_duration.ts";
import { since } from "./since.ts";

Deno.test("humanDuration writes as kubectl", () => {
  const s = 1000, m = 60 * s, h = 60 * m, d = 24 * h, y = 365 * d;
  const words: [number, string][] = [
    [-2 * s, "<invalid>"],
    [-1.5 * s, "0s"],
    [0, "0s"],
    [119.9 * s, "119s"],
    [2 * m, "2m"],
    [9 * m + 59 * s, "9m59s"],
    [10 * m + 59 * s, "10m"],
    [179 * m, "179m"],
    [3 * h, "3h"],
    [7 * h + 59 * m, "7h59m"],
    [8 * h + 59 * m, "8h"],
    [47 * h, "47h"],
    [48 * h, "2d"],
    [49 * h, "2d1h"],
    [8 * d - h, "7d23h"],
    [8 * d + 5 * h, "8d"],
    [2 * y - h, "729d"],
    [2 * y, "2y"],
    [2 * y + 3 * d, "2y3d"],
    [8 * y + 3 * d, "8y"],
  ];
  for (const [ms, text] of words) assert.equal(humanDuration(ms), text);
  assert.equal(since("", 0), "<unknown>");
  assert.equal(since("2026-11-25T12:00:00Z", Date.parse("2026-11-25T12:01:00Z")), "60s");
});
