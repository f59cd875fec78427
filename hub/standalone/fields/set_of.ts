/**
 * The set of the fields that an object has.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/tofieldset.go`, `fieldpath/set.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type MapAtom } from "./atom.ts";
import { FieldSet } from "./field_set.ts";
import { fieldElement, fieldName, type PathElement } from "./path_element.ts";
import { itemElements } from "./typed.ts";
import { isObject, type JsonObject } from "./values.ts";

/** The fields of a value: its leaves, items of lists and entries of maps. */
export function setOf(atom: Atom, value: unknown): FieldSet {
  const root = new FieldSet();
  // As if it were a field, because the root itself belongs to nobody
  visit(root, "f:", atom, value);
  return root.children.get("f:") ?? new FieldSet();
}

function visit(set: FieldSet, element: PathElement, whole: Atom, value: unknown): void {
  const { map, scalar, list } = deduce(whole, value);
  let below: FieldSet | undefined;
  if (map !== undefined) {
    if (map.atomic) set.members.add(element);
    else if (isObject(value)) below = mapFields(map, value);
  } else if (scalar !== undefined) set.members.add(element);
  else if (list !== undefined) {
    if (list.atomic) set.members.add(element);
    else if (Array.isArray(value)) below = listFields(list, value);
  }
  if (below !== undefined && !below.empty) set.children.set(element, below);
}

function mapFields(map: MapAtom, value: JsonObject): FieldSet {
  const set = new FieldSet();
  for (const [name, child] of Object.entries(value)) {
    const element = fieldElement(name);
    const type = fieldAtom(map, name);
    if (type !== undefined) visit(set, element, type, child);
    const isEmpty = child === null || (isObject(child) && Object.keys(child).length === 0);
    // Entries belong to somebody, declared fields only through what is below them
    if (isEmpty || map.field(name) === undefined) set.members.add(element);
  }
  return set;
}

function listFields(list: ListAtom, value: readonly unknown[]): FieldSet {
  const set = new FieldSet();
  // What cannot be told apart was refused before
  const items = itemElements(list, value, () => undefined);
  const seen = new Set<PathElement>(), twice = new Set<PathElement>();
  for (const { element } of items) (seen.has(element) ? twice : seen).add(element);
  for (const { element, item } of items) {
    // Items that stand twice are one value
    if (!twice.has(element)) visit(set, element, list.element(), item);
    set.members.add(element);
  }
  return set;
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
  if (set.children.size === 0) return set;
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
