/**
 * Strategic merge patch: a merge patch that knows which lists are merged and by what.
 *
 * Source: k8s.io/apimachinery `pkg/util/strategicpatch/patch.go`,
 * https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import { isObject, type JsonObject, member, setMember } from "../fields/values.ts";
import type { Schema } from "../schema/types.ts";
import { notAMap } from "./merge_patch.ts";
import { mergeList, normalizeOrder, validateOrder } from "./strategic_lists.ts";
import {
  argumentType,
  childOf,
  DELETE_FROM,
  DIRECTIVE,
  itemsOf,
  mergeKeyOf,
  RETAIN_KEYS,
  SET_ORDER,
  strategyOf,
  unknownDirective,
} from "./strategic_words.ts";

/**
 * Applies a strategic merge patch.
 *
 * @param target not changed
 * @param patch the request's body, parsed; null changes nothing
 * @throws {StatusError} 400, 422 or 500, as upstream, for a patch that makes no sense
 */
export function applyStrategicPatch(
  schema: Schema,
  target: JsonObject,
  patch: unknown,
): JsonObject {
  if (patch === null || patch === undefined) return target;
  if (!isObject(patch)) throw badRequest(notAMap(patch));
  return mergeMap(schema, target, patch);
}

/** Merges one object into another; changes neither. */
export function mergeMap(
  schema: Schema | undefined,
  target: JsonObject,
  patch: JsonObject,
): JsonObject {
  const directive = member(patch, DIRECTIVE);
  if (directive !== undefined) {
    if (directive === "delete") return {};
    if (directive !== "replace") throw unknownDirective(directive, patch);
    const { [DIRECTIVE]: _, ...whole } = patch;
    return whole;
  }
  const out: JsonObject = {};
  for (const name of retained(target, patch)) setMember(out, name, target[name]);
  const ordered = new Set([RETAIN_KEYS]);
  for (const [name, order] of Object.entries(patch)) {
    if (!name.startsWith(SET_ORDER)) continue;
    ordered.add(name);
    const list = listName(name, SET_ORDER, "invalid patch format of setElementOrder list");
    if (mergeOrdered(schema, out, patch, list, order)) ordered.add(list);
  }
  for (const [name, change] of Object.entries(patch)) {
    if (!ordered.has(name)) mergeField(schema, out, name, change);
  }
  return out;
}

function listName(name: string, prefix: string, refusal: string): string {
  if (name[prefix.length] !== "/") throw badRequest(refusal);
  return name.slice(prefix.length + 1);
}

/** Names of the fields that stay: all, or those of `$retainKeys`. */
function retained(target: JsonObject, patch: JsonObject): string[] {
  const keep = member(patch, RETAIN_KEYS);
  if (keep === undefined) return Object.keys(target);
  if (!Array.isArray(keep)) throw badRequest("invalid patch format of retainKeys");
  const names = new Set<unknown>(keep);
  for (const [name, change] of Object.entries(patch)) {
    const special = change === null || name === RETAIN_KEYS ||
      name.startsWith(DELETE_FROM) || name.startsWith(SET_ORDER);
    if (!special && !names.has(name)) throw badRequest("invalid patch format of retainKeys");
  }
  return Object.keys(target).filter((name) => names.has(name));
}

/**
 * Merges a list whose order the patch gives, too.
 *
 * @returns whether the list of the patch is done with
 */
function mergeOrdered(
  schema: Schema | undefined,
  out: JsonObject,
  patch: JsonObject,
  name: string,
  order: unknown,
): boolean {
  if (!Array.isArray(order)) throw argumentType("[]interface {}", order);
  const own = member(out, name), change = member(patch, name);
  if (own !== undefined && !Array.isArray(own)) throw argumentType("[]interface {}", own);
  if (change !== undefined && !Array.isArray(change)) throw argumentType("[]interface {}", change);
  const type = childOf(schema, name);
  const key = mergeKeyOf(type);
  validateOrder(change ?? [], order, key);
  if (own === undefined && change === undefined) return false;
  const merged = own === undefined
    ? withoutDirectives(change) as unknown[]
    : change === undefined
    ? own as unknown[]
    : mergeSlice(type, own, change, false);
  setMember(out, name, normalizeOrder(merged, order, own ?? [], key));
  return true;
}

function mergeField(
  schema: Schema | undefined,
  out: JsonObject,
  given: string,
  change: unknown,
): void {
  const isDeletion = given.startsWith(DELETE_FROM);
  const name = isDeletion
    ? listName(given, DELETE_FROM, "invalid patch format of primitive list")
    : given;
  if (change === null) {
    delete out[name];
    return;
  }
  const own = member(out, name);
  const alike = isObject(own) && isObject(change) || Array.isArray(own) && Array.isArray(change);
  if (!alike) {
    // Nothing there to merge with
    if (isDeletion) return;
    const value = withoutDirectives(withoutNulls(change));
    if (value === undefined) delete out[name];
    else setMember(out, name, value);
    return;
  }
  const type = childOf(schema, name);
  setMember(
    out,
    name,
    Array.isArray(own)
      ? mergeSlice(type, own, change as unknown[], isDeletion)
      : strategyOf(type) === "replace"
      ? change
      : mergeMap(type, own as JsonObject, change as JsonObject),
  );
}

function mergeSlice(
  type: Schema | undefined,
  own: readonly unknown[],
  change: readonly unknown[],
  isDeletion: boolean,
): readonly unknown[] {
  if (!isDeletion && strategyOf(type) !== "merge") return change;
  const items = itemsOf(type);
  return mergeList({
    own,
    change,
    key: mergeKeyOf(type),
    isDeletion,
    mergeItems: (item, patch) => mergeMap(items, item, patch),
  });
}

/** A value of a patch without the fields that are null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    if (child !== null) setMember(out, name, withoutNulls(child));
  }
  return out;
}

/** A value of a patch without objects that only say what is to be done; `undefined`: it is one. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(withoutDirectives).filter((item) => item !== undefined);
  }
  if (!isObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const out: JsonObject = {};
  for (const [name, child] of Object.entries(value)) {
    const kept = withoutDirectives(child);
    if (kept !== undefined) setMember(out, name, kept);
  }
  return out;
}
