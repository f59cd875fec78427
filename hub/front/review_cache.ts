/**
 * Answers of the parent, kept for seconds: bounded, one question at a time for each key. Who asks
 * much spends their own share of it alone.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import { failure, StatusError } from "../../shared/kube/status.ts";

/** Options of {@linkcode ReviewCache}. */
export interface ReviewCacheOptions<V> {
  /** How long an answer holds, in milliseconds, counted from the moment it was asked for. */
  ttlMs: (value: V) => number;
  /** Tells a yes from a no. They are kept apart, so that no crowd of noes pushes a yes out. */
  isYes: (value: V) => boolean;
  /** Answers of each kind kept at most; the least recently used goes first. @default {4096} */
  max?: number;
  /**
   * Questions under way at most. The last quarter is for askers who have none under way.
   *
   * @default {256}
   */
  maxInFlight?: number;
  /** Questions of one asker under way at most. @default {16} */
  maxPerAsker?: number;
  /** Told of each question that a bound refused. */
  onRefused?: (reason: ReviewLimit) => void;
  /** Monotonic or wall clock, in milliseconds. */
  now: () => number;
}

/** Which bound a question met; the label of a metric. */
export type ReviewLimit = "asker-reviews" | "reviews";

/** Who asks; by whom a question is counted. */
export type Asker<V> = string | ((stale: V | undefined) => string);

interface Kept<V> {
  value: V;
  until: number;
}

/** Of the questions under way, the part that is kept for askers who have none. */
const RESERVE = 1 / 4;

/**
 * Caches answers. The same question asked again while the first is under way waits for that one;
 * a failure is not kept.
 *
 * @example
 * ```ts
 * import { ReviewCache } from "./review_cache.ts";
 * const cache = new ReviewCache<boolean>({
 *   ttlMs: () => 10_000,
 *   isYes: (allowed) => allowed,
 *   now: () => performance.now(),
 * });
 * await cache.get("may ann?", "ann", () => Promise.resolve(true)); // { value: true, fresh: true }
 * ```
 */
export class ReviewCache<V extends NonNullable<unknown>> {
  readonly #yes: LRUCache<string, Kept<V>>;
  readonly #no: LRUCache<string, Kept<V>>;
  readonly #running = new Map<string, Promise<V>>();
  /** Questions under way by asker; nobody is kept at zero. */
  readonly #askers = new Map<string, number>();
  readonly #options: ReviewCacheOptions<V>;

  /**
   * Makes an empty cache.
   *
   * @param options bounds and lifetimes
   */
  constructor(options: ReviewCacheOptions<V>) {
    const { max = 4096 } = options;
    this.#options = options;
    this.#yes = new LRUCache({ max });
    this.#no = new LRUCache({ max });
  }

  /** Askers that have a question under way. */
  get askers(): number {
    return this.#askers.size;
  }

  /**
   * Gives the answer, asking for it when there is none.
   *
   * @param key SHA-256 of the question or another short text
   * @param asker a name, or what makes one of the yes that was the answer last and is too old now
   * @param load asks the parent; must have a deadline of its own
   * @returns the answer, and whether it was asked for just now
   * @throws what `load` throws; {@linkcode StatusError} 429 when too many questions are under way,
   * of this asker or of all
   */
  async get(
    key: string,
    asker: Asker<V>,
    load: () => Promise<V>,
  ): Promise<{ value: V; fresh: boolean }> {
    const { now } = this.#options;
    const kept = this.#yes.get(key) ?? this.#no.get(key);
    if (kept !== undefined && now() < kept.until) return { value: kept.value, fresh: false };
    const running = this.#running.get(key);
    if (running !== undefined) return { value: await running, fresh: false };
    const name = typeof asker === "string" ? asker : asker(this.#yes.get(key)?.value);
    using _place = this.#enter(name);
    const asked = now();
    const loading = load();
    this.#running.set(key, loading);
    try {
      const value = await loading;
      this.#keep(key, value, asked);
      return { value, fresh: true };
    } finally {
      this.#running.delete(key);
    }
  }

  #keep(key: string, value: V, asked: number): void {
    const { isYes, ttlMs } = this.#options;
    const [into, outOf] = isYes(value) ? [this.#yes, this.#no] : [this.#no, this.#yes];
    outOf.delete(key); // A right that was taken away must not answer beside its refusal
    into.set(key, { value, until: asked + ttlMs(value) });
  }

  #enter(asker: string): Disposable {
    const { maxInFlight = 256, maxPerAsker = 16 } = this.#options;
    const held = this.#askers.get(asker) ?? 0;
    if (held >= maxPerAsker) this.#refuse("asker-reviews", `${held} of your requests wait`);
    const limit = held === 0 ? maxInFlight : Math.floor(maxInFlight * (1 - RESERVE));
    if (this.#running.size >= limit) this.#refuse("reviews", "Too many callers wait");
    this.#askers.set(asker, held + 1);
    return {
      [Symbol.dispose]: (): void => {
        const left = this.#askers.get(asker)! - 1;
        if (left === 0) this.#askers.delete(asker);
        else this.#askers.set(asker, left);
      },
    };
  }

  #refuse(reason: ReviewLimit, what: string): never {
    this.#options.onRefused?.(reason);
    throw new StatusError(failure(
      429,
      `${what} to be checked by the parent's kube-apiserver, as many as may: try again in a moment`,
      { retryAfterSeconds: 1, causes: [{ reason, message: "a limit of the hub" }] },
    ));
  }
}
