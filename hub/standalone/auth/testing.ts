/**
 * A store in memory for the tests beside it: no history, no disk.
 *
 * @module
 */
import type { ApiObject, Change, Snapshot, Store, Stored, Write } from "../store/types.ts";
import { WriteConflictError } from "../store/types.ts";
import type { Log } from "../../../shared/log.ts";

/** A log that drops all. */
export const SILENT: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => SILENT,
};

/** Keeps objects and tells subscribers; all else throws. */
export class FakeStore implements Store {
  /** Of the newest change. */
  version = 0;
  /** How often something was written. */
  writes = 0;
  readonly #objects = new Map<string, Stored>();
  readonly #listeners = new Set<(change: Change) => void>();

  /** How many follow. */
  get subscribers(): number {
    return this.#listeners.size;
  }

  /** See {@linkcode Store.get}. */
  get(resource: string, namespace: string, name: string): Stored | undefined {
    return this.#objects.get(`${resource} ${namespace} ${name}`);
  }

  /** See {@linkcode Store.list}. */
  list(resource: string, namespace?: string): Snapshot {
    const objects = [...this.#objects.values()].filter((object) =>
      object.resource === resource && (namespace === undefined || object.namespace === namespace)
    );
    const key = (object: Stored): string => `${object.namespace}\0${object.name}`;
    objects.sort((a, b) => key(a) < key(b) ? -1 : 1);
    return { version: this.version, objects };
  }

  /** Not made. */
  listAt(): Snapshot {
    throw new Error("not made");
  }

  /** Not made. */
  ownedBy(): readonly Stored[] {
    throw new Error("not made");
  }

  /** Not made. */
  inNamespace(): readonly Stored[] {
    throw new Error("not made");
  }

  /** Not made. */
  watch(): () => void {
    throw new Error("not made");
  }

  /** See {@linkcode Store.subscribe}. */
  subscribe(listener: (change: Change) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** See {@linkcode Store.commit}. */
  async commit(write: Write): Promise<Stored> {
    await Promise.resolve();
    return this.put(write);
  }

  /** As {@linkcode commit}, at once. */
  put(write: Write): Stored {
    const { resource, namespace, name } = write.op === "create" ? write : write.base;
    const key = `${resource} ${namespace} ${name}`;
    const known = this.#objects.get(key);
    if (write.op === "create" ? known !== undefined : known !== write.base) {
      throw new WriteConflictError(known);
    }
    const version = ++this.version;
    this.writes++;
    const metadata = { ...write.object.metadata, resourceVersion: String(version) };
    const { uid, labels, deletionTimestamp } = metadata as Record<string, unknown>;
    const object: Stored = {
      resource,
      namespace,
      name,
      uid: typeof uid === "string" ? uid : "",
      version,
      json: JSON.stringify({ ...write.object, metadata }),
      labels: (labels ?? {}) as Record<string, string>,
      owners: [],
      deleting: deletionTimestamp !== undefined,
    };
    if (write.op === "delete") this.#objects.delete(key);
    else this.#objects.set(key, object);
    const type = write.op === "create" ? "ADDED" : write.op === "update" ? "MODIFIED" : "DELETED";
    const change = { type, object, ...(known === undefined ? {} : { previous: known }) } as const;
    for (const listener of this.#listeners) listener(change);
    return object;
  }

  /** Creates an object of any kind, with a uid. */
  add(resource: string, object: Record<string, unknown>): Stored {
    const metadata = object.metadata as Record<string, unknown>;
    const whole = { ...object, metadata: { uid: `uid-${this.version + 1}`, ...metadata } };
    const namespace = typeof metadata.namespace === "string" ? metadata.namespace : "";
    return this.put({
      op: "create",
      resource,
      namespace,
      name: String(metadata.name),
      object: whole as unknown as ApiObject,
    });
  }

  /** Changes an object. */
  change(stored: Stored, change: (object: ApiObject) => void): Stored {
    const object = JSON.parse(stored.json) as ApiObject;
    change(object);
    return this.put({ op: "update", base: stored, object });
  }

  /** Removes an object. */
  remove(stored: Stored): void {
    this.put({ op: "delete", base: stored, object: JSON.parse(stored.json) });
  }

  /** Nothing to close. */
  async close(): Promise<void> {}
}
