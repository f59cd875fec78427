/**
 * Lines of a watch.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import type { Status } from "../../../shared/kube/status.ts";
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import type { ApiObject, Change, Stored } from "../store/types.ts";
import type { Representation } from "./accept.ts";
import type { Selectors } from "./selectors.ts";
import { partialObject, tableOf, type TableStyle } from "./table.ts";

/** `watch.EventType` of changes. */
export type EventType = Change["type"];

/** What a watcher is told of a change. */
export interface WatchEvent {
  /** What happened, as this watcher sees it. */
  readonly type: EventType;
  /** What it happened to. */
  readonly object: Stored;
  /** The version of the event where it is not the object's: one that does not match any more. */
  readonly version?: number;
}

/** Writes events for one watcher; the bytes of a line may be shared and must not be changed. */
export interface EventEncoder {
  /** The line of an event. */
  event(event: WatchEvent): Uint8Array;
  /**
   * A line without a change.
   *
   * @param initialEnd whether it says that all objects were sent (KEP-3157)
   */
  bookmark(version: number, initialEnd: boolean): Uint8Array;
}

const encoder = new TextEncoder();

/** How much text of lines that all watchers share is kept, for each type of event. */
const SHARED_BYTES = 2 * 1024 * 1024;

function lines(): LRUCache<Stored, Uint8Array> {
  return new LRUCache({ maxSize: SHARED_BYTES, sizeCalculation: ({ length }) => length + 64 });
}

const shared: Readonly<Record<EventType, LRUCache<Stored, Uint8Array>>> = {
  ADDED: lines(),
  MODIFIED: lines(),
  DELETED: lines(),
};

function line(type: string, json: string): Uint8Array {
  return encoder.encode(`{"type":"${type}","object":${json}}\n`);
}

function sharedLine(type: EventType, stored: Stored): Uint8Array {
  let known = shared[type].get(stored);
  if (known === undefined) shared[type].set(stored, known = line(type, stored.json));
  return known;
}

/** A line that tells of a failure and ends the watch. */
export function errorLine(status: Status): Uint8Array {
  return line("ERROR", JSON.stringify(status));
}

function parsed({ object, version }: WatchEvent): ApiObject {
  const value = JSON.parse(object.json) as ApiObject;
  if (version !== undefined) value.metadata.resourceVersion = String(version);
  return value;
}

function bookmarkObject(kind: ApiKind, version: number, initialEnd: boolean): ApiObject {
  const annotations = initialEnd ? { annotations: { "k8s.io/initial-events-end": "true" } } : {};
  return {
    kind: kind.kind,
    apiVersion: apiVersionOf(kind),
    metadata: { resourceVersion: String(version), ...annotations },
  };
}

/**
 * Makes an encoder for a watcher.
 *
 * @param style for tables; the first event alone has the columns
 */
export function eventEncoder(
  kind: ApiKind,
  form: Representation,
  style: TableStyle | undefined,
): EventEncoder {
  let columns = true;
  const shape = (object: ApiObject): unknown => {
    if (style !== undefined) {
      const table = tableOf(object, style, columns);
      columns = false;
      return table;
    }
    return form.as === "Object" ? object : partialObject(object, form.version);
  };
  return {
    event: (event) =>
      form.as === "Object" && event.version === undefined
        ? sharedLine(event.type, event.object)
        : line(event.type, JSON.stringify(shape(parsed(event)))),
    bookmark: (version, initialEnd) =>
      line("BOOKMARK", JSON.stringify(shape(bookmarkObject(kind, version, initialEnd)))),
  };
}

/**
 * What a watcher with selectors is told of a change: an object that begins or ceases to match is
 * added or deleted to it.
 *
 * Source: k8s.io/apiserver `pkg/storage/cacher/cache_watcher.go`
 *
 * @returns `undefined`: nothing
 */
export function eventOf(change: Change, selectors: Selectors): WatchEvent | undefined {
  const { type, object, previous } = change;
  if (selectors.empty) return { type, object };
  const before = type === "ADDED" ? undefined : previous ?? object;
  const did = before !== undefined && selectors.matches(before);
  const does = type !== "DELETED" && selectors.matches(object);
  if (does) return { type: did ? "MODIFIED" : "ADDED", object };
  if (!did) return undefined;
  if (type === "DELETED") return { type, object };
  return { type: "DELETED", object: before, version: object.version };
}
