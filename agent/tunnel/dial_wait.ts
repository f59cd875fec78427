/**
 * How long to wait before the next dial.
 *
 * @module
 */
import { Backoff } from "../../shared/backoff.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import type { GoAwayInfo } from "../../shared/tunnel/session.ts";

/** Options of {@linkcode DialWait}. */
export interface DialWaitOptions {
  /** Bound of the first wait, in milliseconds. @default {250} */
  baseMs?: number;
  /** What the hub said last, or the default: bound of every wait, in milliseconds. */
  spreadMs?: number;
  /** Bound of the wait after 401 and 403, in milliseconds. @default {30_000} */
  refusedMaxMs?: number;
  /** 0 to 1. @default {Math.random} */
  random?: () => number;
}

/** Used until a hub says otherwise, in milliseconds. */
export const DEFAULT_SPREAD_MS = 10_000;
/** A hub cannot keep its agents away for longer, in milliseconds. */
const MAX_SPREAD_MS = 300_000;
/** The same for what GOAWAY and `Retry-After` ask. */
const MAX_ASKED_MS = 300_000;
/**
 * The wider the spread, the slower the start: a large fleet that lost its hub at one moment must
 * not come back at one moment. 10 s give 312 ms for the first wait, 60 s give 1.9 s.
 */
const SPREAD_TO_BASE = 32;
/** After these the hub refuses every dial for `waitMs`. */
const AT_LEAST: readonly number[] = [
  SessionCode.REPLACED,
  SessionCode.DUPLICATE_AGENT,
  SessionCode.REVOKED,
];

/** Exponential back-off with full jitter, and what the hub asked for. */
export class DialWait {
  readonly #baseMs: number;
  readonly #refusedMaxMs: number;
  readonly #random: () => number;
  #spreadMs: number;
  #backoff: Backoff;

  /** Starts at the base. */
  constructor(options: DialWaitOptions = {}) {
    this.#baseMs = options.baseMs ?? 250;
    this.#refusedMaxMs = options.refusedMaxMs ?? 30_000;
    this.#random = options.random ?? Math.random;
    this.#spreadMs = clampSpread(options.spreadMs ?? DEFAULT_SPREAD_MS);
    this.#backoff = this.#fresh();
  }

  /** Bound of every wait, in milliseconds. */
  get spreadMs(): number {
    return this.#spreadMs;
  }

  /** Takes a new spread from the hub; the steps begin anew with the next `reset`. */
  set spreadMs(value: number) {
    this.#spreadMs = clampSpread(value);
    this.#backoff.maxMs = this.#spreadMs;
  }

  /** A session was stable: the next wait is short again. */
  reset(): void {
    this.#backoff = this.#fresh();
  }

  /** @returns milliseconds to wait after a session that simply ended, or a dial that failed */
  next(): number {
    return this.#backoff.next();
  }

  /** @returns milliseconds to wait after 401 or 403: the same steps, but they go further up */
  afterUnauthorized(): number {
    this.#backoff.maxMs = Math.max(this.#spreadMs, this.#refusedMaxMs);
    const wait = this.#backoff.next();
    this.#backoff.maxMs = this.#spreadMs;
    return wait;
  }

  /** @returns milliseconds to wait when new credentials came after a refusal */
  afterRenewal(): number {
    return this.#random() * this.#baseMs;
  }

  /** @returns milliseconds to wait where a server sent `Retry-After` */
  afterRetryAfter(retryAfterMs: number): number {
    const asked = Math.min(retryAfterMs, MAX_ASKED_MS);
    // All that were told the same would come back together
    return asked + this.#random() * Math.max(this.#baseMs, asked) + this.next();
  }

  /** @returns milliseconds to wait after GOAWAY */
  afterGoAway({ code, waitMs }: GoAwayInfo): number {
    const asked = Math.min(waitMs, MAX_ASKED_MS);
    const wait = AT_LEAST.includes(code) ? asked * (1 + 0.1 * this.#random()) : asked *
      this.#random();
    // A hub that sends GOAWAY at once, again and again, is not dialled faster than a dead one
    return Math.max(wait, this.next());
  }

  #fresh(): Backoff {
    return new Backoff({
      baseMs: Math.max(this.#baseMs, this.#spreadMs / SPREAD_TO_BASE),
      maxMs: this.#spreadMs,
      random: this.#random,
    });
  }
}

function clampSpread(ms: number): number {
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 1_000), MAX_SPREAD_MS) : DEFAULT_SPREAD_MS;
}
