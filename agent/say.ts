/**
 * Says a thing once, and again only when it changed or a long time has passed: a fault that lasts
 * for days must not flood the log.
 *
 * @module
 */
import type { Log, LogProperties } from "../shared/log.ts";

/** Options of {@linkcode Sayer}. */
export interface SayerOptions {
  log: Log;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** The same sentence comes again after so long, in milliseconds. @default {600_000} */
  everyMs?: number;
}

/** Writes lines that do not repeat. */
export class Sayer {
  readonly #log: Log;
  readonly #now: () => number;
  readonly #everyMs: number;
  #last: { text: string; at: number } | undefined;

  constructor({ log, now = Date.now, everyMs = 600_000 }: SayerOptions) {
    this.#log = log;
    this.#now = now;
    this.#everyMs = everyMs;
  }

  /** @returns whether it was said; `false` when it is what was said last */
  say(level: "info" | "warn" | "error", message: string, properties?: LogProperties): boolean {
    const text = `${level} ${message}`;
    const last = this.#last;
    if (last?.text === text && this.#now() - last.at < this.#everyMs) return false;
    this.#last = { text, at: this.#now() };
    this.#log[level](message, properties);
    return true;
  }

  /** Things went well meanwhile: the next fault is news again. */
  reset(): void {
    this.#last = undefined;
  }
}

/**
 * Makes a log whose warnings do not repeat; for what is handed to others.
 *
 * @param log where the rest goes as it is
 * @returns the log; a line of level info makes the next warning news again
 */
export function calm(log: Log, now: () => number = Date.now): Log {
  const sayer = new Sayer({ log, now });
  return {
    debug: (message, properties) => log.debug(message, properties),
    info: (message, properties) => {
      sayer.reset();
      log.info(message, properties);
    },
    warn: (message, properties) => void sayer.say("warn", message, properties),
    error: (message, properties) => log.error(message, properties),
    with: (properties) => calm(log.with(properties), now),
  };
}
