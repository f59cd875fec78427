/**
 * Which fields of an object were added, modified and removed.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/compare.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type MapAtom, sameAtom } from "./atom.ts";
import { FieldSet } from "./field_set.ts";
import { fieldElement, type Path, type PathElement } from "./path_element.ts";
import { itemElements, scalarFault, TypedError } from "./typed.ts";
import { isObject, type JsonObject, member, sameValue } from "./values.ts";

/** The difference of two objects. */
export interface Comparison {
  /** Only in the old one. */
  readonly removed: FieldSet;
  /** In both, with other values. */
  readonly modified: FieldSet;
  /** Only in the new one. */
  readonly added: FieldSet;
}

/**
 * Compares two values of the same type. Items that stand twice in a list count as one value.
 *
 * @param before `undefined` when there is none
 * @throws {TypedError} when both sides do not fit the type
 */
export function compare(atom: Atom, before: unknown, after: unknown): Comparison {
  const walk: Walk = {
    removed: new FieldSet(),
    modified: new FieldSet(),
    added: new FieldSet(),
    faults: [],
  };
  visit(walk, atom, before, after, []);
  if (walk.faults.length > 0) throw new TypedError(walk.faults);
  return walk;
}

/** Leaves fields, and all below them, out of a difference. */
export function withoutFields(difference: Comparison, fields: FieldSet): Comparison {
  return {
    removed: difference.removed.recursiveDifference(fields),
    modified: difference.modified.recursiveDifference(fields),
    added: difference.added.recursiveDifference(fields),
  };
}

interface Walk extends Comparison {
  readonly faults: string[];
}

function visit(walk: Walk, atom: Atom, before: unknown, after: unknown, path: Path): void {
  const left = deduce(atom, before), right = deduce(atom, after);
  let isLeaf: boolean;
  if (after === undefined) isLeaf = handle(walk, left, before, after, path);
  else {
    // A value of another sort goes with all that was below it
    if (before !== undefined && !sameAtom(left, right)) handle(walk, left, before, after, path);
    isLeaf = handle(walk, right, before, after, path);
  }
  if (isLeaf) return;
  if (before === undefined) walk.added.insert(path);
  else if (after === undefined) walk.removed.insert(path);
}

function handle(walk: Walk, atom: Atom, before: unknown, after: unknown, path: Path): boolean {
  if (atom.map !== undefined) return maps(walk, atom.map, before, after, path);
  if (atom.scalar !== undefined) {
    const faults = [scalarFault(atom.scalar, before), scalarFault(atom.scalar, after)];
    if (faults.every((fault) => fault !== undefined)) {
      walk.faults.push(`lhs: ${faults[0]}`, `rhs: ${faults[1]}`);
      return false;
    }
    return leaf(walk, before, after, path);
  }
  return atom.list !== undefined && lists(walk, atom.list, before, after, path);
}

function leaf(walk: Walk, before: unknown, after: unknown, path: Path): true {
  if (before === undefined) walk.added.insert(path);
  else if (after === undefined) walk.removed.insert(path);
  else if (!sameValue(before, after)) walk.modified.insert(path);
  return true;
}

function maps(walk: Walk, map: MapAtom, before: unknown, after: unknown, path: Path): boolean {
  const left = isObject(before) ? before : undefined, right = isObject(after) ? after : undefined;
  // Two empty ones are compared as values: that tells empty from null
  if (map.atomic || (isEmpty(left) && isEmpty(right))) return leaf(walk, before, after, path);
  const names = new Set([...Object.keys(left ?? {}), ...Object.keys(right ?? {})]);
  for (const name of names) {
    const type = fieldAtom(map, name);
    if (type === undefined) {
      walk.faults.push(`.${name}: field not declared in schema`);
      continue;
    }
    const old = member(left, name), now = member(right, name);
    // The very same thing, as most entries of a large map are
    if (old === now) continue;
    visit(walk, type, old, now, [...path, fieldElement(name)]);
  }
  return false;
}

function isEmpty(value: JsonObject | undefined): boolean {
  return value === undefined || Object.keys(value).length === 0;
}

function lists(walk: Walk, list: ListAtom, before: unknown, after: unknown, path: Path): boolean {
  const left: readonly unknown[] = Array.isArray(before) ? before : [];
  const right: readonly unknown[] = Array.isArray(after) ? after : [];
  if (list.atomic || (left.length === 0 && right.length === 0)) {
    return leaf(walk, before, after, path);
  }
  const fault = (text: string): void => void walk.faults.push(text);
  const old = grouped(itemElements(list, left, fault));
  const now = grouped(itemElements(list, right, fault));
  for (const element of new Set([...old.keys(), ...now.keys()])) {
    items(walk, list.element(), old.get(element) ?? [], now.get(element) ?? [], [...path, element]);
  }
  return false;
}

function grouped(items: { element: PathElement; item: unknown }[]): Map<PathElement, unknown[]> {
  const groups = new Map<PathElement, unknown[]>();
  for (const { element, item } of items) {
    const group = groups.get(element);
    if (group === undefined) groups.set(element, [item]);
    else group.push(item);
  }
  return groups;
}

/** Compares all items that are alike; usually one on each side. */
function items(
  walk: Walk,
  atom: Atom,
  old: readonly unknown[],
  now: readonly unknown[],
  path: Path,
): void {
  if (old.length < 2 && now.length < 2) visit(walk, atom, old[0], now[0], path);
  else if (old.length > 1 && now.length > 1) {
    if (!sameValue(old, now)) walk.modified.insert(path);
  } else if (old.length > 1) {
    if (now.length > 0) visit(walk, atom, undefined, now[0], path);
    walk.removed.insert(path);
  } else {
    if (old.length > 0) visit(walk, atom, old[0], undefined, path);
    walk.added.insert(path);
  }
}
