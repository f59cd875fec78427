/**
 * Bounds what an attacker can make the hub say: each thing once in a while, and all together at a
 * slow rate.
 *
 * @module
 */
import { LRUCache } from "lru-cache";

/** Options of {@linkcode Pacer}. */
export interface PacerOptions {
  /** Milliseconds since the epoch. */
  now: () => number;
  /** A key is let through once in so long. @default {600_000} */
  everyMs?: number;
  /** So many keys are let through at once. @default {10} */
  burst?: number;
  /** And one more after each of these. @default {60_000} */
  refillMs?: number;
}

const MAX_KEYS = 1024;

/** See the module text. */
export class Pacer {
  readonly #now: () => number;
  readonly #seen: LRUCache<string, true>;
  readonly #burst: number;
  readonly #refillMs: number;
  #allowance: number;
  #filledAt: number;

  /** Lets the first of each key through. */
  constructor({ now, everyMs = 600_000, burst = 10, refillMs = 60_000 }: PacerOptions) {
    this.#now = now;
    this.#burst = this.#allowance = burst;
    this.#refillMs = refillMs;
    this.#filledAt = now();
    this.#seen = new LRUCache({ max: MAX_KEYS, ttl: everyMs, ttlResolution: 0, perf: { now } });
  }

  /**
   * Asks for a key.
   *
   * @returns whether it may be said now
   */
  allow(key: string): boolean {
    const now = this.#now();
    const filled = Math.max(0, now - this.#filledAt) / this.#refillMs;
    this.#allowance = Math.min(this.#burst, this.#allowance + filled);
    this.#filledAt = now;
    if (this.#allowance < 1 || this.#seen.has(key)) return false;
    this.#allowance--;
    this.#seen.set(key, true);
    return true;
  }
}
