/**
 * Removes objects, or marks them while finalizers are left.
 *
 * Source: k8s.io/apiserver `pkg/registry/generic/registry/store.go`, `pkg/registry/rest/delete.go`,
 * kubernetes `pkg/registry/core/namespace/storage/storage.go`
 *
 * @module
 */
import { conflict, notFound } from "../errors.ts";
import { resourceKey } from "../kinds/kind.ts";
import { type ApiObject, type Stored, WriteConflictError } from "../store/types.ts";
import type { DeleteOptions } from "./delete_options.ts";
import { timestamp } from "../go_text.ts";
import { collectsGarbage } from "./kind_rules.ts";
import { finalizersOf } from "./metadata.ts";
import { admitDelete } from "./namespace_lifecycle.ts";
import { orderFields } from "./order_fields.ts";
import { objectOf, type WriteCall, type WriteDeps, written } from "./write_call.ts";

const TRIES = 16;
const ORPHAN = "orphan";
const FOREGROUND = "foregroundDeletion";

/** What became of it. */
export interface Deleted {
  /** As it was at last, or as it waits for its finalizers. */
  readonly object: ApiObject;
  /** Whether it is gone. */
  readonly gone: boolean;
}

function isNamespace(call: WriteCall): boolean {
  return resourceKey(call.kind) === "namespaces";
}

/** kube-apiserver says it in two ways. */
function checkPreconditions(call: WriteCall, stored: Stored, options: DeleteOptions): void {
  const { kind, name } = call;
  const { uid, resourceVersion } = options.preconditions;
  const version = String(stored.version);
  const refuse = (what: string, wanted: string, found: string, hint: string): Error =>
    isNamespace(call)
      ? conflict(
        kind,
        name,
        `Precondition failed: ${what} in precondition: ${wanted}, ${what} in object meta: ${found}`,
      )
      : conflict(
        { ...kind, plural: kind.kind },
        name,
        `the ${what} in the precondition (${wanted}) does not match the ${what} in record (${found}). ${hint}`,
      );
  if (uid !== undefined && uid !== stored.uid) {
    const hint = "The object might have been deleted and then recreated";
    throw refuse("UID", uid, stored.uid, hint);
  }
  if (resourceVersion !== undefined && resourceVersion !== version) {
    throw refuse(
      "ResourceVersion",
      resourceVersion,
      version,
      "The object might have been modified",
    );
  }
}

function wantsOrphan(options: DeleteOptions, finalizers: readonly string[]): boolean {
  if (options.orphanDependents !== undefined) return options.orphanDependents;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Orphan";
  return finalizers.find((name) => name === ORPHAN || name === FOREGROUND) === ORPHAN;
}

function wantsForeground(options: DeleteOptions, finalizers: readonly string[]): boolean {
  if (options.orphanDependents !== undefined) return false;
  if (options.propagationPolicy !== undefined) return options.propagationPolicy === "Foreground";
  return finalizers.find((name) => name === ORPHAN || name === FOREGROUND) === FOREGROUND;
}

/** Finalizers that make the garbage collector look at dependents first. */
function finalizersFor(
  { kind }: WriteCall,
  options: DeleteOptions,
  finalizers: readonly string[],
): string[] {
  const others = finalizers.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  if (!collectsGarbage(kind)) return others;
  if (wantsOrphan(options, finalizers)) others.push(ORPHAN);
  if (wantsForeground(options, finalizers)) others.push(FOREGROUND);
  return others;
}

/** Whether something must happen before it may go. */
function mustWait(call: WriteCall, object: ApiObject, finalizers: readonly string[]): boolean {
  if (finalizers.length > 0) return true;
  if (!isNamespace(call)) return false;
  const spec = object.spec as { finalizers?: unknown[] } | undefined;
  return (spec?.finalizers ?? []).length > 0;
}

function mark(call: WriteCall, object: ApiObject, finalizers: string[], now: number): boolean {
  const { metadata } = object;
  const before = JSON.stringify(finalizersOf(object));
  let changed = before !== JSON.stringify(finalizers);
  if (finalizers.length > 0) metadata.finalizers = finalizers;
  else delete metadata.finalizers;
  if (metadata.deletionTimestamp === undefined) {
    metadata.deletionTimestamp = timestamp(now);
    changed = true;
  }
  if (isNamespace(call)) {
    const status = object.status as { phase?: string } | undefined;
    changed ||= status?.phase !== "Terminating";
    object.status = { ...status, phase: "Terminating" };
  } else if (metadata.deletionGracePeriodSeconds !== 0) {
    metadata.deletionGracePeriodSeconds = 0;
    changed = true;
  }
  return changed;
}

async function deleteOnce(
  { store, now }: WriteDeps,
  call: WriteCall,
  stored: Stored,
  options: DeleteOptions,
): Promise<Deleted> {
  checkPreconditions(call, stored, options);
  const object = objectOf(stored);
  const finalizers = finalizersFor(call, options, finalizersOf(object));
  if (mustWait(call, object, finalizers)) {
    // What a namespace waits for is not changed once it goes
    const again = isNamespace(call) && stored.deleting;
    const changed = !again && mark(call, object, finalizers, now());
    if (!changed || call.dryRun) return { object, gone: false };
    orderFields(call.kind, object);
    const next = await store.commit({ op: "update", base: stored, object });
    return { object: written(object, next), gone: false };
  }
  if (!call.dryRun) await store.commit({ op: "delete", base: stored, object });
  return { object, gone: true };
}

/**
 * Removes an object, or marks it.
 *
 * @throws {StatusError} 403, 404 or 409
 */
export async function deleteObject(
  deps: WriteDeps,
  call: WriteCall,
  options: DeleteOptions,
): Promise<Deleted> {
  const { kind, name, namespace } = call;
  admitDelete(kind, name);
  let stored = deps.store.get(resourceKey(kind), namespace, name);
  for (let tries = 0; tries < TRIES; tries++) {
    if (stored === undefined) throw notFound(kind, name);
    try {
      return await deleteOnce(deps, call, stored, options);
    } catch (error) {
      if (!(error instanceof WriteConflictError)) throw error;
      stored = error.latest;
    }
  }
  throw conflict(kind, name);
}
