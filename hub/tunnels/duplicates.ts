/**
 * Finds two agents that claim one cluster and keep throwing each other out, and says how long
 * both are to stay away.
 *
 * @module
 */

/** Options of {@linkcode DuplicateGuard}. */
export interface DuplicateOptions {
  /** So many replacements between the same two instances are a fight. @default {3} */
  replacements?: number;
  /**
   * So many returns of one instance that was thrown out are a fight, whoever threw it out: a thief
   * may give itself a new name at each dial. @default {2}
   */
  returns?: number;
  /**
   * So many sessions of one instance that replace each other while the older one stands are a fight:
   * a thief may take its victim's name. @default {6}
   */
  renewals?: number;
  /** Within so many milliseconds. @default {60_000} */
  windowMs?: number;
  /** The first refusal, in milliseconds; it doubles with each fight. @default {15_000} */
  baseMs?: number;
  /** The longest refusal, in milliseconds. @default {300_000} */
  maxMs?: number;
  /** After so many quiet milliseconds the refusal starts at its base again. @default {900_000} */
  forgetMs?: number;
}

/** What {@linkcode DuplicateGuard.replaced} found. */
export interface Fight {
  /** The two instance ids. */
  instances: [string, string];
  /** How long the cluster's attaches are refused from now, in milliseconds. */
  refusedMs: number;
}

interface History {
  /** Ordered by time; bounded by the window and by `replacements` squared. */
  replacements: { at: number; pair: string; from: string; to: string; returned: boolean }[];
  fights: number;
  lastFightAt: number;
  refusedUntil: number;
}

const MAX_REPLACEMENTS = 64;

/** The memory of replacements, for each cluster. */
export class DuplicateGuard {
  readonly #options: Required<DuplicateOptions>;
  readonly #clusters = new Map<string, History>();

  /** Makes an empty memory. */
  constructor(
    {
      replacements = 3,
      returns = 2,
      renewals = 6,
      windowMs = 60_000,
      baseMs = 15_000,
      maxMs = 300_000,
      forgetMs = 900_000,
    }: DuplicateOptions = {},
  ) {
    this.#options = { replacements, returns, renewals, windowMs, baseMs, maxMs, forgetMs };
  }

  /**
   * How long attaches of a cluster are still refused.
   *
   * @param now milliseconds
   * @returns milliseconds, 0 when they are not
   */
  refusedMs(clusterId: string, now: number): number {
    return Math.max(0, (this.#clusters.get(clusterId)?.refusedUntil ?? 0) - now);
  }

  /**
   * Notes that a session was replaced by another. The same instance coming back is a lost connection,
   * unless it does so again and again; a chain of ever new instances (a crashing agent) is no fight.
   *
   * @param now milliseconds
   * @returns the fight, when this replacement makes it one
   */
  replaced(clusterId: string, from: string, to: string, now: number): Fight | undefined {
    const { replacements, returns, renewals, windowMs, baseMs, maxMs, forgetMs } = this.#options;
    const history = this.#clusters.get(clusterId) ??
      { replacements: [], fights: 0, lastFightAt: -Infinity, refusedUntil: 0 };
    this.#clusters.set(clusterId, history);
    const pair = [from, to].sort().join("\n");
    history.replacements = history.replacements.filter(({ at }) => now - at < windowMs)
      .slice(1 - MAX_REPLACEMENTS);
    const returned = from !== to && history.replacements.some((entry) => entry.from === to);
    history.replacements.push({ at: now, pair, from, to, returned });
    const count = history.replacements.filter((entry) => entry.pair === pair).length;
    const back = history.replacements.filter((entry) => entry.to === to && entry.returned).length;
    if (from === to ? count < renewals : count < replacements && back < returns) return undefined;
    if (now - history.lastFightAt > forgetMs) history.fights = 0;
    const refusedMs = Math.min(maxMs, baseMs * 2 ** history.fights);
    history.fights++;
    history.lastFightAt = now;
    history.refusedUntil = now + refusedMs;
    history.replacements = [];
    return { instances: [from, to], refusedMs };
  }

  /** Drops what is known of a cluster. */
  forget(clusterId: string): void {
    this.#clusters.delete(clusterId);
  }
}
