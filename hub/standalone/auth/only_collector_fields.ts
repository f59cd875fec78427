/**
 * Whether a write changes nothing but what the garbage collector changes.
 *
 * Source: k8s.io/kubernetes `pkg/registry/rbac/helpers.go`
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";

const COLLECTED: ReadonlySet<string> = new Set([
  "ownerReferences",
  "finalizers",
  "selfLink",
  "managedFields",
]);
const MAX_DEPTH = 64;

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === null || value === "") return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "object" && Object.keys(value).length === 0;
}

/** Equal as Go objects are: what is absent equals what is empty. */
function same(a: unknown, b: unknown, depth: number): boolean {
  if (a === b || (isEmpty(a) && isEmpty(b))) return true;
  if (depth > MAX_DEPTH || typeof a !== "object" || typeof b !== "object") return false;
  if (a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => same(item, b[index], depth + 1));
  }
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
  return [...keys].every((key) => same(left[key], right[key], depth + 1));
}

function rest(object: ApiObject): ApiObject {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([field]) => !COLLECTED.has(field)),
  );
  return { ...object, metadata };
}

/**
 * Compares two states of an object.
 *
 * @returns whether they differ in owner references, finalizers and managed fields alone, or not
 */
export function onlyCollectorFields(object: ApiObject, old: ApiObject): boolean {
  return same(rest(object), rest(old), 0);
}
