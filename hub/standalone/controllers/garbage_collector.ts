/**
 * Deletes what has no owner any more, and lets owners go that wait for their dependents.
 *
 * Source: kubernetes `pkg/controller/garbagecollector/garbagecollector.go` and `graph_builder.go`
 *
 * @module
 */
import type { ReconcileResult } from "../../../shared/kube/workqueue.ts";
import type { ApiObject, Change, Stored } from "../store/types.ts";
import {
  byKey,
  type ControllerContext,
  forEachBounded,
  keyOf,
  parse,
  runController,
  type RunningController,
  STORED_RESOURCES,
} from "./context.ts";
import {
  classifyOwners,
  finalizersOf,
  FOREGROUND_FINALIZER,
  ORPHAN_FINALIZER,
  ownerReferencesOf,
  waitsForDependents,
  withoutFinalizer,
  withoutOwners,
} from "./owner_references.ts";

/** As in the real one: nobody owns them for long. */
const IGNORED = new Set(["events"]);
/** Dependents are small work, and one commit takes many. */
const CONCURRENCY = 16;
/** What should be gone is looked at again, in milliseconds. */
const LOOK_AGAIN_MS = 1_000;

function sameOwners(a: Stored, b: Stored): boolean {
  return a.owners.length === b.owners.length && a.owners.every((uid, i) => uid === b.owners[i]);
}

interface Loop {
  signal: AbortSignal;
  add: (key: string) => void;
}

class GarbageCollector {
  readonly #context: ControllerContext;
  /** Owners that wait for their dependents, key by UID. */
  readonly #waiting = new Map<string, string>();

  constructor(context: ControllerContext) {
    this.#context = context;
  }

  start(): RunningController {
    const { store } = this.#context;
    const all = STORED_RESOURCES.filter((resource) => !IGNORED.has(resource))
      .flatMap((resource) => store.list(resource).objects);
    const initial = all.filter(({ owners, deleting }) => owners.length > 0 || deleting);
    return runController(this.#context, {
      name: "garbage-collector",
      reconcile: (key, loop) => this.#reconcile(key, loop),
      onChange: (change, add) => this.#onChange(change, add),
      initial: initial.map(keyOf),
      concurrency: CONCURRENCY,
    });
  }

  #onChange({ type, object, previous }: Change, add: (key: string) => void): void {
    if (IGNORED.has(object.resource)) return;
    for (const uid of new Set([...object.owners, ...previous?.owners ?? []])) {
      const owner = this.#waiting.get(uid);
      if (owner !== undefined) add(owner);
    }
    if (type === "DELETED") {
      this.#waiting.delete(object.uid);
      for (const dependent of this.#context.store.ownedBy(object.uid)) add(keyOf(dependent));
    } else if (object.deleting) add(keyOf(object));
    else if (object.owners.length > 0 && !(previous && sameOwners(object, previous))) {
      add(keyOf(object));
    }
  }

  async #reconcile(key: string, { signal, add }: Loop): Promise<ReconcileResult> {
    const stored = byKey(this.#context.store, key);
    if (stored === undefined) return {};
    const object = parse(stored);
    if (!stored.deleting) return await this.#collect(stored, object);
    const finalizers = finalizersOf(object);
    if (finalizers.includes(ORPHAN_FINALIZER)) await this.#orphan(stored, signal);
    else if (finalizers.includes(FOREGROUND_FINALIZER)) await this.#awaitDependents(stored, add);
    return {};
  }

  /** Deletes an object whose owners are all gone, or going. */
  async #collect(stored: Stored, object: ApiObject): Promise<ReconcileResult> {
    const { store, writer } = this.#context;
    if (stored.owners.length === 0) return {};
    const owners = classifyOwners(store, stored, object);
    if (owners === undefined) return {};
    const { solid, dangling, waiting } = owners;
    if (solid.length > 0) {
      const uids = new Set([...dangling, ...waiting].map(({ uid }) => uid));
      if (uids.size === 0) return {};
      await writer.update(stored, (latest) => withoutOwners(latest, uids));
      return {};
    }
    if (waiting.length > 0 && store.ownedBy(stored.uid).length > 0) {
      // Owners in a circle, all waiting for each other, would stay for ever
      if (store.ownedBy(stored.uid).some(waitsForDependents)) {
        await writer.update(stored, unblocked);
      }
      await writer.delete(stored, { propagationPolicy: "Foreground" });
    } else {
      const finalizers = finalizersOf(object);
      const propagationPolicy = finalizers.includes(ORPHAN_FINALIZER)
        ? "Orphan"
        : finalizers.includes(FOREGROUND_FINALIZER)
        ? "Foreground"
        : "Background";
      await writer.delete(stored, { propagationPolicy });
    }
    const left = byKey(store, keyOf(stored));
    const failed = left?.uid === stored.uid && !left.deleting; // Others wrote it all the time
    return failed ? { requeueAfterMs: LOOK_AGAIN_MS } : {};
  }

  /** Makes the dependents forget their owner, then lets it go. */
  async #orphan(owner: Stored, signal: AbortSignal): Promise<void> {
    const { store, writer } = this.#context;
    const uids = new Set([owner.uid]);
    await forEachBounded(
      store.ownedBy(owner.uid),
      signal,
      (dependent) => writer.update(dependent, (latest) => withoutOwners(latest, uids)),
    );
    signal.throwIfAborted();
    await writer.update(owner, (latest) => withoutFinalizer(latest, ORPHAN_FINALIZER));
  }

  /** Lets an owner go once nobody is left that it has to wait for. */
  async #awaitDependents(owner: Stored, add: Loop["add"]): Promise<void> {
    const { store, writer } = this.#context;
    const known = this.#waiting.has(owner.uid);
    this.#waiting.set(owner.uid, keyOf(owner));
    const dependents = store.ownedBy(owner.uid);
    const blocking = dependents.some((dependent) =>
      ownerReferencesOf(parse(dependent)).some(({ uid, blockOwnerDeletion }) =>
        uid === owner.uid && blockOwnerDeletion === true
      )
    );
    if (blocking) {
      // Later ones come by themselves
      if (!known) { for (const dependent of dependents) add(keyOf(dependent)); }
      return;
    }
    this.#waiting.delete(owner.uid);
    await writer.update(owner, (latest) => withoutFinalizer(latest, FOREGROUND_FINALIZER));
  }
}

function unblocked(object: ApiObject): ApiObject {
  const ownerReferences = ownerReferencesOf(object)
    .map((reference) => ({ ...reference, blockOwnerDeletion: false }));
  return { ...object, metadata: { ...object.metadata, ownerReferences } };
}

/**
 * Starts the garbage collector.
 *
 * @returns the controller
 */
export function startGarbageCollector(context: ControllerContext): RunningController {
  return new GarbageCollector(context).start();
}
