/**
 * `metav1.Condition` lists.
 *
 * @module
 */
import type { Condition } from "./clusternet_types.ts";

/** A condition as {@linkcode setCondition} takes it. */
export type NewCondition = Omit<Condition, "lastTransitionTime">;

/**
 * Sets a condition in place. `lastTransitionTime` changes with `status` alone
 * (`k8s.io/apimachinery/pkg/api/meta.SetStatusCondition`).
 *
 * @param conditions the list to change
 * @param condition what to set
 * @param now milliseconds since the epoch
 * @returns whether anything changed, so that an unchanged object need not be written
 *
 * @example
 * ```ts
 * import { setCondition } from "./conditions.ts";
 * import assert from "node:assert/strict";
 * const ready = { type: "Ready", status: "True", reason: "ChildReady", message: "" } as const;
 * assert.equal(setCondition([], ready, Date.now()), true);
 * ```
 */
export function setCondition(
  conditions: Condition[],
  condition: NewCondition,
  now: number,
): boolean {
  const time = new Date(now).toISOString().replace(/\.\d+Z$/, "Z"); // metav1.Time: whole seconds
  const known = conditions.find(({ type }) => type === condition.type);
  if (known === undefined) {
    conditions.push({ ...condition, lastTransitionTime: time });
    return true;
  }
  const { status, reason, message, observedGeneration } = condition;
  const same = known.status === status && known.reason === reason && known.message === message &&
    (observedGeneration === undefined || known.observedGeneration === observedGeneration);
  if (same) return false;
  if (known.status !== status) known.lastTransitionTime = time;
  known.status = status;
  known.reason = reason;
  known.message = message;
  if (observedGeneration !== undefined) known.observedGeneration = observedGeneration;
  return true;
}

/**
 * Finds a condition.
 *
 * @returns the condition of this type
 */
export function findCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
