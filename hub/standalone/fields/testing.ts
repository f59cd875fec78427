/**
 * Kinds with small schemas, for tests.
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";

const TEXT: Schema = { type: "string" };
const TEXTS: Schema = { type: "object", additionalProperties: TEXT };

/** Of objects, as far as tests go. */
const METADATA: Schema = {
  type: "object",
  properties: {
    name: TEXT,
    namespace: TEXT,
    uid: TEXT,
    resourceVersion: TEXT,
    labels: TEXTS,
    annotations: TEXTS,
    finalizers: { type: "array", items: TEXT, "x-kubernetes-list-type": "set" },
    managedFields: {
      type: "array",
      items: { type: "object" },
      "x-kubernetes-list-type": "atomic",
    },
  },
};

/** Of ConfigMaps with a list of each sort. */
export const SCHEMA: Schema = {
  type: "object",
  properties: {
    apiVersion: TEXT,
    kind: TEXT,
    metadata: METADATA,
    data: TEXTS,
    atomic: { type: "array", items: TEXT, "x-kubernetes-list-type": "atomic" },
    whole: { ...TEXTS, "x-kubernetes-map-type": "atomic" },
    items: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name", "port"],
      items: {
        type: "object",
        properties: {
          name: TEXT,
          port: { type: "integer", default: 80 },
          value: TEXT,
          tags: { type: "array", items: TEXT, "x-kubernetes-list-type": "set" },
        },
      },
    },
    free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  },
};

/** A kind without a status. */
export const KIND: ApiKind = { ...KINDS[0] as ApiKind, plural: "configmaps", kind: "ConfigMap" };

/** An object of that kind. */
export function object(
  fields: Record<string, unknown> = {},
  metadata: Record<string, unknown> = {},
): ApiObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a", ...metadata }, ...fields };
}
