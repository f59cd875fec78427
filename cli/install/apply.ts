/**
 * Bringing objects into a cluster and out of it, and saying so as kubectl does.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ResourceRef } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { KubeObject } from "../../shared/kube/types.ts";
import { CliError } from "../context.ts";
import { type Manifest, resourceOf, typeName } from "./kinds.ts";

/** Field manager of everything that this program writes. */
export const FIELD_MANAGER = "clusternet-ctl";

/** What became of an object. */
export type Applied = "created" | "configured" | "unchanged";

/** Options of {@linkcode applyObjects}. */
export interface ApplyOptions {
  /** The cluster. */
  client: Pick<KubeClient, "getOrUndefined" | "patch">;
  /** In this order. */
  objects: readonly Manifest[];
  /** Takes fields over that another manager set. @default {false} */
  force?: boolean | undefined;
  /** Takes lines such as `deployment.apps/clusternet-hub created`. */
  out: (text: string) => void;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Applies objects by server-side apply, one after the other.
 *
 * @throws {CliError} when another manager holds a field; {StatusError} for any other refusal
 */
export async function applyObjects(options: ApplyOptions): Promise<void> {
  for (const object of options.objects) {
    const ref = resourceOf(object);
    const verb = await applyOne(ref, object, options);
    options.out(`${typeName(ref, object.metadata.name)} ${verb}\n`);
  }
}

async function applyOne(
  ref: ResourceRef,
  object: Manifest,
  { client, force = false, signal }: ApplyOptions,
): Promise<Applied> {
  const { name, namespace } = object.metadata;
  const before = await client.getOrUndefined<KubeObject>(ref, name, { namespace, signal });
  try {
    const after = await client.patch<KubeObject>(ref, name, object, {
      type: "apply",
      fieldManager: FIELD_MANAGER,
      namespace,
      force,
      signal,
    });
    if (before === undefined) return "created";
    return before.metadata.resourceVersion === after.metadata.resourceVersion
      ? "unchanged"
      : "configured";
  } catch (error) {
    if (!isStatus(error, 409) || force) throw error;
    throw new CliError(
      `Cannot apply ${typeName(ref, name)}: ${error.message}. To take these fields over, run it ` +
        "again with --force-conflicts",
      1,
      { cause: error },
    );
  }
}

/** Options of {@linkcode removeObject}. */
export interface RemoveOptions {
  /** The cluster. */
  client: Pick<KubeClient, "delete">;
  /** Takes a line such as `namespace/x deleted`. */
  out: (text: string) => void;
  /** Of a namespaced object. */
  namespace?: string | undefined;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Deletes an object, if it is there.
 *
 * @returns whether it was there
 * @throws {StatusError} when it may not be deleted
 */
export async function removeObject(
  ref: ResourceRef,
  name: string,
  { client, out, namespace, signal }: RemoveOptions,
): Promise<boolean> {
  try {
    await client.delete(ref, name, { namespace, propagationPolicy: "Background", signal });
  } catch (error) {
    if (isStatus(error, 404)) return false;
    throw error;
  }
  out(`${typeName(ref, name)} deleted\n`);
  return true;
}
