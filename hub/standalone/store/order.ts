/**
 * The order of objects in lists: that of etcd's keys.
 *
 * @module
 */
import type { Stored } from "./types.ts";

/** What tells an object from the others of its resource. */
export type ObjectKey = Pick<Stored, "namespace" | "name">;

/** UTF-16 puts U+10000 and above before U+E000; UTF-8 does not. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * Compares as bytes of UTF-8 would, which is how etcd sorts.
 *
 * @returns negative, 0 or positive
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

const SLASH = 0x2f;

/**
 * Compares by `namespace/name`, as etcd's keys are made. Where a namespace is the beginning of
 * another (`a` and `a-b`), that is not the order of the namespaces: `-` comes before `/`.
 *
 * @returns negative, 0 or positive
 */
export function compareObjects(a: ObjectKey, b: ObjectKey): number {
  const left = a.namespace, right = b.namespace;
  if (left === right) return compareUtf8(a.name, b.name);
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i++) {
    const x = left.charCodeAt(i), y = right.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  // No namespace has a slash in it
  return left.length < right.length
    ? SLASH - rank(right.charCodeAt(length))
    : rank(left.charCodeAt(length)) - SLASH;
}

/**
 * Finds the first place whose object is not before `key`.
 *
 * @param objects sorted
 * @returns an index, `objects.length` when all are before it
 */
export function lowerBound(objects: readonly ObjectKey[], key: ObjectKey): number {
  let low = 0, high = objects.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareObjects(objects[middle]!, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
