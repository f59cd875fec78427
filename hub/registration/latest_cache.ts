/**
 * What an informer knows, and what this process wrote a moment ago, whichever is newer. Without it
 * a controller acts on its own past: an agent that reads its approval dials within milliseconds,
 * and the hub's watch may be behind.
 *
 * @module
 */
import type { ObjectMeta } from "../../shared/kube/clusternet_types.ts";

/** What is needed of an informer. */
export interface ObjectSource<T> {
  /** By `name`, or `namespace/name`. */
  get(key: string): T | undefined;
  list(): T[];
  on(listener: SourceListener<T>): unknown;
}

/** What an informer tells. */
export interface SourceListener<T> {
  added?: (object: T) => void;
  updated?: (object: T, old: T) => void;
  deleted?: (object: T) => void;
}

/** How long an own write is believed when the watch never shows it, in milliseconds. */
const BELIEVED_MS = 30_000;

/** See the module text. */
export class LatestCache<T extends { metadata: ObjectMeta }> {
  readonly #source: ObjectSource<T>;
  readonly #now: () => number;
  readonly #written = new Map<string, { object: T; at: number }>();

  constructor(source: ObjectSource<T>, now: () => number) {
    this.#source = source;
    this.#now = now;
    const seen = (object: T): void => {
      const key = objectKey(object);
      const written = this.#written.get(key);
      if (written !== undefined && !isNewer(written.object, object)) this.#written.delete(key);
    };
    source.on({
      added: seen,
      updated: seen,
      deleted: (object) => void this.#written.delete(objectKey(object)),
    });
  }

  /** The newest known state of an object. */
  get(key: string): T | undefined {
    const watched = this.#source.get(key);
    const written = this.#written.get(key);
    if (written === undefined) return watched;
    if (this.#now() - written.at > BELIEVED_MS) {
      this.#written.delete(key);
      return watched;
    }
    return watched === undefined || isNewer(written.object, watched) ? written.object : watched;
  }

  /** The newest known state of all objects that the watch has shown. */
  list(): T[] {
    return this.#source.list().map((object) => this.get(objectKey(object)) ?? object);
  }

  /** Notes what a write of this process answered. */
  put(object: T): void {
    this.#written.set(objectKey(object), { object, at: this.#now() });
  }
}

/**
 * The key under which an informer keeps an object.
 *
 * @returns `name`, or `namespace/name`
 */
export function objectKey({ metadata }: { metadata: ObjectMeta }): string {
  return metadata.namespace ? `${metadata.namespace}/${metadata.name}` : metadata.name!;
}

/**
 * Whether one state of an object is newer than another (KEP-5504: resource versions of one
 * resource compare as integers).
 */
function isNewer(a: { metadata: ObjectMeta }, b: { metadata: ObjectMeta }): boolean {
  const [left, right] = [a.metadata.resourceVersion ?? "", b.metadata.resourceVersion ?? ""];
  return left.length === right.length ? left > right : left.length > right.length;
}
