/**
 * Makes what the store keeps of an object.
 *
 * @module
 */
import type { ApiObject, Stored } from "./types.ts";

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
const NO_OWNERS: readonly string[] = Object.freeze([]);

/** Where an object stands. */
export type Place = Pick<Stored, "resource" | "namespace" | "name">;

function labelsOf(metadata: Record<string, unknown>): Readonly<Record<string, string>> {
  const { labels } = metadata;
  if (typeof labels !== "object" || labels === null) return NO_LABELS;
  const entries = Object.entries(labels).filter(([, value]) => typeof value === "string");
  return entries.length === 0 ? NO_LABELS : Object.fromEntries(entries);
}

function ownersOf(metadata: Record<string, unknown>): readonly string[] {
  const { ownerReferences } = metadata;
  if (!Array.isArray(ownerReferences) || ownerReferences.length === 0) return NO_OWNERS;
  const uids = ownerReferences.map((owner) => owner?.uid).filter((uid) => typeof uid === "string");
  return [...new Set<string>(uids)];
}

function build(
  { resource, namespace, name }: Place,
  version: number,
  json: string,
  metadata: Record<string, unknown>,
): Stored {
  return {
    resource,
    namespace,
    name,
    uid: typeof metadata.uid === "string" ? metadata.uid : "",
    version,
    json,
    labels: labelsOf(metadata),
    owners: ownersOf(metadata),
    deleting: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
  };
}

/**
 * Makes the next state of an object.
 *
 * @param object stays as it is; its `metadata.resourceVersion` is replaced in the JSON
 */
export function storedFrom(place: Place, version: number, object: ApiObject): Stored {
  const metadata = { ...object.metadata, resourceVersion: String(version) };
  return build(place, version, JSON.stringify({ ...object, metadata }), metadata);
}

/**
 * Reads a state from the disk.
 *
 * @throws {SyntaxError} when it is not JSON
 */
export function storedFromJson(place: Place, version: number, json: string): Stored {
  const { metadata } = JSON.parse(json) as ApiObject;
  return build(place, version, json, metadata);
}

/**
 * Reads the version out of a state whose version is not known.
 *
 * @throws {SyntaxError} when it is not JSON
 */
export function storedFromJsonAlone(place: Place, json: string): Stored {
  const { metadata } = JSON.parse(json) as ApiObject;
  return build(place, Number(metadata.resourceVersion), json, metadata);
}
