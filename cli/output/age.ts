/**
 * Ages as kubectl prints them.
 *
 * @module
 */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

function pair(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
}

/**
 * Writes a duration as short as its size allows: `90s`, `9m30s`, `2d3h`, `400d`.
 *
 * Source: `HumanDuration` of k8s.io/apimachinery/pkg/util/duration
 *
 * @param ms milliseconds; two seconds below zero are forgiven, since clocks differ
 * @returns the text; `<invalid>` for what lies further in the future
 */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(ms / MINUTE);
  if (minutes < 10) return pair(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(ms / HOUR);
  if (hours < 8) return pair(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (hours < 24 * 8) return pair(days, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return `${days}d`;
  if (hours < 24 * 365 * 8) return pair(Math.trunc(days / 365), "y", days % 365, "d");
  return `${Math.trunc(days / 365)}y`;
}

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
