/**
 * Merges an applied configuration into the live object.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/merge.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type MapAtom, sameAtom } from "./atom.ts";
import type { PathElement } from "./path_element.ts";
import { elementText } from "./path_element.ts";
import { itemElements, scalarFault, TypedError } from "./typed.ts";
import { isObject, type JsonObject, member, setMember } from "./values.ts";

/**
 * Merges: what is applied wins, what is not stays. Items of lists keep the order of the applied
 * list, those of the live list stay where they were among them.
 *
 * @returns a new value, which shares parts with both; `undefined` when there is none
 * @throws {TypedError} when the two do not fit
 */
export function merge(atom: Atom, live: unknown, applied: unknown): unknown {
  const faults: string[] = [];
  const merged = visit(atom, live, applied, faults);
  if (faults.length > 0) throw new TypedError(faults);
  return merged;
}

function visit(atom: Atom, live: unknown, applied: unknown, faults: string[]): unknown {
  const left = deduce(atom, live), right = deduce(atom, applied);
  if (applied === undefined) return handle(left, live, applied, faults);
  // The other sort is checked only: what is applied wins
  if (live !== undefined && !sameAtom(left, right)) handle(left, live, applied, faults);
  return handle(right, live, applied, faults);
}

function handle(atom: Atom, live: unknown, applied: unknown, faults: string[]): unknown {
  if (atom.map !== undefined) return mergeMaps(atom.map, live, applied, faults);
  if (atom.scalar !== undefined) {
    const texts = [scalarFault(atom.scalar, live), scalarFault(atom.scalar, applied)];
    if (texts.every((text) => text !== undefined)) faults.push(`lhs: ${texts[0]}`);
    return leaf(live, applied);
  }
  return atom.list === undefined ? undefined : mergeLists(atom.list, live, applied, faults);
}

function leaf(live: unknown, applied: unknown): unknown {
  return applied === undefined ? live : applied;
}

function mergeMaps(map: MapAtom, live: unknown, applied: unknown, faults: string[]): unknown {
  const left = isObject(live) ? live : {}, right = isObject(applied) ? applied : {};
  const names = new Set([...Object.keys(left), ...Object.keys(right)]);
  if (map.atomic || names.size === 0) return leaf(live, applied);
  const out: JsonObject = {};
  for (const name of names) {
    const type = fieldAtom(map, name);
    if (type === undefined) {
      faults.push(`.${name}: field not declared in schema`);
      continue;
    }
    const value = visit(type, member(left, name), member(right, name), faults);
    if (value !== undefined) setMember(out, name, value);
  }
  return Object.keys(out).length > 0 ? out : undefined;
}

interface Item {
  element: PathElement;
  item: unknown;
}

function mergeLists(list: ListAtom, live: unknown, applied: unknown, faults: string[]): unknown {
  const left: readonly unknown[] = Array.isArray(live) ? live : [];
  const right: readonly unknown[] = Array.isArray(applied) ? applied : [];
  if (list.atomic || (left.length === 0 && right.length === 0)) return leaf(live, applied);
  const fault = (text: string): void => void faults.push(text);
  const old = itemElements(list, left, fault), now = itemElements(list, right, fault);
  const byElement = new Map<PathElement, unknown>();
  for (const { element, item } of now) {
    if (byElement.has(element)) fault(`duplicate entries for key ${elementText(element)}`);
    byElement.set(element, item);
  }
  if (faults.length > 0) return undefined;
  const out = inOrder(old, now).map(({ element, item }) =>
    visit(list.element(), item, byElement.get(element), faults)
  );
  return out.length > 0 ? out.filter((item) => item !== undefined) : undefined;
}

/**
 * The order of the merged list, each place with the live item that belongs there. Applied items
 * stand in their own order; a live item that is not applied stands before the first shared item
 * that came after it.
 */
function inOrder(old: readonly Item[], now: readonly Item[]): Item[] {
  const live = new Map<PathElement, unknown>();
  // Items that stand twice are not merged with what is applied, but replaced by it
  for (const { element, item } of old) live.set(element, live.has(element) ? null : item);
  const applied = new Set(now.map(({ element }) => element));
  const shared = now.map(({ element }) => element).filter((element) => live.has(element));
  const out: Item[] = [], done = new Set<PathElement>();
  let next = shared.shift();
  const take = (element: PathElement): void => {
    out.push({ element, item: live.get(element) });
    done.add(element);
  };
  let i = 0, j = 0;
  while (i < old.length || j < now.length) {
    const mine = old[i], theirs = now[j];
    if (mine !== undefined && theirs !== undefined) {
      if (mine.element === theirs.element) {
        take(theirs.element);
        i++, j++;
        next = shared.shift();
        continue;
      }
      if (applied.has(mine.element) && next !== undefined && next !== mine.element) {
        // Shared, but its turn comes elsewhere
        i++;
        continue;
      }
    }
    if (mine !== undefined) {
      if (!applied.has(mine.element)) {
        out.push(mine);
        i++;
        continue;
      }
      if (done.has(mine.element)) i++;
    }
    if (theirs !== undefined) {
      take(theirs.element);
      j++;
      if (next === theirs.element) next = shared.shift();
    }
  }
  return out;
}
