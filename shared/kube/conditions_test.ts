import assert from "node:assert/strict";
import type { Condition } from "./clusternet_types.ts";
import { findCondition, setCondition } from "./conditions.ts";

const READY = { type: "Ready", status: "True", reason: "ChildReady", message: "fine" } as const;
const T0 = Date.parse("2026-01-01T00:00:00.500Z");

Deno.test("setCondition() keeps lastTransitionTime while the status is the same", () => {
  const conditions: Condition[] = [];
  assert.equal(setCondition(conditions, READY, T0), true);
  assert.equal(setCondition(conditions, READY, T0 + 5_000), false);
  assert.equal(setCondition(conditions, { ...READY, message: "very" }, T0 + 9_000), true);
  assert.deepEqual(conditions, [
    { ...READY, message: "very", lastTransitionTime: "2026-01-01T00:00:00Z" },
  ]);
  assert.equal(setCondition(conditions, { ...READY, status: "Unknown" }, T0 + 60_000), true);
  assert.equal(findCondition(conditions, "Ready")?.lastTransitionTime, "2026-01-01T00:01:00Z");
});

Deno.test("setCondition() leaves other conditions alone and sees a new generation", () => {
  const other: Condition = { ...READY, type: "Other", lastTransitionTime: "x" };
  const conditions = [{ ...other }];
  setCondition(conditions, { ...READY, observedGeneration: 1 }, T0);
  assert.equal(setCondition(conditions, { ...READY, observedGeneration: 2 }, T0), true);
  assert.equal(setCondition(conditions, READY, T0), false);
  assert.deepEqual(conditions[0], other);
  assert.equal(findCondition(conditions, "Ready")?.observedGeneration, 2);
  assert.equal(findCondition(undefined, "Ready"), undefined);
});
