/**
 * Events in the child, for those who look there with `kubectl describe`.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { SELF_CLUSTER_LEASE } from "../shared/kube/clusternet_types.ts";
import { recordEvent } from "../shared/kube/events.ts";
import type { ObjectReference } from "../shared/kube/types.ts";

/** Options of {@linkcode childEvents}. */
export interface ChildEventsOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** UID of the Lease that the Events speak of. */
  clusterId: string;
}

/**
 * Writes an Event about any object of the agent's namespace, best effort; returns at once, and never
 * throws.
 */
export function writeEvent(
  client: KubeClient,
  involved: ObjectReference,
  ...[type, reason, message]: Parameters<WriteEvent>
): void {
  void recordEvent(client, { involved, type, reason, message, component: "clusternet-agent" });
}

/** Writes an Event, best effort; returns at once, and never throws. */
export type WriteEvent = (type: "Normal" | "Warning", reason: string, message: string) => void;

/**
 * Makes a writer of Events about this cluster's Lease.
 *
 * @returns the writer
 */
export function childEvents({ client, namespace, clusterId }: ChildEventsOptions): WriteEvent {
  const involved = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    namespace,
    name: SELF_CLUSTER_LEASE,
    uid: clusterId,
  };
  return (type, reason, message) => writeEvent(client, involved, type, reason, message);
}
