/**
 * Events for the users of the parent: sent beside the work, never in its way.
 *
 * @module
 */
import { HUB_FIELD_MANAGER } from "../../shared/kube/clusternet_types.ts";
import type { EventRecorder } from "../../shared/kube/events.ts";
import type { EventSink, EventSubject } from "../registration/events.ts";

/** An {@linkcode EventSink} that can be waited for. */
export interface Recorder extends EventSink {
  /** Resolves when what was recorded so far is written or dropped. */
  idle(): Promise<void>;
}

/**
 * Events under way at a time; more are left out, as the recorder's own rate does. Warnings find
 * room above the rest.
 */
const MAX_PENDING = { Normal: 64, Warning: 128 } as const;

/**
 * Turns a recorder of Events into a sink that nobody has to wait for.
 *
 * @returns the sink
 */
export function createRecorder(recorder: Pick<EventRecorder, "record">): Recorder {
  const pending = new Set<Promise<void>>();
  return {
    record(
      object: EventSubject,
      type: "Normal" | "Warning",
      reason: string,
      message: string,
    ): void {
      if (pending.size >= MAX_PENDING[type]) return;
      const { apiVersion, kind, metadata } = object;
      const { name, namespace, uid, resourceVersion } = metadata;
      const sent = recorder.record({
        involved: {
          apiVersion,
          kind,
          name: name!,
          ...(uid === undefined ? {} : { uid }),
          ...(namespace === undefined ? {} : { namespace }),
          ...(resourceVersion === undefined ? {} : { resourceVersion }),
        },
        type,
        reason,
        message,
        component: HUB_FIELD_MANAGER,
      }).finally(() => pending.delete(sent));
      pending.add(sent);
    },
    async idle(): Promise<void> {
      while (pending.size > 0) await Promise.all(pending);
    },
  };
}
