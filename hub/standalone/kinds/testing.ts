/**
 * What the tests of several kinds use.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { FieldError } from "../errors.ts";
import type { ApiObject } from "../store/types.ts";
import type { ApiKind } from "./kind.ts";
import { KINDS } from "./kinds.ts";
import { strategyOf } from "./strategy.ts";

/** A kind that is served. */
export function kindNamed(name: string): ApiKind {
  const kind = KINDS.find((one) => one.kind === name);
  assert.ok(kind, name);
  return kind;
}

/** An object of a kind, in namespace `ns` where it has one. */
export function objectOf(name: string, fields: Record<string, unknown> = {}): ApiObject {
  const { group, version, namespaced } = kindNamed(name);
  const { metadata, ...rest } = structuredClone(fields);
  return {
    apiVersion: group === "" ? version : `${group}/${version}`,
    kind: name,
    metadata: {
      name: "a",
      ...(namespaced ? { namespace: "ns" } : {}),
      ...metadata as Record<string, unknown>,
    },
    ...rest,
  };
}

function lines(faults: readonly FieldError[]): string[] {
  return faults.map(({ field, message }) => `${field}: ${message}`);
}

/** Creates an object; gives it as it would be stored, and its faults. */
export function created(
  name: string,
  fields: Record<string, unknown> = {},
): { object: ApiObject; faults: string[] } {
  const object = objectOf(name, fields);
  const strategy = strategyOf(kindNamed(name));
  strategy.prepareForCreate(object);
  return { object, faults: lines(strategy.validateCreate(object)) };
}

/** Updates an object; gives it as it would be stored, and its faults, none twice. */
export function updated(
  name: string,
  from: Record<string, unknown>,
  to: Record<string, unknown>,
  subresource = "",
): { object: ApiObject; faults: string[] } {
  const old = objectOf(name, from);
  const object = objectOf(name, to);
  const strategy = strategyOf(kindNamed(name));
  strategy.prepareForUpdate(object, old, subresource);
  const faults = lines(strategy.validateUpdate(object, old, subresource));
  return { object, faults: [...new Set(faults)] };
}
