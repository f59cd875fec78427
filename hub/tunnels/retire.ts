/**
 * How a session that is not wanted any more leaves: told first, closed when its streams are done.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import type { GoAwayInfo, Session } from "../../shared/tunnel/session.ts";

/** How long a session that was told to go may take before its connection is closed. */
const LINGER_MS = 1_000;

/** Options of {@linkcode retire}. */
export interface RetireOptions {
  /** What the agent is told. */
  goAway: GoAwayInfo;
  /** How long its streams may go on, in milliseconds. */
  drainMs: number;
  /** Ends all waiting. */
  signal: AbortSignal;
}

/**
 * Tells a session to go, lets it finish what it carries, and closes it.
 *
 * @returns resolves when `close` was called; never rejects
 */
export async function retire(
  session: Session,
  { goAway, drainMs, signal }: RetireOptions,
): Promise<void> {
  session.goAway(goAway);
  if (drainMs > 0) await first(drainMs, signal, session.drained(), session.closed);
  // Time for the GOAWAY to arrive before the connection closes
  await first(LINGER_MS, signal, session.closed);
  session.close(goAway.code, goAway.reason);
}

/** Waits for one of these, the time or the signal, and leaves no timer behind. */
async function first(
  ms: number,
  signal: AbortSignal,
  ...others: Promise<unknown>[]
): Promise<void> {
  const done = new AbortController();
  const wait = delay(ms, AbortSignal.any([done.signal, signal])).catch(() => {});
  await Promise.race([...others, wait]);
  done.abort();
}
