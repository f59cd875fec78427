/**
 * What a write says of where it goes.
 *
 * @module
 */
import type { ResourceRef } from "./resources.ts";
import type { KubeObject } from "./types.ts";

/** Query parameters; those that are `undefined` or `false` are left out. */
export type Query = Record<string, string | number | boolean | undefined>;

/** @returns the path with its query */
export function withQuery(path: string, query: Query): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== false) pairs.set(name, String(value));
  }
  return pairs.size === 0 ? path : `${path}?${pairs}`;
}

/**
 * The name that an object carries.
 *
 * @throws {TypeError} when it has none
 */
export function nameOf(resource: ResourceRef, obj: unknown): string {
  const name = (obj as KubeObject).metadata?.name;
  if (name === undefined) {
    throw new TypeError(`Cannot write ${resource.kind}: metadata.name is missing`);
  }
  return name;
}

/**
 * The namespace that a write goes to.
 *
 * @returns `undefined` for cluster scoped kinds
 * @throws {TypeError} when neither the caller nor the object says it
 */
export function namespaceFor(
  resource: ResourceRef,
  obj: unknown,
  given: string | undefined,
): string | undefined {
  if (!resource.namespaced) return undefined;
  const namespace = given ?? (obj as KubeObject).metadata?.namespace;
  if (namespace === undefined) {
    throw new TypeError(`Cannot write ${resource.kind}: its namespace is missing`);
  }
  return namespace;
}
