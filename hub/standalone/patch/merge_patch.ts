/**
 * JSON merge patch (RFC 7386).
 *
 * Source: gopkg.in/evanphx/json-patch.v4 `merge.go`
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import { isObject, type JsonObject, member, setMember } from "../fields/values.ts";

/**
 * Applies a merge patch.
 *
 * @param target not changed; the result shares with it what the patch does not touch
 * @param patch the request's body, parsed
 * @throws {StatusError} 400 when the patch is no object
 */
export function applyMergePatch(target: JsonObject, patch: unknown): JsonObject {
  if (patch === null || patch === undefined) throw badRequest("Invalid JSON Patch");
  if (!isObject(patch)) {
    throw badRequest(`error decoding patch: ${notAMap(patch)}`);
  }
  return mergeObjects(target, patch);
}

function mergeObjects(target: JsonObject, patch: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const [name, value] of Object.entries(target)) {
    const change = member(patch, name);
    if (change === undefined) setMember(out, name, value);
    else if (change !== null) setMember(out, name, mergeValues(value, change));
  }
  for (const [name, change] of Object.entries(patch)) {
    if (change !== null && !Object.hasOwn(target, name)) {
      setMember(out, name, mergeValues(undefined, change));
    }
  }
  return out;
}

function mergeValues(target: unknown, change: unknown): unknown {
  if (isObject(change)) return mergeObjects(isObject(target) ? target : {}, change);
  // Laxer than the RFC: fields of a list's items that are null go, unless an object stood there
  return Array.isArray(change) && !isObject(target) ? change.map(withoutNulls) : change;
}

function withoutNulls(item: unknown): unknown {
  return typeof item === "object" && item !== null ? mergeValues(undefined, item) : item;
}

/** Go's words for something that is not an object. */
export function notAMap(value: unknown): string {
  const type = Array.isArray(value) ? "array" : typeof value === "boolean" ? "bool" : typeof value;
  return `json: cannot unmarshal ${type} into Go value of type map[string]interface {}`;
}
