/**
 * Events live one hour after their last write, as kube-apiserver's `--event-ttl` has it.
 *
 * @module
 */
import type { Stored } from "../store/types.ts";
import {
  byKey,
  type ControllerContext,
  forEachBounded,
  keyOf,
  parse,
  runController,
  type RunningController,
} from "./context.ts";

const RESOURCE = "events";
const TTL_MS = 60 * 60 * 1_000;
/** How often it looks, in milliseconds: an event may live so much longer. */
const SWEEP_MS = 30_000;

/** When an event that an earlier process wrote was written last, as far as it says so itself. */
function lastWrite(stored: Stored): number {
  const event = parse(stored);
  const series = (event.series ?? {}) as Record<string, unknown>;
  const { managedFields, creationTimestamp } = event.metadata;
  const entries: { time?: unknown }[] = Array.isArray(managedFields) ? managedFields : [];
  const times = [
    creationTimestamp,
    event.lastTimestamp,
    event.eventTime,
    series.lastObservedTime,
    ...entries.map(({ time }) => time),
  ].map((time) => typeof time === "string" ? Date.parse(time) : NaN);
  return Math.max(0, ...times.filter(Number.isFinite));
}

/**
 * Starts the deletion of old events.
 *
 * @param sweepMs how often it looks, in milliseconds
 * @returns the controller
 */
export function startEventExpiry(
  context: ControllerContext,
  sweepMs: number = SWEEP_MS,
): RunningController {
  const { store, writer, now } = context;
  /** By key, the oldest write first. */
  const writes = new Map<string, { version: number; at: number }>(
    store.list(RESOURCE).objects
      .map((stored) => [keyOf(stored), { version: stored.version, at: lastWrite(stored) }] as const)
      // A clock that was wrong must not keep an event for ever
      .map(([key, { version, at }]) => [key, { version, at: Math.min(at, now()) }] as const)
      .sort(([, a], [, b]) => a.at - b.at),
  );

  function takeOld(): Stored[] {
    const old: Stored[] = [];
    for (const [key, { version, at }] of writes) {
      if (at + TTL_MS > now()) break;
      const stored = byKey(store, key);
      if (stored?.version === version && !stored.deleting) old.push(stored);
      else writes.delete(key);
    }
    return old;
  }

  return runController(context, {
    name: "event-expiry",
    reconcile: async (_key, { signal }) => {
      await forEachBounded(takeOld(), signal, (stored) => writer.delete(stored));
      return { requeueAfterMs: sweepMs };
    },
    onChange: ({ type, object }) => {
      if (object.resource !== RESOURCE) return;
      const key = keyOf(object);
      writes.delete(key); // To the end of the order
      if (type !== "DELETED") writes.set(key, { version: object.version, at: now() });
    },
    initial: ["sweep"],
  });
}
