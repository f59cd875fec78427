/**
 * So many in a second for each key, some at once: a token bucket that forgets who is idle.
 *
 * @module
 */

/** Options of {@linkcode RateByKey}. */
export interface RateOptions {
  /** Tokens that come back in a second. */
  perSecond: number;
  /** Tokens of a full bucket. */
  burst: number;
  /** A clock that never goes back, in milliseconds. */
  now: () => number;
}

/** Token buckets by key; a full one is not kept. */
export class RateByKey {
  readonly #options: RateOptions;
  /** In the order of their last use, the oldest first. */
  readonly #buckets = new Map<string, { tokens: number; at: number }>();

  /** Makes one whose buckets are all full. */
  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** Buckets that are kept. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token.
   *
   * @returns `false` when the bucket is empty
   */
  take(key: string): boolean {
    const { perSecond, burst, now } = this.#options;
    const at = now();
    this.#forgetFull(at);
    const bucket = this.#buckets.get(key);
    const tokens = bucket === undefined
      ? burst
      : Math.min(burst, bucket.tokens + (at - bucket.at) * perSecond / 1000);
    const given = tokens >= 1;
    this.#buckets.delete(key);
    this.#buckets.set(key, { tokens: given ? tokens - 1 : tokens, at });
    return given;
  }

  /** Whoever was idle for as long as a bucket takes to fill is at the front. */
  #forgetFull(at: number): void {
    const { perSecond, burst } = this.#options;
    const fullAfterMs = burst * 1000 / perSecond;
    for (const [key, bucket] of this.#buckets) {
      if (at - bucket.at < fullAfterMs) return;
      this.#buckets.delete(key);
    }
  }
}
