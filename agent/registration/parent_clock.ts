/**
 * The parent's time, as its answers tell it: expiry is the parent's word, so it is compared with
 * the parent's clock, not with that of an edge box.
 *
 * @module
 */
import { type Log, silentLog } from "../../shared/log.ts";

/** Options of {@linkcode ParentClock}. */
export interface ParentClockOptions {
  /** This machine's clock, milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** @default {silentLog} */
  log?: Log;
}

/** A difference above this is said once, in milliseconds. */
const NOTABLE_SKEW_MS = 5 * 60_000;

/** This machine's clock, put right by the `Date` header of the parent's answers. */
export class ParentClock {
  readonly #now: () => number;
  readonly #log: Log;
  #offsetMs = 0;
  #said = false;

  constructor({ now = Date.now, log = silentLog }: ParentClockOptions = {}) {
    this.#now = now;
    this.#log = log;
  }

  /** @returns the parent's time, in milliseconds since the epoch */
  now(): number {
    return this.#now() + this.#offsetMs;
  }

  /** The parent's clock is ahead of this machine's by so many milliseconds. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /**
   * Takes note of an answer of the parent. `Date` counts whole seconds: a difference below two is
   * none.
   */
  observe(response: Response): Response {
    const date = Date.parse(response.headers.get("date") ?? "");
    if (Number.isFinite(date)) {
      const offset = date + 500 - this.#now();
      this.#offsetMs = Math.abs(offset) < 2_000 ? 0 : offset;
      if (Math.abs(offset) > NOTABLE_SKEW_MS && !this.#said) {
        this.#said = true;
        this.#log.warn("This machine's clock differs from the parent's: set it right", {
          aheadSeconds: Math.round(-offset / 1000),
        });
      }
    }
    return response;
  }
}
