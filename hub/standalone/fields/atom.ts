/**
 * What a schema means for merging: for each place whether a scalar, a list or a map may stand there
 * and whether it is one value (atomic) or many.
 *
 * Source: k8s.io/kube-openapi `pkg/schemaconv/openapi.go`, `pkg/schemaconv/smd.go`
 *
 * @module
 */
import type { Schema } from "../schema/types.ts";
import { isObject, isScalar } from "./values.ts";

/** Sorts of scalars; `untyped` is any of them. */
export type ScalarType = "boolean" | "numeric" | "string" | "untyped";

/** What may stand at a place. */
export interface Atom {
  /** Scalars. */
  readonly scalar?: ScalarType;
  /** Lists. */
  readonly list?: ListAtom;
  /** Maps and objects. */
  readonly map?: MapAtom;
}

/** A list. */
export interface ListAtom {
  /** One value as a whole; else a set, or a map when there are keys. */
  readonly atomic: boolean;
  /** Fields whose values tell items apart; none for sets of scalars. */
  readonly keys: readonly string[];
  /** What its items are. */
  element(): Atom;
  /** Value of a key field that an item leaves out. */
  defaultOf(key: string): unknown;
}

/** A map, or an object with fields. */
export interface MapAtom {
  /** One value as a whole. */
  readonly atomic: boolean;
  /** What a declared field is. */
  field(name: string): Atom | undefined;
  /** What undeclared fields are; `undefined`: there may be none. */
  element(): Atom | undefined;
}

/** Anything, as one value. */
const UNTYPED: Atom = {
  scalar: "untyped",
  list: { atomic: true, keys: [], element: () => UNTYPED, defaultOf: () => undefined },
  map: { atomic: true, field: () => undefined, element: () => UNTYPED },
};

/** Anything; maps are many values, lists are one. */
export const DEDUCED: Atom = {
  scalar: "untyped",
  list: { atomic: true, keys: [], element: () => UNTYPED, defaultOf: () => undefined },
  map: { atomic: false, field: () => undefined, element: () => DEDUCED },
};

const typed = new WeakMap<Schema, Atom>();
const preserving = new WeakMap<Schema, Atom>();

/**
 * Reads a schema, which may contain itself.
 *
 * @param preserve whether a schema above keeps unknown fields
 */
export function atomOf(schema: Schema, preserve = false): Atom {
  const keeps = preserve || schema["x-kubernetes-preserve-unknown-fields"] === true;
  const cache = keeps ? preserving : typed;
  let atom = cache.get(schema);
  if (atom === undefined) cache.set(schema, atom = convert(schema, keeps));
  return atom;
}

function convert(schema: Schema, preserve: boolean): Atom {
  switch (schema.type) {
    case "object":
      return { map: mapOf(schema, preserve) };
    case "array":
      return { list: listOf(schema, preserve) };
    case "integer":
    case "number":
      return { scalar: schema["x-kubernetes-int-or-string"] ? "untyped" : "numeric" };
    case "boolean":
      return { scalar: "boolean" };
    case "string":
      return { scalar: stringType(schema) };
    default:
      return { scalar: "untyped", list: listOf(schema, preserve), map: mapOf(schema, preserve) };
  }
}

function stringType(schema: Schema): ScalarType {
  if (schema["x-kubernetes-int-or-string"]) return "untyped";
  // Base64 is a string; times, quantities and the like are left to their own checks
  return schema.format === undefined || schema.format === "" || schema.format === "byte"
    ? "string"
    : "untyped";
}

function listOf(schema: Schema, preserve: boolean): ListAtom {
  const { items } = schema;
  return {
    ...relationOf(schema),
    element: () => items === undefined ? UNTYPED : atomOf(items, preserve),
    defaultOf: (key) => items?.properties?.[key]?.default,
  };
}

function relationOf(schema: Schema): { atomic: boolean; keys: readonly string[] } {
  const type = schema["x-kubernetes-list-type"];
  if (type !== undefined) {
    return {
      atomic: type === "atomic",
      keys: type === "map" ? schema["x-kubernetes-list-map-keys"] ?? [] : [],
    };
  }
  const strategy = schema["x-kubernetes-patch-strategy"];
  if (strategy !== "merge" && strategy !== "merge,retainKeys") return { atomic: true, keys: [] };
  const key = schema["x-kubernetes-patch-merge-key"];
  return { atomic: false, keys: key === undefined ? [] : [key] };
}

function mapOf(schema: Schema, preserve: boolean): MapAtom {
  const properties = schema.properties ?? {};
  const others = schema.additionalProperties;
  const free = preserve || Object.keys(properties).length === 0;
  return {
    atomic: schema["x-kubernetes-map-type"] === "atomic",
    field: (name) => {
      const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
      return property === undefined ? undefined : atomOf(property, preserve);
    },
    element: () => others !== undefined ? atomOf(others, preserve) : free ? DEDUCED : undefined,
  };
}

/** What a field of a map is; `undefined` when there may be none of that name. */
export function fieldAtom(map: MapAtom, name: string): Atom | undefined {
  return map.field(name) ?? map.element();
}

/** Narrows what may stand at a place to what does. Null and nothing narrow nothing. */
export function deduce(atom: Atom, value: unknown): Atom {
  if (isScalar(value)) return atom.scalar === undefined ? atom : { scalar: atom.scalar };
  if (Array.isArray(value)) return atom.list === undefined ? atom : { list: atom.list };
  if (isObject(value)) return atom.map === undefined ? atom : { map: atom.map };
  return atom;
}

/** Whether two atoms that were narrowed from the same one are the same. */
export function sameAtom(a: Atom, b: Atom): boolean {
  return a.scalar === b.scalar && a.list === b.list && a.map === b.map;
}
