/**
 * Waiting: exponential back-off with full jitter, delays and deadlines that an `AbortSignal` ends.
 *
 * @module
 */

/** Options of {@linkcode Backoff}. */
export interface BackoffOptions {
  /** Upper bound of the first wait, in milliseconds. */
  baseMs: number;
  /** Upper bound of every wait, in milliseconds. */
  maxMs: number;
  /** In [0, 1). @default {Math.random} */
  random?: () => number;
}

/**
 * Exponential back-off with full jitter: each wait is uniform in `[0, min(max, base * 2^n))`,
 * which spreads a fleet better than a jittered interval does (AWS Architecture Blog,
 * "Exponential Backoff And Jitter").
 *
 * @example
 * ```ts
 * import { Backoff } from "./backoff.ts";
 * const backoff = new Backoff({ baseMs: 250, maxMs: 10_000 });
 * const firstWait = backoff.next(); // below 250
 * backoff.reset();
 * ```
 */
export class Backoff {
  readonly #baseMs: number;
  readonly #random: () => number;
  #maxMs: number;
  #attempt = 0;

  /**
   * Starts at the base.
   *
   * @throws {RangeError} when a bound is not a positive number
   */
  constructor({ baseMs, maxMs, random = Math.random }: BackoffOptions) {
    if (!(baseMs > 0) || !(maxMs > 0)) {
      throw new RangeError(`Cannot make a back-off: baseMs ${baseMs}, maxMs ${maxMs}`);
    }
    this.#baseMs = baseMs;
    this.#maxMs = maxMs;
    this.#random = random;
  }

  /** How many waits were handed out since the last reset. */
  get attempt(): number {
    return this.#attempt;
  }

  /** Upper bound of every wait, in milliseconds; may change at any time. */
  set maxMs(value: number) {
    this.#maxMs = value;
  }

  /**
   * Takes the next wait.
   *
   * @returns milliseconds
   */
  next(): number {
    const bound = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(this.#attempt, 40));
    this.#attempt++;
    return this.#random() * bound;
  }

  /** Starts again at the base. */
  reset(): void {
    this.#attempt = 0;
  }
}

/**
 * Waits.
 *
 * @param ms how long, in milliseconds
 * @param signal ends the wait early
 * @returns resolves after `ms`
 * @throws the signal's reason, when it aborts first
 */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

/** Thrown when something took longer than it may. */
export class DeadlineError extends Error {
  /** Tells it from other errors. */
  override readonly name = "DeadlineError";
}

/**
 * Runs `work` with a deadline. The work's signal aborts at the deadline or with `outer`; the
 * returned promise rejects then at once, even when the work ignores its signal.
 *
 * @param ms the deadline, in milliseconds
 * @param what names the work in the error: "Cannot <what> within 10 s"
 * @param work gets the signal
 * @param outer aborts the work as well
 * @returns what the work returned
 * @throws {DeadlineError} at the deadline; the outer signal's reason when that came first
 */
export async function withDeadline<T>(
  ms: number,
  what: string,
  work: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const onOuter = (): void => controller.abort(outer!.reason);
  const timer = setTimeout(
    () => controller.abort(new DeadlineError(`Cannot ${what} within ${ms / 1000} s`)),
    ms,
  );
  outer?.addEventListener("abort", onOuter, { once: true });
  const ended = Promise.withResolvers<never>();
  const onAbort = (): void => ended.reject(controller.signal.reason);
  controller.signal.addEventListener("abort", onAbort, { once: true });
  try {
    const running = work(controller.signal);
    running.catch(() => {}); // A loser of the race must not become an unhandled rejection
    return await Promise.race([running, ended.promise]);
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", onOuter);
    controller.signal.removeEventListener("abort", onAbort);
  }
}
