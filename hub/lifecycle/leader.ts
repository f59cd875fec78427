/**
 * What runs on the leader alone: the queues that write to the parent. A standby watches too, so
 * that it knows everything the moment it takes over.
 *
 * @module
 */
import { ReconcileQueue, type ReconcileResult } from "../../shared/kube/workqueue.ts";
import type { Log } from "../../shared/log.ts";

type Reconcile = (
  key: string,
  context: { signal: AbortSignal },
) => Promise<ReconcileResult | void>;

/** What each kind of key is reconciled by. */
export interface Reconcilers {
  /** Registration requests, by name. */
  requests: Reconcile;
  /** Tokens, by the name of the request. */
  tokens: Reconcile;
  /** ManagedClusters that are deleted or orphaned, by `namespace/name`. */
  clusters: Reconcile;
  /** Conditions, by cluster id. */
  conditions: Reconcile;
}

/** Options of {@linkcode LeaderWork}. */
export interface LeaderWorkOptions {
  reconcilers: Reconcilers;
  /** Resolves when the caches are complete: nothing is decided before. */
  synced: Promise<void>;
  /** Fills the queues at the start of a term. */
  onTerm: (work: LeaderWork) => void;
  log: Log;
  random: () => number;
}

/** Keys at work at once. A registration is three calls deep; a storm of them must not wait. */
const CONCURRENCY: Readonly<Record<keyof Reconcilers, number>> = {
  requests: 16,
  tokens: 4,
  clusters: 8,
  conditions: 8,
};

/** The queues of one term at a time. */
export class LeaderWork {
  readonly #options: LeaderWorkOptions;
  #queues: Record<keyof Reconcilers, ReconcileQueue> | undefined;
  #term: AbortSignal | undefined;

  constructor(options: LeaderWorkOptions) {
    this.#options = options;
  }

  /** Whether this hub leads, and works. */
  get active(): boolean {
    return this.#queues !== undefined && this.#term?.aborted === false;
  }

  /**
   * Leads until the signal aborts; may be called again for a later term.
   *
   * @param term ends with the leadership
   */
  async lead(term: AbortSignal): Promise<void> {
    try {
      await this.#options.synced;
    } catch (error) {
      if (!term.aborted) this.#options.log.error("The controllers never began", { error });
      return;
    }
    if (term.aborted) return;
    const { reconcilers, log, random } = this.#options;
    const queue = (name: keyof Reconcilers): ReconcileQueue =>
      new ReconcileQueue({
        reconcile: reconcilers[name],
        concurrency: CONCURRENCY[name],
        log: log.with({ queue: name }),
        random,
      });
    this.#term = term;
    this.#queues = {
      requests: queue("requests"),
      tokens: queue("tokens"),
      clusters: queue("clusters"),
      conditions: queue("conditions"),
    };
    const queues = Object.values(this.#queues);
    this.#options.onTerm(this);
    for (const one of queues) one.start(term);
    log.info("The controllers work now");
  }

  /** Has a key reconciled soon; nothing happens on a standby. */
  add(queue: keyof Reconcilers, key: string): void {
    this.#queues?.[queue].add(key);
  }

  /** Resolves when nothing waits and nothing is at work. */
  async idle(): Promise<void> {
    for (const queue of Object.values(this.#queues ?? {})) await queue.idle;
  }
}
