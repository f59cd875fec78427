/**
 * Words of strategic merge patches, what schemas say about them, and how they are refused.
 *
 * Source: k8s.io/apimachinery `pkg/util/strategicpatch/patch.go`, `meta.go`,
 * `pkg/util/mergepatch/errors.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { goPrint, goType, type JsonObject } from "../fields/values.ts";
import type { Schema } from "../schema/types.ts";

/** Says what becomes of the object it stands in: `delete`, `replace` or `merge`. */
export const DIRECTIVE = "$patch";
/** Prefix of the order of a list: `$setElementOrder/finalizers`. */
export const SET_ORDER = "$setElementOrder";
/** Prefix of what goes from a list: `$deleteFromPrimitiveList/finalizers`. */
export const DELETE_FROM = "$deleteFromPrimitiveList";
/** Names of the fields that stay. */
export const RETAIN_KEYS = "$retainKeys";

/** Type of a field; `undefined` when the schema does not know it. */
export function childOf(schema: Schema | undefined, name: string): Schema | undefined {
  const properties = schema?.properties;
  return properties !== undefined && Object.hasOwn(properties, name)
    ? properties[name]
    : schema?.additionalProperties;
}

/** Type of a list's items. */
export function itemsOf(schema: Schema | undefined): Schema | undefined {
  return schema?.items;
}

/** `merge`, `replace`, or empty: maps are merged, lists replaced. */
export function strategyOf(schema: Schema | undefined): string {
  const strategies = schema?.["x-kubernetes-patch-strategy"]?.split(",") ?? [];
  return strategies.find((strategy) => strategy !== "retainKeys") ?? "";
}

/** Field that tells the items of a list apart; empty for lists of scalars. */
export function mergeKeyOf(schema: Schema | undefined): string {
  return schema?.["x-kubernetes-patch-merge-key"] ?? "";
}

/** An error of Go that is no Status: 500 without a reason. */
export function internal(message: string): StatusError {
  return new StatusError(failure(500, message, undefined, ""));
}

/** Something else was expected there. */
export function argumentType(expected: string, actual: unknown): StatusError {
  return internal(`expected a ${expected}, but received a ${goType(actual)}`);
}

/** `$patch` with a word that is not known. */
export function unknownDirective(directive: unknown, patch: JsonObject): StatusError {
  return internal(`unknown patch type: ${goPrint(directive)} in map: ${goPrint(patch)}`);
}

/** An item without what tells it apart. */
export function noMergeKey(item: JsonObject, key: string): StatusError {
  return internal(`map: ${goPrint(item)} does not contain declared merge key: ${key}`);
}
