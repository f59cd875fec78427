/**
 * The order in which kube-apiserver writes fields: people read objects, and some refusals show them
 * as text.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/types.go`; maps, such as custom objects, are sorted
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import { OBJECT_META_FIELDS } from "../kinds/object_meta.ts";
import type { ApiObject } from "../store/types.ts";

const MAX_DEPTH = 64;

function reorder(object: Record<string, unknown>, keys: readonly string[]): void {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) continue;
    const value = object[key];
    delete object[key];
    object[key] = value;
  }
}

/** Sorts the members of objects within objects; deeper than 64 they stay as they are. */
function sortDeep(value: unknown, depth = 0): void {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return;
  if (!Array.isArray(value)) {
    const object = value as Record<string, unknown>;
    const keys = Object.keys(object);
    const sorted = [...keys].sort();
    if (keys.some((key, index) => key !== sorted[index])) reorder(object, sorted);
  }
  for (const item of Object.values(value)) sortDeep(item, depth + 1);
}

/** Puts the fields of the object and of its metadata in order. */
export function orderFields(kind: ApiKind, object: ApiObject): void {
  if (kind.custom) sortDeep(object);
  else {
    reorder(object, ["kind", "apiVersion", "metadata", ...restOf(object)]);
    reorder(object.metadata, OBJECT_META_FIELDS);
  }
}

function restOf(object: ApiObject): string[] {
  return Object.keys(object).filter((key) =>
    key !== "kind" && key !== "apiVersion" && key !== "metadata"
  );
}

/** Makes room for the version that the store sets. */
export function placeForVersion(kind: ApiKind, object: ApiObject): void {
  object.metadata.resourceVersion = "";
  orderFields(kind, object);
}
