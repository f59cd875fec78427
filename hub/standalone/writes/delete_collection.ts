/**
 * Removes all objects of a kind that selectors match.
 *
 * Source: k8s.io/apiserver `pkg/registry/generic/registry/store.go` (DeleteCollection)
 *
 * @module
 */
import { isStatus } from "../../../shared/kube/status.ts";
import { resourceKey } from "../kinds/kind.ts";
import type { Stored } from "../store/types.ts";
import { deleteObject } from "./delete.ts";
import type { DeleteOptions } from "./delete_options.ts";
import type { WriteCall, WriteDeps } from "./write_call.ts";

/** So many are on their way to the disk at once. */
const AT_ONCE = 64;
/** A turn of the event loop is given to others after so many that were looked at. */
const LOOKED_AT = 2_000;

/** What is to go, as it stood at one version. */
export interface Doomed {
  /** Sorted. */
  readonly objects: readonly Stored[];
  /** Of the whole store. */
  readonly version: number;
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/**
 * Finds what matches; lets others work meanwhile.
 *
 * @param matches tells whether an object is meant
 */
export async function findDoomed(
  { store }: WriteDeps,
  { kind, namespace }: WriteCall,
  matches: (stored: Stored) => boolean,
): Promise<Doomed> {
  const snapshot = store.list(resourceKey(kind), kind.namespaced ? namespace : undefined);
  const objects: Stored[] = [];
  for (const [index, stored] of snapshot.objects.entries()) {
    if (matches(stored)) objects.push(stored);
    if (index % LOOKED_AT === LOOKED_AT - 1) await turn();
  }
  return { objects, version: snapshot.version };
}

/**
 * Removes what was found; what is gone already does not matter.
 *
 * @throws {StatusError} the first refusal; others of the same handful may be gone
 */
export async function deleteAll(
  deps: WriteDeps,
  call: WriteCall,
  { objects }: Doomed,
  options: DeleteOptions,
): Promise<void> {
  for (let start = 0; start < objects.length; start += AT_ONCE) {
    const outcomes = await Promise.allSettled(
      objects.slice(start, start + AT_ONCE).map(({ name, namespace }) =>
        deleteObject(deps, { ...call, name, namespace }, options)
      ),
    );
    for (const outcome of outcomes) {
      if (outcome.status === "rejected" && !isStatus(outcome.reason, 404)) throw outcome.reason;
    }
  }
}
