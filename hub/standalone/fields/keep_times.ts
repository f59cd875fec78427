/**
 * A write that changes nothing keeps its times, so that it is no write at all.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/fieldmanager/equality.go`
 *
 * @module
 */
import type { ApiObject } from "../store/types.ts";
import { isObject, type JsonObject, sameValue } from "./values.ts";

/** Filled in by the server, whatever a request says. */
const SERVER_SET = [
  "creationTimestamp",
  "generation",
  "managedFields",
  "resourceVersion",
  "selfLink",
  "uid",
];

/**
 * Puts the times of `live` back into `next.metadata.managedFields` when nothing else differs. Call
 * it last before an update is written, once defaults are set and what may not change is put back.
 */
export function keepTimes({ live, next }: { live: ApiObject; next: ApiObject }): void {
  const before = live.metadata["managedFields"], after = next.metadata["managedFields"];
  if (!Array.isArray(before) || !Array.isArray(after) || before.length !== after.length) return;
  const same = after.every((entry: unknown, i) => sameValue(timeless(entry), timeless(before[i])));
  if (same && sameValue(comparable(live), comparable(next))) {
    next.metadata["managedFields"] = before;
  }
}

function timeless(entry: unknown): unknown {
  if (!isObject(entry)) return entry;
  const { time: _, ...rest } = entry;
  return rest;
}

function comparable(object: ApiObject): JsonObject {
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(([name]) => !SERVER_SET.includes(name)),
  );
  return { ...object, metadata };
}
