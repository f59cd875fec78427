/**
 * What `metadata.ownerReferences` say of an object's fate.
 *
 * Source: kubernetes `pkg/controller/garbagecollector/garbagecollector.go`
 *
 * @module
 */
import { type ApiKind, apiVersionOf, resourceKey } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { ApiObject, Store, Stored } from "../store/types.ts";

/** Keeps an owner until its dependents are gone. */
export const FOREGROUND_FINALIZER = "foregroundDeletion";
/** Keeps an owner until its dependents forgot it. */
export const ORPHAN_FINALIZER = "orphan";

/** One of `metadata.ownerReferences`. */
export interface OwnerReference {
  /** Group and version. */
  apiVersion: string;
  /** CamelCase. */
  kind: string;
  /** In the dependent's namespace, or cluster-scoped. */
  name: string;
  /** Counts more than the name. */
  uid: string;
  /** Whether the owner's foreground deletion waits for the dependent. */
  blockOwnerDeletion?: boolean;
}

/** References by what stands behind them. */
export interface Owners {
  /** Owners that stay. */
  solid: OwnerReference[];
  /** Owners that are gone. */
  dangling: OwnerReference[];
  /** Owners that wait until their dependents are gone. */
  waiting: OwnerReference[];
}

/** An object's references. */
export function ownerReferencesOf({ metadata }: ApiObject): OwnerReference[] {
  const { ownerReferences } = metadata;
  return Array.isArray(ownerReferences) ? ownerReferences : [];
}

/** An object's finalizers. */
export function finalizersOf({ metadata }: ApiObject): string[] {
  const { finalizers } = metadata;
  return Array.isArray(finalizers) ? finalizers.map(String) : [];
}

/** Whether it goes as soon as its dependents are gone. */
export function waitsForDependents(stored: Stored): boolean {
  return stored.deleting && finalizersOf(JSON.parse(stored.json)).includes(FOREGROUND_FINALIZER);
}

const BY_TYPE = new Map<string, ApiKind>(
  KINDS.filter(({ verbs }) => verbs.includes("list"))
    .map((kind) => [`${apiVersionOf(kind)} ${kind.kind}`, kind]),
);

/**
 * Looks up every owner.
 *
 * @returns `undefined` when one is of a kind that is not served, or that cannot be an owner: then
 * nothing may be concluded
 */
export function classifyOwners(store: Store, item: Stored, object: ApiObject): Owners | undefined {
  const owners: Owners = { solid: [], dangling: [], waiting: [] };
  for (const reference of ownerReferencesOf(object)) {
    const kind = BY_TYPE.get(`${reference.apiVersion} ${reference.kind}`);
    if (kind === undefined) return undefined;
    if (kind.namespaced && item.namespace === "") return undefined;
    const namespace = kind.namespaced ? item.namespace : "";
    const owner = store.get(resourceKey(kind), namespace, reference.name);
    if (owner === undefined || owner.uid !== reference.uid) owners.dangling.push(reference);
    else if (waitsForDependents(owner)) owners.waiting.push(reference);
    else owners.solid.push(reference);
  }
  return owners;
}

/**
 * Takes references out of an object.
 *
 * @returns the object without them; `undefined` when there are none
 */
export function withoutOwners(
  object: ApiObject,
  uids: ReadonlySet<string>,
): ApiObject | undefined {
  const before = ownerReferencesOf(object);
  const ownerReferences = before.filter(({ uid }) => !uids.has(uid));
  if (ownerReferences.length === before.length) return undefined;
  const { ownerReferences: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: ownerReferences.length === 0 ? metadata : { ...metadata, ownerReferences },
  };
}

/** Takes a finalizer out of an object; `undefined` when it is not there. */
export function withoutFinalizer(object: ApiObject, finalizer: string): ApiObject | undefined {
  const before = finalizersOf(object);
  if (!before.includes(finalizer)) return undefined;
  const finalizers = before.filter((one) => one !== finalizer);
  const { finalizers: _, ...metadata } = object.metadata;
  return {
    ...object,
    metadata: finalizers.length === 0 ? metadata : { ...metadata, finalizers },
  };
}
