/**
 * How strategic merge patches merge lists: by a key, or as sets of scalars; and the order of what
 * comes out.
 *
 * Source: k8s.io/apimachinery `pkg/util/strategicpatch/patch.go`: `mergeSlice`,
 * `normalizeElementOrder`, `validatePatchWithSetOrderList`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { goPrint, goType, isObject, type JsonObject, member } from "../fields/values.ts";
import {
  argumentType,
  DIRECTIVE,
  internal,
  noMergeKey,
  SET_ORDER,
  unknownDirective,
} from "./strategic_words.ts";

/** What {@linkcode mergeList} is told. */
export interface MergeListOptions {
  /** The list as it stands. */
  own: readonly unknown[];
  /** The list of the patch. */
  change: readonly unknown[];
  /** Field that tells items apart; empty for scalars. */
  key: string;
  /** Whether the patch lists what goes. */
  isDeletion: boolean;
  /** Merges two items with the same key. */
  mergeItems: (own: JsonObject, change: JsonObject) => JsonObject;
}

/**
 * Merges a list; changes neither.
 *
 * @throws {StatusError} 422 for lists of lists, 500 for items of several types, or without a key
 */
export function mergeList(o: MergeListOptions): readonly unknown[] {
  const { own, change, key, isDeletion } = o;
  if (own.length === 0 && change.length === 0) return own;
  if (!isListOfObjects(own, change)) {
    if (isDeletion) {
      const gone = new Set(change);
      return own.filter((item) => !gone.has(item));
    }
    return normalizeOrder([...new Set([...own, ...change])], change, own, "");
  }
  if (key === "") throw internal("cannot merge lists without merge key for struct");
  const { kept, merged } = directed(own as JsonObject[], change as JsonObject[], key);
  const result: JsonObject[] = [...kept];
  const places = placesOf(result, key);
  for (const item of merged) {
    const place = places.get(keyOf(item, key));
    const old = place === undefined ? undefined : result[place];
    if (place === undefined || old === undefined) {
      places.set(keyOf(item, key), result.length);
      result.push(item);
    } else result[place] = o.mergeItems(old, item);
  }
  return normalizeOrder(result, merged, kept, key);
}

function isListOfObjects(...lists: (readonly unknown[])[]): boolean {
  const items = lists.flat(1);
  const [first] = items;
  if (Array.isArray(first)) {
    throw new StatusError(
      failure(422, "the server rejected our request due to an error in our request", {}),
    );
  }
  const type = goType(first);
  if (items.some((item) => goType(item) !== type)) {
    throw internal(`list element types are not identical: ${goPrint(lists)}`);
  }
  return isObject(first);
}

/** Obeys `$patch` of items: what of the list stays, and what of the patch is merged into it. */
function directed(
  own: readonly JsonObject[],
  change: readonly JsonObject[],
  key: string,
): { kept: readonly JsonObject[]; merged: readonly JsonObject[] } {
  const gone = new Set<unknown>();
  const merged: JsonObject[] = [];
  let replaces = false;
  for (const item of change) {
    const directive = member(item, DIRECTIVE);
    if (directive === undefined) merged.push(item);
    else if (directive === "delete") gone.add(keyOf(item, key));
    else if (directive === "replace") replaces = true;
    else if (directive === "merge") {
      throw internal("merging lists cannot yet be specified in the patch");
    } else throw unknownDirective(directive, item);
  }
  if (replaces) return { kept: merged, merged: [] };
  return {
    kept: gone.size === 0 ? own : own.filter((item) => !gone.has(member(item, key))),
    merged,
  };
}

function keyOf(item: unknown, key: string): unknown {
  if (key === "") return item;
  if (!isObject(item)) throw argumentType("map[string]interface {}", item);
  const value = member(item, key);
  if (value === undefined) throw noMergeKey(item, key);
  return value;
}

function placesOf(items: readonly unknown[], key: string): Map<unknown, number> {
  const places = new Map<unknown, number>();
  for (const [i, item] of items.entries()) {
    const value = keyOf(item, key);
    if (!places.has(value)) places.set(value, i);
  }
  return places;
}

/**
 * Orders a merged list: items of the patch in the patch's order, all others in the order in which
 * they stood. Of the two, an item of the patch comes first, unless it stood behind the other.
 *
 * @param order items, or their keys, of the patch
 * @param own the list as it stood
 */
export function normalizeOrder(
  merged: readonly unknown[],
  order: readonly unknown[],
  own: readonly unknown[],
  key: string,
): unknown[] {
  const wanted = placesOf(order, key), stood = placesOf(own, key);
  const place = (places: Map<unknown, number>, item: unknown): number =>
    places.get(keyOf(item, key)) ?? -1;
  const sorted = (items: unknown[], places: Map<unknown, number>): unknown[] =>
    items.sort((a, b) => place(places, a) - place(places, b));
  const theirs = sorted(merged.filter((item) => place(wanted, item) >= 0), wanted);
  const others = sorted(merged.filter((item) => place(wanted, item) < 0), stood);
  const out: unknown[] = [];
  let i = 0;
  for (const item of theirs) {
    const before = place(stood, item);
    while (i < others.length && before >= 0) {
      const other = place(stood, others[i]);
      if (other < 0 || other >= before) break;
      out.push(others[i++]);
    }
    out.push(item);
  }
  return [...out, ...others.slice(i)];
}

/**
 * Checks that a list of a patch has the order that the patch says it has.
 *
 * @throws {StatusError} 500, as upstream
 */
export function validateOrder(
  change: readonly unknown[],
  order: readonly unknown[],
  key: string,
): void {
  if (change.length === 0 || order.length === 0) return;
  const isDirective = (item: unknown): boolean => isObject(item) && Object.hasOwn(item, DIRECTIVE);
  const items = change.filter((item) => !isDirective(item));
  let next = 0;
  for (const item of order) {
    if (next < items.length && keyOf(items[next], key) === keyOf(item, key)) next++;
  }
  if (next < items.length) {
    throw internal(
      `The order in patch list:\n${goPrint(change)}\n doesn't match ${SET_ORDER} list:\n` +
        `${goPrint(order)}\n`,
    );
  }
}
