/**
 * Waiting for what a cluster will say.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";

/** Options of {@linkcode poll}. */
export interface PollOptions {
  /** No longer than this, in milliseconds. */
  timeoutMs: number;
  /** Between two looks, in milliseconds. @default {300} */
  everyMs?: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Ends the wait. */
  signal: AbortSignal;
}

/**
 * Looks until there is something.
 *
 * @param look what it throws ends the wait
 * @returns what `look` brought; `undefined` when the time is over
 * @throws what `look` throws; the signal's reason
 */
export async function poll<T>(
  look: () => Promise<T | undefined>,
  { timeoutMs, everyMs = 300, now, signal }: PollOptions,
): Promise<T | undefined> {
  const until = now() + timeoutMs;
  while (true) {
    signal.throwIfAborted();
    const found = await look();
    if (found !== undefined) return found;
    const left = until - now();
    if (left <= 0) return undefined;
    await delay(Math.min(everyMs, left), signal);
  }
}
