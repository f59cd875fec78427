/**
 * Ages as kubectl prints them.
 *
 * @module
 */
import { humanDuration } from "../../shared/human_duration.ts";

/**
 * How long ago something was.
 *
 * @param time RFC 3339, or milliseconds since the epoch
 * @param now milliseconds since the epoch
 * @returns as {@linkcode humanDuration}; `<unknown>` without a time
 */
export function ageOf(time: string | number | undefined, now: number): string {
  const at = typeof time === "string" ? Date.parse(time) : time;
  return at === undefined || Number.isNaN(at) ? "<unknown>" : humanDuration(now - at);
}
