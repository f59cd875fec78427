/**
 * The order in which kube-apiserver writes fields: people read objects, and some refusals show them
 * as text.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/types.go`; maps, such as custom objects, are sorted
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";

const METADATA = [
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
  "ownerReferences",
  "finalizers",
  "managedFields",
];

function reorder(object: Record<string, unknown>, keys: readonly string[]): void {
  for (const key of keys) {
    if (!Object.hasOwn(object, key)) continue;
    const value = object[key];
    delete object[key];
    object[key] = value;
  }
}

/** Puts the fields of the object and of its metadata in order. */
export function orderFields(kind: ApiKind, object: ApiObject): void {
  if (kind.custom) {
    reorder(object, Object.keys(object).sort());
    reorder(object.metadata, Object.keys(object.metadata).sort());
  } else {
    reorder(object, ["kind", "apiVersion", "metadata", ...restOf(object)]);
    reorder(object.metadata, METADATA);
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
