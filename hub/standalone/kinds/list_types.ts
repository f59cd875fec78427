/**
 * Lists that are maps or sets must not hold two of the same.
 *
 * Source: k8s.io/apiextensions-apiserver `pkg/apiserver/schema/listtype/validation.go`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { Schema } from "../schema/types.ts";
import { duplicate, invalidValue } from "./field_errors.ts";
import { fieldsOf } from "./values.ts";

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The keys of an item of a list that is a map. */
export function keysOf(schema: Schema, item: unknown): Record<string, unknown> {
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const fields = fieldsOf(item);
  return Object.fromEntries(
    keys.filter((key) => fields[key] !== undefined).map((key) => [key, fields[key]]),
  );
}

function itemFaults(schema: Schema, items: readonly unknown[], path: string): FieldError[] {
  const type = schema["x-kubernetes-list-type"];
  if (type !== "map" && type !== "set") return [];
  const faults: FieldError[] = [];
  const seen = new Set<string>();
  const told = new Set<string>();
  for (const [index, item] of items.entries()) {
    const at = `${path}[${index}]`;
    if (item === null) continue;
    if (type === "map" && !isObject(item)) {
      faults.push(invalidValue(at, item, "must be an object for an array of list-type map"));
      continue;
    }
    const shown = type === "map" ? keysOf(schema, item) : item;
    const key = JSON.stringify(shown);
    if (seen.has(key) && !told.has(key)) {
      faults.push(duplicate(at, shown));
      told.add(key);
    }
    seen.add(key);
  }
  return faults;
}

/** Faults of lists anywhere in a value; goes as deep as the schema. */
export function validateListTypes(schema: Schema, value: unknown, path: string): FieldError[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return [
      ...itemFaults(schema, value, path),
      ...(items === undefined
        ? []
        : value.flatMap((item, index) => validateListTypes(items, item, `${path}[${index}]`))),
    ];
  }
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, child]) => {
    const known = schema.properties?.[key] ?? schema.additionalProperties;
    const at = path === "" ? key : `${path}.${key}`;
    return known === undefined ? [] : validateListTypes(known, child, at);
  });
}
