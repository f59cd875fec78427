/**
 * A level-based work queue: keys in, `reconcile(key)` out.
 *
 * @module
 */
import { Backoff, withDeadline } from "../backoff.ts";
import { type Log, silentLog } from "../log.ts";
import { isStatus } from "./status.ts";

/** What a reconcile may ask for. */
export interface ReconcileResult {
  /** Look again after so many milliseconds, whatever happens. */
  requeueAfterMs?: number | undefined;
}

/** Options of {@linkcode ReconcileQueue}. */
export interface ReconcileQueueOptions {
  /**
   * Brings the world of `key` to what it should be; idempotent; what it throws brings the key back
   * after a back-off.
   */
  reconcile: (
    key: string,
    context: { signal: AbortSignal },
  ) => Promise<ReconcileResult | void>;
  /** Keys at work at once. @default {4} */
  concurrency?: number;
  /** Per key. @default {250 ms to 60 s} */
  backoff?: { baseMs: number; maxMs: number };
  /** Deadline of one reconcile, in milliseconds. @default {60_000} */
  timeoutMs?: number;
  /** Where it says what happened. @default {silent} */
  log?: Log;
  /** Source of randomness, in `[0, 1)`. @default {Math.random} */
  random?: () => number;
}

/** After its deadline a reconcile has so long to heed its signal, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * Each key is at work once at a time; a key that is added while it is at work is worked on once
 * more afterwards; a key that is added ten times while it waits is worked on once.
 *
 * @example
 * ```ts ignore
 * const queue = new ReconcileQueue({ reconcile: (key, { signal }) => approve(key, signal), log });
 * informer.on({ added: (o) => queue.add(keyOf(o)), updated: (o) => queue.add(keyOf(o)) });
 * queue.start(signal);
 * ```
 */
export class ReconcileQueue {
  readonly #options: ReconcileQueueOptions;
  readonly #log: Log;
  readonly #waiting = new Set<string>(); // In the order of arrival
  readonly #running = new Set<string>();
  readonly #again = new Set<string>(); // Added while running
  readonly #timers = new Map<string, { timer: ReturnType<typeof setTimeout>; at: number }>();
  readonly #backoffs = new Map<string, Backoff>();
  #idle: PromiseWithResolvers<void> | undefined;
  #signal: AbortSignal | undefined;

  /**
   * Makes a queue; `start` starts it.
   *
   * @param options how to reconcile
   */
  constructor(options: ReconcileQueueOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /** Keys that wait, are at work, or come back later. */
  get size(): number {
    return new Set([...this.#waiting, ...this.#running, ...this.#timers.keys()]).size;
  }

  /** Resolves as soon as nothing waits and nothing is at work; timers do not count. */
  get idle(): Promise<void> {
    if (this.#waiting.size === 0 && this.#running.size === 0) return Promise.resolve();
    this.#idle ??= Promise.withResolvers<void>();
    return this.#idle.promise;
  }

  /** Works on `key` soon. Before `start` it waits, after the signal it is dropped. */
  add(key: string): void {
    if (this.#signal?.aborted) return;
    this.#dropTimer(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#waiting.add(key);
    this.#pump();
  }

  /** Works on `key` after `ms`, or earlier when it is added before. */
  addAfter(key: string, ms: number): void {
    if (this.#signal?.aborted) return;
    if (ms <= 0) return this.add(key);
    const at = performance.now() + ms;
    const known = this.#timers.get(key);
    if (known !== undefined && known.at <= at) return;
    this.#dropTimer(key);
    this.#timers.set(key, { timer: setTimeout(() => this.add(key), ms), at });
  }

  /**
   * Starts to work; once.
   *
   * @param signal stops: running reconciles see it, waiting keys are dropped
   */
  start(signal: AbortSignal): void {
    if (this.#signal !== undefined) throw new TypeError("Cannot start a queue twice");
    this.#signal = signal;
    const stop = (): void => {
      for (const key of [...this.#timers.keys()]) this.#dropTimer(key);
      this.#waiting.clear();
      this.#again.clear();
      this.#checkIdle();
    };
    if (signal.aborted) return stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#pump();
  }

  #dropTimer(key: string): void {
    const known = this.#timers.get(key);
    if (known === undefined) return;
    clearTimeout(known.timer);
    this.#timers.delete(key);
  }

  #pump(): void {
    if (this.#signal === undefined) return;
    const { concurrency = 4 } = this.#options;
    for (const key of this.#waiting) {
      if (this.#running.size >= concurrency) return;
      this.#waiting.delete(key);
      this.#running.add(key);
      void this.#work(key, this.#signal);
    }
  }

  async #work(key: string, signal: AbortSignal): Promise<void> {
    const { reconcile, timeoutMs = 60_000 } = this.#options;
    let afterMs: number | undefined;
    let running: Promise<ReconcileResult | void> = Promise.resolve();
    try {
      const result = await withDeadline(timeoutMs, `reconcile "${key}"`, (live) => {
        running = (async () => await reconcile(key, { signal: live }))();
        return running;
      }, signal);
      this.#backoffs.delete(key);
      afterMs = result?.requeueAfterMs;
    } catch (error) {
      if (!signal.aborted) afterMs = this.#afterFailure(key, error);
      // One at a time: it has its signal, and some time to heed it
      await withDeadline(GRACE_MS, `end the reconcile of "${key}"`, () => running).catch(() => {});
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#waiting.add(key);
    else if (afterMs !== undefined && !signal.aborted) this.addAfter(key, Math.max(afterMs, 1));
    this.#pump();
    this.#checkIdle();
  }

  #afterFailure(key: string, error: unknown): number {
    let backoff = this.#backoffs.get(key);
    if (backoff === undefined) {
      const { baseMs, maxMs } = this.#options.backoff ?? { baseMs: 250, maxMs: 60_000 };
      backoff = new Backoff({ baseMs, maxMs, random: this.#options.random ?? Math.random });
      this.#backoffs.set(key, backoff);
    }
    const waitMs = backoff.next();
    const properties = { key, error, tries: backoff.attempt, waitMs: Math.round(waitMs) };
    // A conflict is the normal way to learn that a copy was old
    if (isStatus(error, 409)) this.#log.debug("Reconcile met a conflict", properties);
    else this.#log.warn("Reconcile failed and will be tried again", properties);
    return waitMs;
  }

  #checkIdle(): void {
    if (this.#waiting.size > 0 || this.#running.size > 0) return;
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
