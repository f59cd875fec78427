/**
 * Events in the child, for those who look there with `kubectl describe`.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { SELF_CLUSTER_LEASE } from "../shared/kube/clusternet_types.ts";
import { recordEvent } from "../shared/kube/events.ts";
import { type Log, silentLog } from "../shared/log.ts";

/** Options of {@linkcode childEvents}. */
export interface ChildEventsOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** UID of the lease that the events speak of. */
  clusterId: string;
  /** @default {silentLog} */
  log?: Log;
}

/** Writes an Event; returns at once, and never throws. */
export type WriteEvent = (type: "Normal" | "Warning", reason: string, message: string) => void;

/**
 * Makes a writer of Events about this cluster's Lease. An Event that cannot be written is only
 * worth a debug line: what it says stands in the log as well.
 *
 * @returns the writer
 */
export function childEvents(
  { client, namespace, clusterId, log = silentLog }: ChildEventsOptions,
): WriteEvent {
  return (type, reason, message) => {
    recordEvent(client, {
      involved: {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        namespace,
        name: SELF_CLUSTER_LEASE,
        uid: clusterId,
      },
      type,
      reason,
      message,
      component: "clusternet-agent",
      namespace,
    }).catch((error) => log.debug("Cannot write an Event in the child", { reason, error }));
  };
}
