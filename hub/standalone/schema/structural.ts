/**
 * What a structural schema does to an object before it is validated: unknown fields go, and so do
 * nulls where the schema allows none.
 *
 * Source: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/pruning`, `.../defaulting`
 *
 * @module
 */
import type { Schema } from "./types.ts";

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Drops fields that the schema does not know. Goes as deep as the schema.
 *
 * @param value changed
 * @param path of `value`, for the answer: empty, or `spec`
 * @param unknown paths of what was dropped are added here: `spec.foo`, `status.conditions[0].x`
 */
export function prune(schema: Schema, value: unknown, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    if (schema.items === undefined) return;
    for (const [index, item] of value.entries()) {
      prune(schema.items, item, `${path}[${index}]`, unknown);
    }
    return;
  }
  if (!isRecord(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const at = path === "" ? key : `${path}.${key}`;
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      ? schema.properties[key]
      : schema.additionalProperties;
    if (known !== undefined) prune(known, item, at, unknown);
    else if (schema["x-kubernetes-preserve-unknown-fields"] !== true) {
      delete value[key];
      unknown.push(at);
    }
  }
}

/**
 * Drops nulls of fields that are not nullable. Items of lists stay: validation refuses them.
 *
 * @param value changed
 */
export function dropNulls(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) { for (const item of value) dropNulls(schema.items, item); }
    return;
  }
  if (!isRecord(value)) return;
  for (const [key, item] of Object.entries(value)) {
    const known = schema.properties !== undefined && Object.hasOwn(schema.properties, key)
      ? schema.properties[key]
      : schema.additionalProperties;
    if (known === undefined) continue;
    if (item === null && known.nullable !== true) delete value[key];
    else dropNulls(known, item);
  }
}

/**
 * Puts in what the schema says for fields that are absent.
 *
 * @param value changed
 */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) {
    if (schema.items !== undefined) { for (const item of value) applyDefaults(schema.items, item); }
    return;
  }
  if (!isRecord(value)) return;
  for (const [key, known] of Object.entries(schema.properties ?? {})) {
    if (value[key] === undefined && known.default !== undefined) {
      value[key] = structuredClone(known.default);
    }
    if (value[key] !== undefined) applyDefaults(known, value[key]);
  }
  if (schema.additionalProperties === undefined) return;
  for (const item of Object.values(value)) applyDefaults(schema.additionalProperties, item);
}
