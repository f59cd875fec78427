/**
 * What the controllers' tests share: a store in memory, a writer that knows finalizers and nothing
 * else, a clock.
 *
 * @module
 */
import assert from "node:assert/strict";
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { memoryLog, type MemoryLogLine } from "../../../shared/log.ts";
import type { Log } from "../../../shared/log.ts";
import { apiVersionOf, resourceKey } from "../kinds/kind.ts";
import { openStore } from "../store/open_store.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";
import type { Writer } from "../writes/writer.ts";
import {
  type ControllerContext,
  kindOfResource,
  parse,
  type RunningController,
} from "./context.ts";

const POLICY_FINALIZERS = { Foreground: "foregroundDeletion", Orphan: "orphan", Background: "" };

function finalizersOf({ metadata }: ApiObject): string[] {
  return (metadata.finalizers ?? []) as string[];
}

function heldBack(object: ApiObject): boolean {
  const { finalizers } = (object.spec ?? {}) as { finalizers?: string[] };
  const inSpec = object.kind === "Namespace" && (finalizers ?? []).length > 0;
  return inSpec || finalizersOf(object).length > 0;
}

class TinyWriter implements Writer {
  readonly #store: Store;
  readonly #now: () => number;
  #uids = 0;

  constructor(store: Store, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  create: Writer["create"] = async (kind, object) => {
    const { name, namespace = "" } = object.metadata as { name: string; namespace?: string };
    const place = { resource: resourceKey(kind), namespace, name };
    if (namespace !== "" && this.#store.get("namespaces", "", namespace)?.deleting !== false) {
      throw new StatusError(failure(403, "the namespace is being terminated"));
    }
    if (this.#store.get(place.resource, namespace, name) !== undefined) {
      throw new StatusError(failure(409, "it is there already"));
    }
    const creationTimestamp = new Date(this.#now()).toISOString();
    const metadata = { uid: `uid-${++this.#uids}`, creationTimestamp, ...object.metadata };
    const spec = place.resource === "namespaces" ? { spec: { finalizers: ["kubernetes"] } } : {};
    return await this.#store.commit({
      op: "create",
      ...place,
      object: { ...object, ...spec, metadata },
    });
  };

  update: Writer["update"] = async (stored, change) => {
    const base = this.#latest(stored);
    const object = base && change(parse(base));
    if (base === undefined || object === undefined) return base;
    const op = base.deleting && !heldBack(object) ? "delete" : "update";
    const next = await this.#store.commit({ op, base, object });
    return op === "delete" ? undefined : next;
  };

  delete: Writer["delete"] = async (stored, { propagationPolicy = "Background" } = {}) => {
    const base = this.#latest(stored);
    if (base === undefined) return;
    const object = parse(base);
    const finalizer = POLICY_FINALIZERS[propagationPolicy];
    const others = finalizersOf(object).filter((one) =>
      one !== POLICY_FINALIZERS.Foreground && one !== POLICY_FINALIZERS.Orphan
    );
    object.metadata.finalizers = finalizer === "" ? others : [...others, finalizer];
    object.metadata.deletionTimestamp ??= new Date(this.#now()).toISOString();
    const op = heldBack(object) ? "update" : "delete";
    await this.#store.commit({ op, base, object });
  };

  #latest({ resource, namespace, name, uid }: Stored): Stored | undefined {
    const latest = this.#store.get(resource, namespace, name);
    return latest?.uid === uid ? latest : undefined;
  }
}

/** What {@linkcode withCluster} hands to a test. */
export interface Cluster extends ControllerContext {
  /** Moves the clock. */
  advance: (ms: number) => void;
  /** Makes an object of a resource. */
  make: (
    resource: string,
    metadata: Record<string, unknown>,
    fields?: Record<string, unknown>,
  ) => Promise<Stored>;
  /** `resource/namespace/name` of all objects of these resources, in the store's order. */
  names: (...resources: string[]) => string[];
  /** With the lines that it was given. */
  log: Log & { lines: MemoryLogLine[] };
}

/** Runs a test on a store in memory, with a namespace `default`; stops what it started. */
export async function withCluster(test: (cluster: Cluster) => Promise<void>): Promise<void> {
  let time = Date.parse("2026-01-01T00:00:00Z");
  const now = (): number => time;
  const log = memoryLog();
  const store = await openStore({ path: ":memory:", now, log });
  const writer = new TinyWriter(store, now);
  const stop = new AbortController();
  const make: Cluster["make"] = (resource, metadata, fields = {}) => {
    const kind = kindOfResource(resource);
    const object = { apiVersion: apiVersionOf(kind), kind: kind.kind, metadata, ...fields };
    return writer.create(kind, object);
  };
  const names: Cluster["names"] = (...resources) =>
    resources.flatMap((resource) => store.list(resource).objects)
      .map(({ resource, namespace, name }) => `${resource}/${namespace}/${name}`);
  try {
    await make("namespaces", { name: "default" });
    const advance = (ms: number): void => void (time += ms);
    await test({ store, writer, now, log, signal: stop.signal, advance, make, names });
  } finally {
    stop.abort();
    await store.close();
  }
}

/** Waits until controllers have nothing to do, nor give each other anything to do. */
export async function settle(...controllers: RunningController[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    for (const controller of controllers) await controller.idle;
  }
}

/**
 * Waits until something holds.
 *
 * @throws {AssertionError} when it does not within a second or so
 */
export async function until(condition: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !condition(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.ok(condition());
}

/** A reference to an owner. */
export function ownedBy(
  owner: Stored,
  more: Record<string, unknown> = {},
): Record<string, unknown> {
  const { apiVersion, kind } = parse(owner);
  return { ownerReferences: [{ apiVersion, kind, name: owner.name, uid: owner.uid, ...more }] };
}
