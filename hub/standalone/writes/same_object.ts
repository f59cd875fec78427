/**
 * Tells a write that changes nothing.
 *
 * Source: k8s.io/apiserver `pkg/storage/etcd3/store.go`,
 * k8s.io/apimachinery `pkg/util/managedfields/internal/managedfieldsupdater.go`
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";

/** Pairs on a stack instead of recursion: the caller chose the depth. */
function equal(left: unknown, right: unknown): boolean {
  const pairs: [unknown, unknown][] = [[left, right]];
  for (let pair = pairs.pop(); pair !== undefined; pair = pairs.pop()) {
    const [a, b] = pair;
    if (a === b) continue;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (Array.isArray(a) !== Array.isArray(b)) return false;
    const keys = Object.keys(a);
    if (keys.length !== Object.keys(b).length) return false;
    for (const key of keys) {
      if (!Object.hasOwn(b, key)) return false;
      pairs.push([
        (a as Record<string, unknown>)[key],
        (b as Record<string, unknown>)[key],
      ]);
    }
  }
  return true;
}

function withoutTimes(managedFields: unknown): unknown {
  if (!Array.isArray(managedFields)) return managedFields;
  return managedFields.map((entry) => ({ ...entry, time: undefined }));
}

/**
 * Whether two states differ in more than their version and the times of their managed fields.
 *
 * @returns `true` when they do not
 */
export function sameObject(next: ApiObject, live: ApiObject): boolean {
  const plain = (object: ApiObject): unknown => ({
    ...object,
    metadata: {
      ...object.metadata,
      resourceVersion: "",
      managedFields: withoutTimes(object.metadata.managedFields),
    },
  });
  return equal(plain(next), plain(live));
}
