/**
 * Brings one object of a registration into being, or finds it: created, adopted, mended, or
 * refused because it belongs to somebody else.
 *
 * @module
 */
import {
  CLUSTER_ID_LABEL,
  CREATED_BY_LABEL,
  REQUEST_UID_ANNOTATION,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ResourceRef } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { KubeObject } from "./objects.ts";

/** What is needed of a `KubeClient`. */
export type EnsureClient = Pick<KubeClient, "create" | "getOrUndefined" | "update" | "delete">;

/** An object of that name is somebody else's: an admin must act. */
export class OwnershipError extends Error {
  override readonly name = "OwnershipError";
}

/** Something is under way in the parent; the next try may succeed. */
export class NotYetError extends Error {
  override readonly name = "NotYetError";
}

/** Options of {@linkcode ensureObject}. */
export interface EnsureOptions<T> {
  signal: AbortSignal;
  /** It should be there already: look before creating. */
  expected?: boolean;
  /** Whether an adopted object may stay as it is; it is updated otherwise. @default {() => true} */
  same?: (existing: T) => boolean;
  /** Whether an update cannot mend it, as with a binding's `roleRef`. @default {() => false} */
  replace?: (existing: T) => boolean;
  /** What an earlier request of the same cluster left behind stays, as a namespace does. */
  keepLeftover?: boolean;
}

/** Whose an existing object is, for the one who wants to make it. */
export type Ownership = "ours" | "leftover" | "foreign";

/**
 * Tells whose an existing object is. Only what carries our label, this cluster's id and this
 * request's UID is ours; with another UID it was left behind by a request that is gone.
 *
 * @returns the verdict
 */
export function ownershipOf(existing: KubeObject, wanted: KubeObject): Ownership {
  const { labels = {}, annotations = {} } = existing.metadata;
  const mark = wanted.metadata.labels!;
  const uid = annotations[REQUEST_UID_ANNOTATION];
  if (
    uid === undefined || labels[CREATED_BY_LABEL] !== mark[CREATED_BY_LABEL] ||
    labels[CLUSTER_ID_LABEL] !== mark[CLUSTER_ID_LABEL]
  ) return "foreign";
  return uid === wanted.metadata.annotations![REQUEST_UID_ANNOTATION] ? "ours" : "leftover";
}

/** Rounds of create and look; others may delete and create meanwhile. */
const ROUNDS = 4;

/**
 * Makes sure that an object is there and ours.
 *
 * @returns the object as the parent holds it
 * @throws {OwnershipError} when the name is taken; {NotYetError} when it is being deleted;
 * {StatusError} for any other refusal
 */
export async function ensureObject<T extends KubeObject>(
  client: EnsureClient,
  resource: ResourceRef,
  wanted: T,
  options: EnsureOptions<T>,
): Promise<T> {
  const { signal, expected = false, same = () => true, replace = () => false } = options;
  const { name, namespace } = wanted.metadata;
  const where = { signal, ...(namespace === undefined ? {} : { namespace }) };
  for (let round = 0; round < ROUNDS; round++) {
    if (!expected || round > 0) {
      try {
        return await client.create<T>(resource, wanted, where);
      } catch (error) {
        if (!isStatus(error, 409)) throw error;
      }
    }
    const existing = await client.getOrUndefined<T>(resource, name!, where);
    if (existing === undefined) continue;
    const ownership = ownershipOf(existing, wanted);
    if (ownership === "foreign") {
      const place = namespace === undefined ? "" : ` in namespace "${namespace}"`;
      throw new OwnershipError(
        `Cannot use ${resource.kind} "${name}"${place}: it exists and was not made for this ` +
          "request. Delete it, or register the cluster under another name or namespace",
      );
    }
    if (existing.metadata.deletionTimestamp !== undefined) {
      throw new NotYetError(`${resource.kind} "${name}" is still being deleted`);
    }
    if (ownership === "leftover" && options.keepLeftover) return existing;
    if (ownership === "leftover" || replace(existing)) {
      const uid = existing.metadata.uid!;
      await deleteIfThere(client, resource, name!, { ...where, preconditions: { uid } });
      continue;
    }
    if (same(existing)) return existing;
    const resourceVersion = existing.metadata.resourceVersion!;
    const update = { ...wanted, metadata: { ...wanted.metadata, resourceVersion } };
    return await client.update<T>(resource, update, where);
  }
  throw new NotYetError(`${resource.kind} "${name}" comes and goes: somebody else changes it`);
}

/** Options of {@linkcode deleteIfThere}. */
export interface DeleteOptions {
  signal: AbortSignal;
  namespace?: string;
  preconditions?: { uid: string };
}

/**
 * Deletes an object; one that is gone, or was replaced meanwhile, is left alone.
 *
 * @throws {StatusError} for any other refusal
 */
export async function deleteIfThere(
  client: Pick<KubeClient, "delete">,
  resource: ResourceRef,
  name: string,
  options: DeleteOptions,
): Promise<void> {
  try {
    await client.delete(resource, name, options);
  } catch (error) {
    if (!isStatus(error, 404, 409)) throw error;
  }
}
