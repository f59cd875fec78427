/**
 * What the store keeps and promises. Reads and watches are of memory and at once; writes are
 * durable before anybody sees them.
 *
 * @module
 */

/** An object as it stands at one version. Never changes: a write makes another. */
export interface Stored {
  /** `secrets` or `leases.coordination.k8s.io`. */
  readonly resource: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  /** `metadata.name`. */
  readonly name: string;
  /** `metadata.uid`. */
  readonly uid: string;
  /** `metadata.resourceVersion`, as a number. */
  readonly version: number;
  /** The whole object as JSON, `metadata.resourceVersion` in it. Parse it for a copy of your own. */
  readonly json: string;
  /** `metadata.labels`. */
  readonly labels: Readonly<Record<string, string>>;
  /** UIDs of `metadata.ownerReferences`. */
  readonly owners: readonly string[];
  /** Whether `metadata.deletionTimestamp` is set. */
  readonly deleting: boolean;
}

/** An object in memory, to be written. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: Record<string, unknown>;
  [field: string]: unknown;
}

/** A write; `object.metadata.resourceVersion` is set by the store. */
export type Write =
  /** Fails when there is one of that name. */
  | { op: "create"; resource: string; namespace: string; name: string; object: ApiObject }
  /** Fails when `base` is not the newest version. */
  | { op: "update"; base: Stored; object: ApiObject }
  /** Fails when `base` is not the newest version; `object` is what watchers see at last. */
  | { op: "delete"; base: Stored; object: ApiObject };

/** A change that happened. */
export interface Change {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  /** As it is now; of a deletion, as it was at last, with the deletion's version. */
  readonly object: Stored;
  /** As it was before; absent for `ADDED`. */
  readonly previous?: Stored;
}

/** Thrown by {@linkcode Store.commit} when another write came first. */
export class WriteConflictError extends Error {
  /** Tells it from other errors. */
  override readonly name = "WriteConflictError";

  /**
   * @param latest what stands there, or is about to; `undefined` when nothing does
   */
  constructor(readonly latest: Stored | undefined) {
    super("Cannot write: the object has been modified");
  }
}

/** Thrown by {@linkcode Store.watch} and {@linkcode Store.listAt} for a version that is not kept. */
export class VersionExpiredError extends Error {
  /** Tells it from other errors. */
  override readonly name = "VersionExpiredError";

  /**
   * @param wanted the version that was asked for
   * @param oldest the oldest that can be had
   */
  constructor(readonly wanted: number, readonly oldest: number) {
    super(`too old resource version: ${wanted} (${oldest})`);
  }
}

/** Thrown by {@linkcode Store.commit} when the disk refused; nothing was written. */
export class StoreFailedError extends Error {
  /** Tells it from other errors. */
  override readonly name = "StoreFailedError";
}

/** Thrown by {@linkcode Store.commit} when one object would be too large. */
export class ObjectTooLargeError extends Error {
  /** Tells it from other errors. */
  override readonly name = "ObjectTooLargeError";

  /** Speaks etcd's words. */
  constructor() {
    super("etcdserver: request is too large");
  }
}

/** Thrown by {@linkcode Store.commit} when all objects together would be too large. */
export class StoreFullError extends StoreFailedError {
  /**
   * Says what to do.
   *
   * @param limit characters of JSON
   */
  constructor(limit: number) {
    super(`Cannot write: the store holds ${limit} characters, its quota; delete objects`);
  }
}

/** All objects of a resource at one version, sorted by namespace, then name (UTF-8 order). */
export interface Snapshot {
  /** Version of the whole store at which these objects stood. */
  readonly version: number;
  /** Sorted. */
  readonly objects: readonly Stored[];
}

/** Options of {@linkcode Store.watch}. */
export interface WatchOptions {
  /** Such as `secrets`. */
  resource: string;
  /** Absent: all namespaces. */
  namespace?: string;
  /** Changes after this version; those kept come at once. */
  since: number;
  /**
   * Called for each batch of changes, in order, none twice, none left out. Must not throw and must
   * not wait. Changes of other resources move `version` on all the same.
   */
  onChanges: (changes: readonly Change[], version: number) => void;
}

/** Keeps objects. */
export interface Store {
  /** Of the newest change that is visible. */
  readonly version: number;
  /** The object, or `undefined`. */
  get(resource: string, namespace: string, name: string): Stored | undefined;
  /**
   * All objects of a resource as they are now. The array is not sorted anew for each call: it is
   * kept until the next change of that resource.
   *
   * @param namespace absent: all
   */
  list(resource: string, namespace?: string): Snapshot;
  /**
   * The objects of a resource (all namespaces) at an earlier version that a `list` saw.
   *
   * @throws {VersionExpiredError} when it is not kept any more
   */
  listAt(resource: string, version: number): Snapshot;
  /** Objects with this owner, whatever their kind. */
  ownedBy(uid: string): readonly Stored[];
  /** Every object of a namespace, whatever its kind. */
  inNamespace(namespace: string): readonly Stored[];
  /**
   * Writes; resolves when it is on the disk and visible.
   *
   * @returns the object as it now stands
   * @throws {WriteConflictError} when another write came first
   * @throws {ObjectTooLargeError} when the object grows too large
   * @throws {StoreFailedError} when the disk refused, or the quota does
   */
  commit(write: Write): Promise<Stored>;
  /**
   * Follows changes.
   *
   * @returns ends it
   * @throws {VersionExpiredError} when changes since then are not kept any more
   */
  watch(options: WatchOptions): () => void;
  /** Follows every change of every resource from now on, as controllers do. */
  subscribe(listener: (change: Change) => void): () => void;
  /** Waits for what is under way, then closes the file. */
  close(): Promise<void>;
}
