/**
 * Keeps a copy of a collection: list, then watch, for ever.
 *
 * @module
 */
import { Backoff, delay } from "../backoff.ts";
import { type Log, silentLog } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { type InformerListener, ObjectStore } from "./object_store.ts";
import type { ResourceRef } from "./resources.ts";
import { isStatus, StatusError } from "./status.ts";
import type { KubeObject } from "./types.ts";

/** Options of {@linkcode Informer}. */
export interface InformerOptions<T = KubeObject> {
  /** The way to the API. */
  client: Pick<KubeClient, "list" | "watch">;
  /** What to keep a copy of. */
  resource: ResourceRef;
  /** All namespaces without it. */
  namespace?: string | undefined;
  /** Such as `a=b,c`. */
  labelSelector?: string | undefined;
  /** Such as `metadata.name=a`. */
  fieldSelector?: string | undefined;
  /**
   * What is kept of an object, before anybody is told of it: a new object that holds no more than
   * is used, so that what others write into theirs does not fill the memory (as client-go's
   * `SharedInformer.SetTransform`). `metadata` keeps name, namespace, uid and resourceVersion. It
   * must not throw. @default {all but metadata.managedFields}
   */
  transform?: (object: T) => T;
  /** Where it says what happened. @default {silent} */
  log?: Log;
  /** Milliseconds. @default {Date.now} */
  now?: () => number;
  /** Source of randomness, in `[0, 1)`. @default {Math.random} */
  random?: () => number;
  /** A server silent for so long is taken for dead, in milliseconds. @default {90_000} */
  idleMs?: number;
  /**
   * Longest wait between two tries, in milliseconds; with the list it stays below the 10 s within
   * which an informer is to be live again once the server is. @default {8_000}
   */
  maxBackoffMs?: number;
}

/** Past so many failures in a row the resource version is doubted, and a list is due. */
const FAILURES_BEFORE_LIST = 5;
/** A watch that lived so long was a success, even without an event. */
const STABLE_MS = 10_000;
/** Out of contact for so long an informer is no longer healthy. */
const UNHEALTHY_MS = 30_000;
/** Longest wait that a server may ask for. */
const MAX_RETRY_AFTER_MS = 30_000;

/**
 * Keeps a copy of a collection and tells of its changes. After a broken or silent connection it
 * goes on from the last resource version it saw, so nothing is missed and nothing is told twice;
 * where the server has forgotten that version (410) it lists anew and tells the difference.
 *
 * The copies are shared: do not change them. `metadata.managedFields` is left out.
 *
 * @example
 * ```ts ignore
 * const informer = new Informer<ConfigMap>({ client, resource: CONFIG_MAPS, namespace, log });
 * informer.on({ updated: (configMap) => apply(configMap) });
 * informer.start(signal);
 * await informer.synced;
 * ```
 */
export class Informer<T extends KubeObject> {
  readonly #options: InformerOptions<T>;
  readonly #transform: (object: T) => T;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #backoff: Backoff;
  readonly #store: ObjectStore<T>;
  readonly #synced = Promise.withResolvers<void>();
  readonly #stopped = Promise.withResolvers<void>();
  #started = false;
  #hasSynced = false;
  #open = false;
  #lastContact: number | undefined;
  #resourceVersion: string | undefined;
  #failures = 0;

