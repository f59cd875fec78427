/**
 * Limits on cheap frames that cost the receiver work: a peer that sends too many is cut off
 * (compare CVE-2023-44487, HTTP/2 rapid reset).
 *
 * @module
 */
import type { SessionConfig } from "./config.ts";
import { ProtocolError, SessionCode } from "./errors.ts";

/** A bucket that refills steadily. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /**
   * @param perSecond refill
   * @param burst size
   * @param now in milliseconds
   */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** @returns `false` when it is empty */
  take(now: number): boolean {
    if (this.#tokens < 1) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMs);
      this.#at = now;
      if (this.#tokens < 1) return false;
    }
    this.#tokens--;
    return true;
  }
}

/** What is counted. */
export type FloodKind = "OPEN" | "RESET" | "PING" | "SYNC" | "empty or unknown frames";

/** The buckets of one session. */
export class FloodGuard {
  readonly #buckets: Record<FloodKind, TokenBucket>;

  /** @param now in milliseconds */
  constructor(config: SessionConfig, now: number) {
    const bucket = (perSecond: number, burst: number): TokenBucket =>
      new TokenBucket(perSecond, burst, now);
    this.#buckets = {
      OPEN: bucket(config.opensPerSecond, config.opensPerSecond),
      RESET: bucket(config.resetsPerSecond, config.resetBurst),
      PING: bucket(config.pingsPerSecond, config.pingsPerSecond),
      SYNC: bucket(config.syncsPerMinute / 60, config.syncsPerMinute),
      "empty or unknown frames": bucket(config.emptyFramesPerSecond, config.emptyFramesPerSecond),
    };
  }

  /**
   * Counts one.
   *
   * @throws {ProtocolError} FLOOD when there were too many
   */
  count(kind: FloodKind, now: number): void {
    if (!this.#buckets[kind].take(now)) {
      throw new ProtocolError(SessionCode.FLOOD, `The peer floods this side with ${kind}`);
    }
  }
}
