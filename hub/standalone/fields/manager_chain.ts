/**
 * Steps that an update passes on its way into `metadata.managedFields`.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal`: `stripmeta.go`,
 * `managedfieldsupdater.go`, `capmanagers.go`
 *
 * @module
 */
import { FieldSet } from "./field_set.ts";
import {
  type Managed,
  type ManagedSet,
  managerId,
  managerOf,
  type Operation,
  seconds,
} from "./managed.ts";
import { type TypeContext, updateManaged } from "./updater.ts";
import { compareStrings } from "./values.ts";

/** Update managers of one object; the oldest beyond that are put together. */
const MAX_UPDATE_MANAGERS = 10;

/** Whom the oldest updates belong to. */
const ANCIENT = "ancient-changes";

/** Fields that nobody manages. */
const STRIPPED = FieldSet.of(
  ["f:apiVersion"],
  ["f:kind"],
  ["f:metadata"],
  ...[
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
  ].map((name) => ["f:metadata", `f:${name}`]),
);

/** A request's manager and clock. */
export interface Author {
  /** Empty: `unknown`. */
  readonly manager: string;
  /** Empty for the object itself. */
  readonly subresource: string;
  /** RFC 3339. */
  readonly time: string;
}

/** The identifier under which an author's fields stand. */
export function authorId(author: Author, operation: Operation, apiVersion: string): string {
  const manager = author.manager === "" ? "unknown" : author.manager;
  return managerId({ manager, operation, apiVersion, subresource: author.subresource });
}

/** Takes from a manager what nobody manages; who is left with nothing goes. */
export function stripped(managed: Managed, id: string): Map<string, ManagedSet> {
  const result = new Map(managed);
  const entry = result.get(id);
  if (entry === undefined) return result;
  const set = entry.set.difference(STRIPPED);
  if (set.empty) result.delete(id);
  else result.set(id, { ...entry, set });
  return result;
}

/**
 * Tracks an update: the author gets what changed beside what was the author's, with a new time when
 * that is anything.
 *
 * @throws {TypedError} when the objects cannot be compared
 */
export function trackedUpdate(
  type: TypeContext,
  live: unknown,
  next: unknown,
  managed: Managed,
  author: Author,
): Managed {
  const self = "current-operation";
  const result = stripped(updateManaged(type, live, next, managed, self), self);
  const mine = result.get(self);
  if (mine !== undefined) {
    result.delete(self);
    const id = authorId(author, "Update", type.apiVersion);
    const set = mine.set.union(result.get(id)?.set ?? new FieldSet());
    result.set(id, { ...mine, set, time: author.time });
  }
  return capped(result);
}

/** Puts the oldest updates together until there are few enough. */
function capped(managed: Map<string, ManagedSet>): Managed {
  const updaters = [...managed].filter(([, { applied }]) => !applied)
    .sort(([a, { time: s }], [b, { time: t }]) => seconds(s) - seconds(t) || compareStrings(a, b));
  let left = updaters.length;
  const firstOf = new Map<string, string>();
  for (const [id, entry] of updaters) {
    if (left <= MAX_UPDATE_MANAGERS) break;
    const { apiVersion } = entry;
    const first = firstOf.get(apiVersion);
    if (first === undefined) {
      firstOf.set(apiVersion, id);
      continue;
    }
    const bucket = managerId({
      manager: ANCIENT,
      operation: "Update",
      apiVersion,
      subresource: "",
    });
    const older = managed.get(bucket) ?? managed.get(first);
    if (!managed.has(bucket)) managed.delete(first);
    managed.delete(id);
    // The time of the younger one
    managed.set(bucket, {
      ...entry,
      set: older === undefined ? entry.set : entry.set.union(older.set),
    });
    left--;
  }
  return managed;
}

/** A manager as conflicts name it: `"kubectl" with subresource "status" using v1`. */
export function managerText(id: string): string {
  const { manager, operation, apiVersion, subresource } = managerOf(id);
  return JSON.stringify(manager) +
    (subresource === "" ? "" : ` with subresource ${JSON.stringify(subresource)}`) +
    (operation === "Update" ? ` using ${apiVersion ?? ""}` : "");
}
