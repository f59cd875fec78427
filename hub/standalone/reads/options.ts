/**
 * What a read is told.
 *
 * @module
 */
import type { ResourceRequest } from "../api/request_info.ts";
import { type ApiKind, resourceKey } from "../kinds/kind.ts";
import type { Store } from "../store/types.ts";

/** Options of `serveRead`. */
export interface ReadOptions {
  /** Its headers say what the caller takes; its signal ends a watch. */
  readonly request: Request;
  /** Of the request. */
  readonly url: URL;
  /** What it is about. */
  readonly info: ResourceRequest;
  /** What is read. */
  readonly kind: ApiKind;
  /** Where it is kept. */
  readonly store: Store;
  /** Clock, in milliseconds: ages in tables. */
  readonly now: () => number;
  /** From 0 to 1: spreads the ends of watches. @default {() => 0.5} */
  readonly random?: () => number;
}

/** Where the objects of a request lie. */
export interface Place {
  /** Key of the resource in the store. */
  readonly resource: string;
  /** Absent: all namespaces, or the kind has none. */
  readonly namespace?: string;
}

/** The place that a request for a collection speaks of. */
export function placeOf({ kind, info }: Pick<ReadOptions, "kind" | "info">): Place {
  const resource = resourceKey(kind);
  // The path of a Namespace object names a namespace too
  return kind.namespaced && info.namespace !== ""
    ? { resource, namespace: info.namespace }
    : { resource };
}
