/**
 * The objects an informer knows, and who is told of their changes.
 *
 * @module
 */
import type { Log } from "../log.ts";
import type { KubeObject } from "./types.ts";

/** Who is told of changes. What it throws is logged and changes nothing. */
export interface InformerListener<T> {
  /** It is new. */
  added?(object: T): void;
  /** It changed. */
  updated?(object: T, before: T): void;
  /** Gets the last state known. */
  deleted?(object: T): void;
}

/**
 * Names an object within its kind.
 *
 * @returns `namespace/name`, or `name` for cluster scoped objects
 */
export function keyOf(object: KubeObject): string {
  const { namespace, name = "" } = object.metadata;
  return namespace === undefined || namespace === "" ? name : `${namespace}/${name}`;
}

/**
 * Splits what {@linkcode keyOf} made.
 *
 * @returns namespace, where there is one, and name
 */
export function splitKey(key: string): { namespace: string | undefined; name: string } {
  const slash = key.indexOf("/");
  if (slash === -1) return { namespace: undefined, name: key };
  return { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

/** A set of objects by key that tells listeners what changes in it. */
export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<InformerListener<T>>();
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  /**
   * Adds a listener; it is told at once of every object that is known.
   *
   * @returns removes it
   */
  on(listener: InformerListener<T>): () => void {
    this.#listeners.add(listener);
    for (const object of this.list()) this.#tell(listener, "added", object);
    return () => void this.#listeners.delete(listener);
  }

  /** Makes `objects` all there is: tells of what is new, what changed, and what vanished. */
  replace(objects: T[]): void {
    const kept = new Set(objects.map(keyOf));
    for (const [key, object] of [...this.#objects]) {
      if (!kept.has(key)) this.#remove(key, object);
    }
    for (const object of objects) this.put(object);
  }

  /** Adds or updates; an object of the same name with another UID is another object. */
  put(object: T): void {
    const key = keyOf(object);
    const before = this.#objects.get(key);
    if (before !== undefined && before.metadata.uid !== object.metadata.uid) {
      this.#remove(key, before);
      return this.put(object);
    }
    const version = object.metadata.resourceVersion;
    if (before !== undefined && version !== undefined) {
      if (before.metadata.resourceVersion === version) return;
    }
    this.#objects.set(key, object);
    for (const listener of [...this.#listeners]) {
      if (before === undefined) this.#tell(listener, "added", object);
      else this.#tell(listener, "updated", object, before);
    }
  }

  /** Removes, and tells with this last state. */
  delete(object: T): void {
    const key = keyOf(object);
    if (this.#objects.has(key)) this.#remove(key, object);
  }

  #remove(key: string, last: T): void {
    this.#objects.delete(key);
    for (const listener of [...this.#listeners]) this.#tell(listener, "deleted", last);
  }

  #tell(
    listener: InformerListener<T>,
    what: keyof InformerListener<T>,
    object: T,
    before?: T,
  ): void {
    try {
      if (what === "updated") listener.updated?.(object, before!);
      else listener[what]?.(object);
    } catch (error) {
      this.#log.error("A listener of an informer failed", { what, key: keyOf(object), error });
    }
  }
}
