/**
 * The shape of a kind, as OpenAPI v3 and Kubernetes' extensions say it.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";

/** A schema with its references resolved. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly nullable?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  /** Of maps. */
  readonly additionalProperties?: Schema;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  /** How lists merge in server-side apply. */
  readonly "x-kubernetes-list-type"?: "atomic" | "map" | "set";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  /** Whether a map or object is one value. */
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  /** How lists merge in a strategic merge patch. */
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly { rule: string; message?: string }[];
}

/** What becomes of fields that the schema does not know, or that stand twice (KEP-2885). */
export type FieldValidation = "Ignore" | "Warn" | "Strict";

/** A body, read. */
export interface Decoded {
  /** Unknown fields pruned, nothing defaulted yet. */
  readonly object: ApiObject;
  /** For `Warning` headers. */
  readonly warnings: readonly string[];
}