  /**
   * Makes an informer; `start` starts it.
   *
   * @param options what to keep a copy of
   */
  constructor(options: InformerOptions<T>) {
    this.#options = options;
    this.#transform = options.transform ?? withoutManagedFields;
    this.#log = (options.log ?? silentLog).with({ informer: options.resource.plural });
    this.#now = options.now ?? Date.now;
    this.#backoff = new Backoff({
      baseMs: 500,
      maxMs: options.maxBackoffMs ?? 8_000,
      random: options.random ?? Math.random,
    });
    this.#store = new ObjectStore<T>(this.#log);
    this.#synced.promise.catch(() => {}); // Nobody need wait for it
  }

  /** Resolves after the first list; rejects with the signal's reason when stopped before. */
  get synced(): Promise<void> {
    return this.#synced.promise;
  }

  /** Resolves when everything is closed after the signal. */
  get stopped(): Promise<void> {
    return this.#stopped.promise;
  }

  /** `true` when the copy is complete and a watch is open, or was within 30 s. */
  get healthy(): boolean {
    if (!this.#hasSynced) return false;
    return this.#open || this.#now() - (this.#lastContact ?? -Infinity) < UNHEALTHY_MS;
  }

  /** When the server was last heard of, by `now`. */
  get lastContact(): number | undefined {
    return this.#lastContact;
  }

  /**
   * Looks an object up.
   *
   * @returns the object of key `namespace/name`, or `name` when it is cluster scoped
   */
  get(key: string): T | undefined {
    return this.#store.get(key);
  }

  /**
   * Lists all objects.
   *
   * @returns all objects known now
   */
  list(): T[] {
    return this.#store.list();
  }

  /**
   * Adds a listener. It is told of every object known now, as added, before this returns.
   *
   * @returns removes it
   */
  on(listener: InformerListener<T>): () => void {
    return this.#store.on(listener);
  }

  /**
   * Starts; once.
   *
   * @param signal stops it
   * @throws {TypeError} when it was started before
   */
  start(signal: AbortSignal): void {
    if (this.#started) throw new TypeError("Cannot start an informer twice");
    this.#started = true;
    void this.#run(signal).finally(() => {
      this.#open = false;
      this.#synced.reject(signal.reason);
      this.#stopped.resolve();
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let waitMs: number;
      try {
        waitMs = await this.#listAndWatch(signal);
      } catch (error) {
        if (signal.aborted) return;
        waitMs = this.#afterFailure(error);
      } finally {
        this.#open = false;
      }
      await delay(waitMs, signal).catch(() => {});
    }
  }

  /** @returns how long to wait before going on, after an orderly end */
  async #listAndWatch(signal: AbortSignal): Promise<number> {
    const { client, resource, namespace, labelSelector, fieldSelector } = this.#options;
    if (this.#resourceVersion === undefined) {
      const { items, resourceVersion } = await client.list<T>(resource, {
        namespace,
        labelSelector,
        fieldSelector,
        signal,
      });
      signal.throwIfAborted();
      this.#contact();
      this.#store.replace(items.map(this.#transform));
      this.#resourceVersion = resourceVersion;
      if (!this.#hasSynced) this.#log.debug("Informer synced", { objects: items.length });
      this.#hasSynced = true;
      this.#synced.resolve();
    }
    const openedAt = this.#now();
    let productive = false;
    const events = client.watch<T>(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: this.#resourceVersion,
      signal,
      idleMs: this.#options.idleMs,
      random: this.#options.random,
      onOpen: () => {
        this.#open = true;
        this.#contact();
      },
    });
    for await (const event of events) {
      this.#contact();
      this.#success();
      productive = true;
      if (event.type === "DELETED") this.#store.delete(this.#transform(event.object));
      else if (event.type !== "BOOKMARK") this.#store.put(this.#transform(event.object));
      const version = event.object.metadata.resourceVersion;
      if (version) this.#resourceVersion = version;
    }
    const livedMs = this.#now() - openedAt;
    if (livedMs >= STABLE_MS) this.#success();
    // A server that ends each watch as soon as it began must not be asked in a hot loop
    return livedMs >= STABLE_MS || (productive && livedMs >= 1_000) ? 0 : this.#backoff.next();
  }

  #contact(): void {
    this.#lastContact = this.#now();
  }

  #success(): void {
    if (this.#failures > 0) this.#log.info("Informer is live again", { failures: this.#failures });
    this.#failures = 0;
    this.#backoff.reset();
  }

  /** @returns how long to wait */
  #afterFailure(error: unknown): number {
    this.#failures++;
    const expired = isStatus(error, 410);
    if (expired || isTooLarge(error) || this.#failures % FAILURES_BEFORE_LIST === 0) {
      this.#resourceVersion = undefined;
    }
    const waitMs = this.#backoff.next();
    const asked = error instanceof StatusError
      ? error.status.details?.retryAfterSeconds
      : undefined;
    const properties = { error, failures: this.#failures, waitMs: Math.round(waitMs) };
    if (expired) this.#log.debug("Informer lists anew: its version expired", properties);
    else if (this.#failures % 10 === 2) this.#log.warn("Informer is out of contact", properties);
    else this.#log.debug("Informer lost its connection", properties);
    return Math.max(waitMs, Math.min((asked ?? 0) * 1000, MAX_RETRY_AFTER_MS));
  }
}

/** A version from the future: etcd was restored from a backup. */
function isTooLarge(error: unknown): boolean {
  return error instanceof StatusError &&
    (error.status.details?.causes ?? []).some((cause) =>
      cause.reason === "ResourceVersionTooLarge"
    );
}

function withoutManagedFields<T extends KubeObject>(object: T): T {
  delete (object.metadata as { managedFields?: unknown }).managedFields;
  return object;
}
