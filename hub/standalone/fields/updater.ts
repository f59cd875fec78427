/**
 * Who owns what after an update or an apply.
 *
 * Source: sigs.k8s.io/structured-merge-diff `merge/update.go`
 *
 * @module
 */
import type { Atom } from "./atom.ts";
import { compare, type Comparison, withoutFields } from "./compare.ts";
import { FieldSet } from "./field_set.ts";
import type { Managed, ManagedSet } from "./managed.ts";
import { merge } from "./merge.ts";
import { compareStrings, sameValue } from "./values.ts";
import type { Path } from "./path_element.ts";
import { removeFields } from "./remove.ts";
import { reconciled, setOf, withNamedFields } from "./set_of.ts";

/** What objects are of, and what this way in may not change. */
export interface TypeContext {
  /** What its objects are. */
  readonly atom: Atom;
  /** Of its objects. */
  readonly apiVersion: string;
  /** Fields that the strategy puts back: they never come to belong to anybody. */
  readonly resetFields: FieldSet;
}

/** A field that belongs to somebody else. */
export interface Conflict {
  /** Identifier of the manager. */
  readonly manager: string;
  /** The field. */
  readonly path: Path;
}

/** Thrown by {@linkcode applyConfig} without force; no Status yet. */
export class ConflictError extends Error {
  /** Tells it from other errors. */
  override readonly name = "ConflictError";

  /**
   * Made of all conflicts.
   *
   * @param conflicts sorted by manager, then path
   */
  constructor(readonly conflicts: readonly Conflict[]) {
    super("Cannot apply: fields belong to other managers");
  }
}

/**
 * Takes what changed from everybody else and gives it to `self`.
 *
 * @throws {TypedError} when the objects cannot be compared
 */
export function updateManaged(
  type: TypeContext,
  live: unknown,
  next: unknown,
  managed: Managed,
  self: string,
): Managed {
  const known = atThisVersion(type, managed);
  const change = withoutFields(compare(type.atom, live, next), type.resetFields);
  const result = withoutChanged(known, change, self);
  const mine = (known.get(self)?.set ?? new FieldSet())
    .difference(change.removed).union(change.modified).union(change.added)
    .recursiveDifference(type.resetFields);
  if (mine.empty) result.delete(self);
  else result.set(self, { set: mine, apiVersion: type.apiVersion, applied: false });
  return result;
}

/**
 * Merges a configuration into the live object, and removes what the same manager applied before,
 * applies no more, and nobody else owns.
 *
 * @returns the merged object, or `undefined` for it when it is as before
 * @throws {ConflictError} without `force`, when a field with another value belongs to somebody else
 * @throws {TypedError} when the objects cannot be merged
 */
export function applyConfig(
  type: TypeContext,
  live: unknown,
  config: unknown,
  managed: Managed,
  self: string,
  force: boolean,
): { object: unknown; managed: Managed } {
  const known = atThisVersion(type, managed);
  const merged = merge(type.atom, live, config);
  const last = known.get(self)?.set;
  known.set(self, {
    set: setOf(type.atom, config).recursiveDifference(type.resetFields),
    apiVersion: type.apiVersion,
    applied: true,
  });
  const object = prune(type.atom, merged, known, self, last);
  const change = withoutFields(compare(type.atom, live, object), type.resetFields);
  const conflicts = force ? [] : conflictsWith(known, change, self);
  if (conflicts.length > 0) throw new ConflictError(conflicts);
  return {
    object: sameValue(live, object) ? undefined : object,
    managed: withoutChanged(known, change, self),
  };
}

/** Sets of other versions cannot be compared: no kind here has a second version. */
function atThisVersion(type: TypeContext, managed: Managed): Map<string, ManagedSet> {
  const result = new Map<string, ManagedSet>();
  for (const [id, entry] of managed) {
    if (entry.apiVersion !== type.apiVersion) continue;
    result.set(id, { ...entry, set: reconciled(entry.set, type.atom) });
  }
  return result;
}

function conflictsWith(managed: Managed, change: Comparison, self: string): Conflict[] {
  const taken = change.modified.union(change.added);
  const conflicts: Conflict[] = [];
  for (const id of [...managed.keys()].sort(compareStrings)) {
    const set = managed.get(id)?.set;
    if (id === self || set === undefined) continue;
    for (const path of set.intersection(taken).paths()) conflicts.push({ manager: id, path });
  }
  return conflicts;
}

/** Takes from everybody but `self` what got another value or went. */
function withoutChanged(
  managed: Managed,
  change: Comparison,
  self: string,
): Map<string, ManagedSet> {
  const taken = change.modified.union(change.added).union(change.removed);
  const result = new Map<string, ManagedSet>();
  for (const [id, entry] of managed) {
    const set = id === self ? entry.set : entry.set.difference(taken);
    if (!set.empty) result.set(id, { ...entry, set });
  }
  return result;
}

function prune(
  atom: Atom,
  merged: unknown,
  managed: Managed,
  id: string,
  last: FieldSet | undefined,
): unknown {
  if (last === undefined || last.empty) return merged;
  const self = managed.get(id)?.set;
  // Nothing was given up, so nothing goes
  if (self !== undefined && last.difference(self).empty) return merged;
  const named = (set: FieldSet): FieldSet => withNamedFields(set, atom);
  const all = named(setOf(atom, merged));
  let owned = new FieldSet();
  for (const { set } of managed.values()) owned = owned.union(set);
  const bare = removeFields(atom, merged, named(last));
  // What somebody owns comes back, and what stands above or below it
  const kept = removeFields(
    atom,
    merged,
    all.difference(named(setOf(atom, bare)).union(named(owned))),
  );
  // What nobody ever applied stays, although nobody owns it
  return removeFields(
    atom,
    merged,
    all.difference(named(setOf(atom, kept))).intersection(named(last)),
  );
}
