/**
 * Changes objects, and removes those that waited for their last finalizer.
 *
 * Source: k8s.io/apiserver `pkg/registry/rest/update.go`, `pkg/registry/generic/registry/store.go`
 *
 * @module
 */
import { conflict, invalid, notFound } from "../errors.ts";
import { trackUpdate } from "../fields/track_update.ts";
import { resourceKey } from "../kinds/kind.ts";
import { strategyOf } from "../kinds/strategy.ts";
import { schemaOf } from "../schema/schemas.ts";
import { type ApiObject, type Stored, WriteConflictError } from "../store/types.ts";
import { checkOwners, checkValues } from "./complexity.ts";
import { createObject } from "./create.ts";
import { setDefaults } from "./defaults.ts";
import { createsOnUpdate, grantsRights, storageKey, updatesUnconditionally } from "./kind_rules.ts";
import {
  finalizersOf,
  givenVersion,
  keepSystemFields,
  matchKind,
  matchName,
  matchNamespace,
  versionRequired,
} from "./metadata.ts";
import { orderFields } from "./order_fields.ts";
import { sameObject } from "./same_object.ts";
import { objectOf, type WriteCall, type WriteDeps, written } from "./write_call.ts";

/** How often a change is made again because another came first. */
const TRIES = 16;

/** The change. */
export interface Change {
  /**
   * Makes the next state of the live object, or of nothing where that is allowed. Called again when
   * another write came first. `undefined` leaves it as it is. Must not change `live`.
   */
  next(live: ApiObject | undefined): ApiObject | undefined;
  /** UID that the object must have; empty for any. */
  readonly uid?: string;
  /** Whether `next` has set the managed fields. */
  readonly tracked?: boolean;
  /** Makes what is not there, after asking this; kinds of {@linkcode createsOnUpdate} do it too. */
  readonly admitCreate?: () => void;
  /** Whether it is an apply: makes what is not there, whatever the kind. */
  readonly apply?: boolean;
}

/** What became of it. */
export interface Updated {
  readonly object: ApiObject;
  /** Whether it was not there before. */
  readonly created: boolean;
}

function checkUid(call: WriteCall, wanted: string, found: string): void {
  if (wanted === "" || wanted === found) return;
  const { kind, namespace, name } = call;
  throw conflict(
    kind,
    name,
    `StorageError: invalid object, Code: 4, Key: ${
      storageKey(kind, namespace, name)
    }, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${found}`,
  );
}

async function createInstead(deps: WriteDeps, call: WriteCall, change: Change): Promise<Updated> {
  const { kind, name, namespace, subresource } = call;
  const { apply = false, tracked = false } = change;
  if (subresource !== "" || !apply && !createsOnUpdate(kind)) throw notFound(kind, name);
  checkUid(call, change.uid ?? "", "");
  const object = change.next(undefined);
  if (object === undefined) throw notFound(kind, name);
  matchNamespace(kind, object, namespace);
  matchName(object, name);
  change.admitCreate?.();
  const options = { tracked, fromUpdate: true };
  return { object: await createObject(deps, call, object, options), created: true };
}

/** A deleting object goes with its last finalizer. */
function isDone(kind: WriteCall["kind"], next: ApiObject, live: ApiObject): boolean {
  if (finalizersOf(next).length > 0) return false;
  if (resourceKey(kind) !== "namespaces") return live.metadata.deletionGracePeriodSeconds === 0;
  const spec = next.spec as { finalizers?: unknown[] } | undefined;
  return live.metadata.deletionTimestamp !== undefined && (spec?.finalizers ?? []).length === 0;
}

function checkVersion({ kind, name }: WriteCall, next: ApiObject, stored: Stored): void {
  const version = givenVersion(next);
  if (version === 0 && !updatesUnconditionally(kind)) throw versionRequired(kind, name);
  if (version !== 0 && version !== stored.version) throw conflict(kind, name);
  next.metadata.resourceVersion = String(stored.version);
}

/** The next state, checked; `undefined` when nothing is to be done. */
function nextState(
  deps: WriteDeps,
  call: WriteCall,
  change: Change,
  stored: Stored,
  live: ApiObject,
): ApiObject | undefined {
  const { kind, name, namespace, subresource, manager, user } = call;
  const next = change.next(live);
  if (next === undefined) return undefined;
  checkValues(next);
  checkOwners(kind, next);
  matchNamespace(kind, next, namespace);
  matchName(next, name);
  setDefaults(kind, next);
  if (change.tracked !== true) {
    const schema = schemaOf(kind);
    trackUpdate({ kind, schema, live, next, manager, subresource, now: deps.now });
  }
  if (user !== undefined && grantsRights(kind)) {
    deps.rbac.checkWrite({ user, kind, object: next, old: live });
  }
  checkVersion(call, next, stored);
  matchKind(kind, next);
  keepSystemFields(next, live);
  const strategy = strategyOf(kind);
  strategy.prepareForUpdate(next, live, subresource);
  const faults = strategy.validateUpdate(next, live, subresource);
  if (faults.length > 0) throw invalid(kind, name, faults);
  return next;
}

async function write(
  { store }: WriteDeps,
  { kind, dryRun }: WriteCall,
  stored: Stored,
  next: ApiObject,
  live: ApiObject,
): Promise<ApiObject> {
  if (isDone(kind, next, live)) {
    if (!dryRun) await store.commit({ op: "delete", base: stored, object: next });
    return next;
  }
  if (sameObject(next, live)) return live;
  orderFields(kind, next);
  if (dryRun) return next;
  return written(next, await store.commit({ op: "update", base: stored, object: next }));
}

/**
 * Changes an object; again when another write came first, unless the change names a version.
 *
 * @returns the object as it now stands
 * @throws {StatusError} 400, 403, 404, 409, 422
 */
export async function updateObject(
  deps: WriteDeps,
  call: WriteCall,
  change: Change,
): Promise<Updated> {
  const { kind, name, namespace } = call;
  let stored = deps.store.get(resourceKey(kind), namespace, name);
  for (let tries = 0; tries < TRIES; tries++) {
    if (stored === undefined) return await createInstead(deps, call, change);
    checkUid(call, change.uid ?? "", stored.uid);
    const live = objectOf(stored);
    const next = nextState(deps, call, change, stored, live);
    if (next === undefined) return { object: live, created: false };
    try {
      return { object: await write(deps, call, stored, next, live), created: false };
    } catch (error) {
      if (!(error instanceof WriteConflictError)) throw error;
      stored = error.latest;
    }
  }
  throw conflict(kind, name);
}
