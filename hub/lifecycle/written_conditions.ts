/**
 * How conditions that are wanted come to stand in an object: whether it holds them already, and
 * since when each is so.
 *
 * @module
 */
import type { Condition } from "../../shared/kube/clusternet_types.ts";
import { rfc3339 } from "../registration/verdict.ts";

/** A condition before it has a time. */
export type WantedCondition = Pick<Condition, "type" | "status" | "reason" | "message">;

/** What a ManagedCluster says whose agent has no access any more. */
export const WITHDRAWN: readonly WantedCondition[] = [
  ["Accepted", "The registration request is denied, revoked or being deleted"],
  ["Connected", "The agent's access is taken away"],
  ["Ready", "The agent's access is taken away"],
].map(([type, message]) => ({
  type: type!,
  status: "False",
  reason: "RegistrationRevoked",
  message: message!,
}));

/**
 * Gives the wanted conditions their times: a condition keeps the time at which its status last
 * changed, by the hub's own memory first.
 *
 * @param memory as the hub decided them before
 * @param found as they stand in the object
 * @param now milliseconds since the epoch
 * @returns conditions ready to write
 */
export function withTimes(
  wanted: readonly WantedCondition[],
  memory: readonly Condition[],
  found: readonly Condition[],
  now: number,
): Condition[] {
  return wanted.map(({ type, status, reason, message }) => {
    const same = (list: readonly Condition[]): Condition | undefined =>
      list.find((one) => one.type === type && one.status === status);
    const lastTransitionTime = (same(memory) ?? same(found))?.lastTransitionTime ?? rfc3339(now);
    return { type, status, reason, message, lastTransitionTime };
  });
}

/**
 * Whether conditions say what they should, whatever the order, and nothing else.
 *
 * @returns `true` when nothing needs to be written
 */
export function sameConditions(
  found: readonly Condition[],
  wanted: readonly WantedCondition[],
): boolean {
  return found.length === wanted.length && wanted.every((one) => {
    const other = found.find(({ type }) => type === one.type);
    return other?.status === one.status && other.reason === one.reason &&
      other.message === one.message;
  });
}
