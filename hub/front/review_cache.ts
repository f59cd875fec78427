/**
 * Answers of the parent, kept for seconds: bounded, one question at a time for each key.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import { StatusError } from "../../shared/kube/status.ts";

/** Options of {@linkcode ReviewCache}. */
export interface ReviewCacheOptions<V> {
  /** How long an answer holds, in milliseconds, counted from the moment it was asked for. */
  ttlMs: (value: V) => number;
  /** Answers kept at most; the least recently used goes first. @default {4096} */
  max?: number;
  /** Questions under way at most. @default {256} */
  maxInFlight?: number;
  /** Monotonic or wall clock, in milliseconds. */
  now: () => number;
}

/**
 * Caches answers. The same question asked again while the first is under way waits for that one;
 * a failure is not kept.
 */
export class ReviewCache<V extends NonNullable<unknown>> {
  readonly #kept: LRUCache<string, { value: V; until: number }>;
  readonly #running = new Map<string, Promise<V>>();
  readonly #options: ReviewCacheOptions<V>;

  /**
   * Makes an empty cache.
   *
   * @param options bounds and lifetimes
   */
  constructor(options: ReviewCacheOptions<V>) {
    this.#options = options;
    this.#kept = new LRUCache({ max: options.max ?? 4096 });
  }

  /**
   * Gives the answer, asking for it when there is none.
   *
   * @param key SHA-256 of the question or another short text
   * @param load asks the parent; must have a deadline of its own
   * @returns the answer, and whether it was asked for just now
   * @throws what `load` throws; {@linkcode StatusError} 503 when too many questions are under way
   */
  async get(key: string, load: () => Promise<V>): Promise<{ value: V; fresh: boolean }> {
    const { now, ttlMs, maxInFlight = 256 } = this.#options;
    const kept = this.#kept.get(key);
    if (kept !== undefined && now() < kept.until) return { value: kept.value, fresh: false };
    const running = this.#running.get(key);
    if (running !== undefined) return { value: await running, fresh: false };
    if (this.#running.size >= maxInFlight) {
      throw StatusError.of(503, "Too many callers wait to be checked: try again in a moment");
    }
    const asked = now();
    const loading = load();
    this.#running.set(key, loading);
    try {
      const value = await loading;
      this.#kept.set(key, { value, until: asked + ttlMs(value) });
      return { value, fresh: true };
    } finally {
      this.#running.delete(key);
    }
  }
}
