/**
 * The set of the fields that an object has.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/tofieldset.go`, `fieldpath/set.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type MapAtom } from "./atom.ts";
import { FieldSet } from "./field_set.ts";
import { fieldElement, fieldName, type Path, type PathElement } from "./path_element.ts";
import { itemElements } from "./typed.ts";
import { isObject, type JsonObject } from "./values.ts";

/** The fields of a value: its leaves, items of lists and entries of maps. */
export function setOf(atom: Atom, value: unknown): FieldSet {
  const set = new FieldSet();
  visit(set, atom, value, []);
  return set;
}

function visit(set: FieldSet, whole: Atom, value: unknown, path: Path): void {
  const atom = deduce(whole, value);
  if (atom.map !== undefined) {
    if (atom.map.atomic) set.insert(path);
    else if (isObject(value)) visitMap(set, atom.map, value, path);
  } else if (atom.scalar !== undefined) set.insert(path);
  else if (atom.list !== undefined) {
    if (atom.list.atomic) set.insert(path);
    else if (Array.isArray(value)) visitList(set, atom.list, value, path);
  }
}

function visitMap(set: FieldSet, map: MapAtom, value: JsonObject, path: Path): void {
  for (const [name, child] of Object.entries(value)) {
    const below = [...path, fieldElement(name)];
    const type = fieldAtom(map, name);
    if (type !== undefined) visit(set, type, child, below);
    const isEmpty = child === null || (isObject(child) && Object.keys(child).length === 0);
    // Entries belong to somebody, declared fields only through what is below them
    if (isEmpty || map.field(name) === undefined) set.insert(below);
  }
}

function visitList(set: FieldSet, list: ListAtom, value: readonly unknown[], path: Path): void {
  // What cannot be told apart was refused before
  const items = itemElements(list, value, () => undefined);
  const seen = new Set<PathElement>(), twice = new Set<PathElement>();
  for (const { element } of items) (seen.has(element) ? twice : seen).add(element);
  for (const { element, item } of items) {
    const below = [...path, element];
    // Items that stand twice are one value
    if (!twice.has(element)) visit(set, list.element(), item, below);
    set.insert(below);
  }
}

/** The set with every declared field in it that has something below it in the set. */
export function withNamedFields(set: FieldSet, atom: Atom | undefined): FieldSet {
  const result = new FieldSet();
  for (const element of set.members) result.members.add(element);
  for (const [element, child] of set.children) {
    const name = fieldName(element);
    let type: Atom | undefined;
    if (name !== undefined && atom?.map !== undefined) {
      type = fieldAtom(atom.map, name);
      if (atom.map.field(name) !== undefined) result.members.add(element);
    } else if (element.startsWith("k:")) type = atom?.list?.element();
    result.children.set(element, withNamedFields(child, type));
  }
  return result;
}

/**
 * The set as the schema now has it: what lies below a place that is one value becomes that place.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/reconcile_schema.go`
 */
export function reconciled(set: FieldSet, atom: Atom): FieldSet {
  const result = new FieldSet();
  for (const element of set.members) result.members.add(element);
  for (const [element, child] of set.children) {
    const type = childAtom(atom, element);
    if (type === undefined) result.children.set(element, child);
    else if (type.map?.atomic === true || (type.map === undefined && type.list?.atomic === true)) {
      result.members.add(element);
    } else result.children.set(element, reconciled(child, type));
  }
  return result;
}

function childAtom(atom: Atom, element: PathElement): Atom | undefined {
  const name = fieldName(element);
  if (atom.map !== undefined) {
    // Places where anything goes are never told apart
    if (name === undefined || atom.scalar !== undefined) return undefined;
    const type = fieldAtom(atom.map, name);
    return type?.scalar !== undefined && type.map !== undefined ? undefined : type;
  }
  return atom.list?.element();
}
