/**
 * An object without some of its fields.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/remove.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type MapAtom } from "./atom.ts";
import type { FieldSet } from "./field_set.ts";
import { fieldElement, type PathElement } from "./path_element.ts";
import { itemElement } from "./typed.ts";
import { isObject, type JsonObject, setMember } from "./values.ts";

/**
 * Removes fields and items.
 *
 * @returns a new value, which shares with the old one what did not change; null when nothing is left
 */
export function removeFields(whole: Atom, value: unknown, fields: FieldSet): unknown {
  const atom = deduce(whole, value);
  if (atom.map !== undefined) return removeFromMap(atom.map, value, fields);
  if (atom.scalar !== undefined) return value;
  return atom.list === undefined ? null : removeFromList(atom.list, value, fields);
}

function removeFromMap(map: MapAtom, value: unknown, fields: FieldSet): unknown {
  if (!isObject(value) || map.atomic) return null;
  const out: JsonObject = {};
  let touched = false;
  for (const [name, child] of Object.entries(value)) {
    const element = fieldElement(name);
    if (fields.members.has(element)) continue;
    const below = subset(fields, element);
    if (below === undefined) setMember(out, name, child);
    else {
      touched = true;
      const type = fieldAtom(map, name) ?? {};
      setMember(out, name, emptied(child, removeFields(type, child, below)));
    }
  }
  // An object whose content went stays there, empty
  return touched || Object.keys(out).length > 0 ? out : null;
}

function removeFromList(list: ListAtom, value: unknown, fields: FieldSet): unknown {
  if (!Array.isArray(value) || list.atomic) return null;
  const out: unknown[] = [];
  let touched = false;
  for (const item of value as unknown[]) {
    const element = itemElement(list, item);
    if (fields.members.has(element)) continue;
    const below = subset(fields, element);
    if (below === undefined) out.push(item);
    else {
      touched = true;
      out.push(emptied(item, removeFields(list.element(), item, below)));
    }
  }
  return touched || out.length > 0 ? out : null;
}

function subset(fields: FieldSet, element: PathElement): FieldSet | undefined {
  const child = fields.children.get(element);
  return child === undefined || child.empty ? undefined : child;
}

function emptied(before: unknown, after: unknown): unknown {
  if (after !== null) return after;
  if (isObject(before)) return {};
  return Array.isArray(before) ? [] : null;
}
