/**
 * `FieldsV1`: a set of fields as JSON.
 *
 * Source: sigs.k8s.io/structured-merge-diff `fieldpath/serialize.go`
 *
 * @module
 */
import { FieldSet } from "./field_set.ts";
import { parseElement, sortElements } from "./path_element.ts";
import { isObject, type JsonObject, MAX_DEPTH } from "./values.ts";

/** Writes a set, its elements sorted. */
export function toFieldsV1(set: FieldSet): JsonObject {
  const out: JsonObject = {};
  for (const element of sortElements(new Set([...set.members, ...set.children.keys()]))) {
    const child = set.children.get(element);
    if (child === undefined) out[element] = {};
    else {
      const below = toFieldsV1(child);
      // A member with members below it
      out[element] = set.members.has(element) ? { ".": {}, ...below } : below;
    }
  }
  return out;
}

/**
 * Reads a set. Elements of kinds that are not known are left out.
 *
 * @throws Error when it is no set, or deeper than {@linkcode MAX_DEPTH}
 */
export function fromFieldsV1(value: unknown): FieldSet {
  if (!isObject(value)) throw new Error("not an object");
  return read(value, 0);
}

function read(value: JsonObject, depth: number): FieldSet {
  if (depth > MAX_DEPTH) throw new Error(`deeper than ${MAX_DEPTH}`);
  const set = new FieldSet();
  for (const key of Object.keys(value)) {
    if (key === ".") continue;
    const element = parseElement(key);
    if (element === undefined) continue;
    const below = value[key];
    if (!isObject(below) || isEmpty(below)) {
      set.members.add(element);
      continue;
    }
    const child = read(below, depth + 1);
    const isLeaf = isEmptySet(child);
    // A leaf is a member without saying so
    if (isLeaf || Object.hasOwn(below, ".")) set.members.add(element);
    if (!isLeaf) set.children.set(element, child);
  }
  return set;
}

function isEmpty(value: JsonObject): boolean {
  for (const _ in value) return false;
  return true;
}

function isEmptySet(set: FieldSet): boolean {
  return set.members.size === 0 && set.children.size === 0;
}
