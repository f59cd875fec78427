/**
 * `FieldsV1`: a set of fields as JSON.
 *
 * Source: sigs.k8s.io/structured-merge-diff `fieldpath/serialize.go`
 *
 * @module
 */
import { FieldSet } from "./field_set.ts";
import { parseElement, sortElements } from "./path_element.ts";
import { isObject, type JsonObject } from "./values.ts";

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
 * @param value at most {@linkcode MAX_DEPTH} deep
 * @throws Error when it is no set
 */
export function fromFieldsV1(value: unknown): FieldSet {
  if (!isObject(value)) throw new Error("not an object");
  return read(value).set ?? new FieldSet();
}

function read(value: unknown): { set: FieldSet | undefined; isMember: boolean } {
  let set: FieldSet | undefined;
  let isMember = false;
  if (isObject(value)) {
    for (const [key, below] of Object.entries(value)) {
      if (key === ".") {
        isMember = true;
        continue;
      }
      const element = parseElement(key);
      if (element === undefined) continue;
      const child = read(below);
      set ??= new FieldSet();
      if (child.isMember) set.members.add(element);
      if (child.set !== undefined) set.children.set(element, child.set);
    }
  }
  // A leaf is a member without saying so
  return { set, isMember: isMember || set === undefined };
}
