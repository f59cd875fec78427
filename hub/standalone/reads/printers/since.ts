/**
 * Ages in tables.
 *
 * @module
 */
import { humanDuration } from "../../../../shared/human_duration.ts";

/**
 * Writes how long ago a time was.
 *
 * @param time RFC 3339
 * @param now in milliseconds
 * @returns `<unknown>` when there is no time
 */
export function since(time: unknown, now: number): string {
  if (typeof time !== "string" || time === "") return "<unknown>";
  const then = Date.parse(time);
  return Number.isNaN(then) ? "<unknown>" : humanDuration(now - then);
}
