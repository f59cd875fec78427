/**
 * What all controllers are handed, and what they share.
 *
 * @module
 */
import { ReconcileQueue, type ReconcileResult } from "../../../shared/kube/workqueue.ts";
import { isStatus } from "../../../shared/kube/status.ts";
import type { Log } from "../../../shared/log.ts";
import { type ApiKind, resourceKey } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { ApiObject, Change, Store, Stored } from "../store/types.ts";
import type { Writer } from "../writes/writer.ts";

/** What each controller works with. */
export interface ControllerContext {
  /** Where objects are. */
  store: Store;
  /** What changes them. */
  writer: Writer;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Where it says what happened. */
  log: Log;
  /** Stops it. */
  signal: AbortSignal;
}

/** A controller at work. */
export interface RunningController {
  /** Resolves as soon as nothing is to be done; what comes later does not count. */
  readonly idle: Promise<void>;
}

/** Options of {@linkcode runController}. */
export interface ControllerLoop {
  /** For the log. */
  name: string;
  /** Brings the world of a key to what it should be; `add` has another key looked at. */
  reconcile: (
    key: string,
    context: { signal: AbortSignal; add: (key: string) => void },
  ) => Promise<ReconcileResult | void>;
  /** Has keys looked at after a change, at once or later. */
  onChange: (change: Change, add: (key: string, afterMs?: number) => void) => void;
  /** Keys to look at in the beginning. */
  initial: Iterable<string>;
  /** Keys at work at once. @default {4} */
  concurrency?: number;
}

/**
 * Runs a controller until the signal: follows changes from now on, and looks at what is there.
 *
 * @returns the controller
 */
export function runController(context: ControllerContext, loop: ControllerLoop): RunningController {
  const { store, signal } = context;
  const add = (key: string, afterMs = 0): void => queue.addAfter(key, afterMs);
  const queue: ReconcileQueue = new ReconcileQueue({
    reconcile: (key, { signal }) => loop.reconcile(key, { signal, add }),
    concurrency: loop.concurrency ?? 4,
    log: context.log.with({ controller: loop.name }),
  });
  const unsubscribe = store.subscribe((change) => loop.onChange(change, add));
  if (signal.aborted) unsubscribe();
  else signal.addEventListener("abort", unsubscribe, { once: true });
  queue.start(signal);
  for (const key of loop.initial) add(key);
  return queue;
}

const BY_RESOURCE = new Map(KINDS.map((kind) => [resourceKey(kind), kind]));

/** Resources whose objects are stored, such as `secrets`. */
export const STORED_RESOURCES: readonly string[] = [...BY_RESOURCE]
  .filter(([, kind]) => kind.verbs.includes("list")).map(([resource]) => resource);

/**
 * Finds a kind by its key in the store.
 *
 * @throws {TypeError} when it is not served
 */
export function kindOfResource(resource: string): ApiKind {
  const kind = BY_RESOURCE.get(resource);
  if (kind === undefined) throw new TypeError(`Cannot find the kind of "${resource}"`);
  return kind;
}

/** `resource/namespace/name`; none of them has a slash in it. */
export function keyOf({ resource, namespace, name }: Stored): string {
  return `${resource}/${namespace}/${name}`;
}

/** Finds what {@linkcode keyOf} names; `undefined` when it is gone. */
export function byKey(store: Store, key: string): Stored | undefined {
  const [resource = "", namespace = "", name = ""] = key.split("/");
  return store.get(resource, namespace, name);
}

/** Parses a copy of the caller's own. */
export function parse(stored: Stored): ApiObject {
  return JSON.parse(stored.json);
}

/** Names of the namespaces that are not being deleted. */
export function activeNamespaces(store: Store): string[] {
  return store.list("namespaces").objects.filter(({ deleting }) => !deleting)
    .map(({ name }) => name);
}

/** Whether a namespace is there and not being deleted. */
export function isActive(store: Store, namespace: string): boolean {
  return store.get("namespaces", "", namespace)?.deleting === false;
}

/**
 * Makes an object that should be in an active namespace.
 *
 * @returns resolves as well when it is there already, or the namespace is going
 */
export async function createIn(
  { store, writer }: ControllerContext,
  kind: ApiKind,
  object: ApiObject,
): Promise<void> {
  try {
    await writer.create(kind, object);
  } catch (error) {
    const namespace = String(object.metadata.namespace);
    if (isStatus(error, 409)) return; // Whoever made it: the change brings the key back
    if (isStatus(error, 403, 404) && !isActive(store, namespace)) return;
    throw error;
  }
}

/**
 * Works on all items, a few at a time, until the signal.
 *
 * @throws the first error, after what was under way has ended
 */
export async function forEachBounded<T>(
  items: readonly T[],
  signal: AbortSignal,
  work: (item: T) => Promise<unknown>,
  atOnce = 32,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const errors: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const item of rest) {
      if (signal.aborted || errors.length > 0) return;
      await work(item).catch((error) => void errors.push(error));
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, worker));
  if (errors.length > 0) throw errors[0];
}
