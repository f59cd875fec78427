/**
 * Who follows changes.
 *
 * @module
 */
import type { Log } from "../../../shared/log.ts";
import type { Change, WatchOptions } from "./types.ts";

interface Watcher extends WatchOptions {
  /** Changes up to this version were handed over. */
  seen: number;
}

/** Hands each change to each follower once; one that throws harms no other. */
export class Watchers {
  readonly #log: Log;
  readonly #byResource = new Map<string, Set<Watcher>>();
  readonly #subscribers = new Set<{ listener: (change: Change) => void }>();

  /**
   * Makes an empty set.
   *
   * @param log told of callbacks that throw
   */
  constructor(log: Log) {
    this.#log = log;
  }

  /** How many watch. */
  get size(): number {
    let size = 0;
    for (const watchers of this.#byResource.values()) size += watchers.size;
    return size;
  }

  /**
   * Adds a watcher, and hands it what is there already.
   *
   * @param missed changes after `options.since` up to `version`
   * @param version of the store
   * @returns removes it
   */
  watch(options: WatchOptions, missed: readonly Change[], version: number): () => void {
    const { resource, since } = options;
    const watcher: Watcher = { ...options, seen: since === 0 ? version : Math.max(since, version) };
    let watchers = this.#byResource.get(resource);
    if (watchers === undefined) this.#byResource.set(resource, watchers = new Set());
    watchers.add(watcher);
    if (missed.length > 0) this.#tell(watcher, missed, version);
    return () => {
      const now = this.#byResource.get(resource);
      now?.delete(watcher);
      if (now?.size === 0) this.#byResource.delete(resource);
    };
  }

  /** Adds a follower of everything; returns what removes it. */
  subscribe(listener: (change: Change) => void): () => void {
    const subscriber = { listener }; // The same function may come twice
    this.#subscribers.add(subscriber);
    return () => void this.#subscribers.delete(subscriber);
  }

  /**
   * Hands over a batch, in order.
   *
   * @param version of the newest change
   */
  dispatch(changes: readonly Change[], version: number): void {
    const byResource = Map.groupBy(changes, ({ object }) => object.resource);
    for (const [resource, watchers] of [...this.#byResource]) {
      const all = byResource.get(resource) ?? [];
      const byNamespace = new Map<string, readonly Change[]>();
      const of = (namespace: string): readonly Change[] => {
        let some = byNamespace.get(namespace);
        if (some === undefined) {
          some = all.filter(({ object }) => object.namespace === namespace);
          byNamespace.set(namespace, some);
        }
        return some;
      };
      // One that is added meanwhile has seen this batch; one that is removed is not told
      for (const watcher of watchers) {
        if (watcher.seen >= version) continue;
        const { namespace, seen } = watcher;
        const some = namespace === undefined ? all : of(namespace);
        watcher.seen = version;
        // One that waits for a version to come may be in the middle of the batch
        const first = changes[0];
        const whole = first === undefined || seen < first.object.version;
        this.#tell(watcher, whole ? some : some.filter((c) => c.object.version > seen), version);
      }
    }
    for (const { listener } of [...this.#subscribers]) {
      for (const change of changes) {
        this.#guard("A subscriber of the store threw", () => listener(change));
      }
    }
  }

  /** Forgets everybody. */
  clear(): void {
    this.#byResource.clear();
    this.#subscribers.clear();
  }

  #tell(watcher: Watcher, changes: readonly Change[], version: number): void {
    this.#guard("A watcher of the store threw", () => watcher.onChanges(changes, version));
  }

  #guard(message: string, call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error(message, { error });
    }
  }
}
