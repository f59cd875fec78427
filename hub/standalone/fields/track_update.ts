/**
 * Keeps `metadata.managedFields` of objects that are created, updated and patched.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal/fieldmanager.go`,
 * `skipnonapplied.go`
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { decodeManaged, encodeManaged, type Managed, timeOf } from "./managed.ts";
import { trackedUpdate } from "./manager_chain.ts";
import { emptyObject, typeContext, typedView } from "./type_context.ts";
import { TypedError } from "./typed.ts";
import { isDeeperThan, isObject, MAX_DEPTH } from "./values.ts";

/** What {@linkcode trackUpdate} is told. */
export interface TrackUpdateOptions {
  /** Of the object. */
  kind: ApiKind;
  /** Of the object. */
  schema: Schema;
  /** As it stands in the store; `undefined` for a create. */
  live: ApiObject | undefined;
  /** As the request wants it, before the strategy puts anything back. */
  next: ApiObject;
  /** `fieldManager` of the request, or the part of its User-Agent before the slash. */
  manager: string;
  /** Empty for the object itself. */
  subresource: string;
  /** Ms since 1970. */
  now: () => number;
}

/**
 * Sets `next.metadata.managedFields`: what the request changed belongs to its manager from now on
 * and to nobody else. A request may bring its own `managedFields`; an empty list (not for custom
 * kinds), or one with an empty entry, ends the tracking of an object; what cannot be read does not count. Changes nothing
 * else in `next`.
 */
export function trackUpdate(o: TrackUpdateOptions): void {
  const managed = managedBefore(o);
  const { metadata } = o.next;
  delete metadata["managedFields"];
  // An object whose tracking was ended stays untracked until somebody applies it
  if (managed.size === 0 && o.live !== undefined) return;
  const entries = encodeManaged(tracked(o, managed));
  if (entries !== undefined) metadata["managedFields"] = entries;
}

function tracked(
  { kind, schema, live, next, manager, subresource, now }: TrackUpdateOptions,
  managed: Managed,
): Managed {
  // By now without its managed fields, whose depth is checked as they are read
  if (isDeeperThan(next, MAX_DEPTH)) return new Map();
  try {
    return trackedUpdate(
      typeContext(kind, schema, subresource),
      typedView(kind, schema, live ?? emptyObject(kind)),
      typedView(kind, schema, next),
      managed,
      { manager, subresource, time: timeOf(now()) },
    );
  } catch (error) {
    // An object that cannot be compared is written all the same, and tracked no more
    if (error instanceof TypedError) return new Map();
    throw error;
  }
}

function managedBefore({ kind, live, next, subresource }: TrackUpdateOptions): Managed {
  const given = next.metadata["managedFields"];
  if (subresource === "") {
    if (isReset(kind, given)) return new Map();
    const own = readable(given);
    if (own.size > 0) return own;
  }
  return readable(live?.metadata["managedFields"]);
}

function readable(entries: unknown): Managed {
  try {
    return decodeManaged(entries);
  } catch {
    return new Map();
  }
}

function isReset({ custom }: ApiKind, given: unknown): boolean {
  if (!Array.isArray(given)) return false;
  // Metadata of custom kinds pass through Go, which loses an empty list
  return (given.length === 0 && !custom) ||
    (given.length === 1 && isObject(given[0]) && Object.keys(given[0]).length === 0);
}
