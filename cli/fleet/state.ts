/**
 * What the parent knows of a cluster: conditions, the last sign of life, the way to it.
 *
 * @module
 */
import type { KubeClient, ListOptions, ListResult } from "../../shared/kube/client.ts";
import { AGENT_FIELD_MANAGER, type ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../shared/kube/conditions.ts";
import type { ResourceRef } from "../../shared/kube/resources.ts";
import type { WatchEvent } from "../../shared/kube/types.ts";
import type { WatchOptions } from "../../shared/kube/watch.ts";
import { SOCKETS_PREFIX } from "../../shared/sockets_path.ts";

interface ManagedFieldsEntry {
  manager?: string;
  subresource?: string;
  time?: string;
}

/** By cluster: when its last report was written. An informer takes managedFields away. */
const reports = new WeakMap<ManagedCluster, number>();

/** When the agent's last report was written, by the parent's clock. */
function reportWritten(cluster: ManagedCluster): number | undefined {
  const { managedFields } = cluster.metadata as { managedFields?: ManagedFieldsEntry[] };
  const entry = managedFields?.find(({ manager, subresource }) =>
    manager === AGENT_FIELD_MANAGER && subresource === "status"
  );
  return millis(entry?.time) ?? reports.get(cluster);
}

function millis(time: string | undefined): number | undefined {
  const at = Date.parse(time ?? "");
  return Number.isNaN(at) ? undefined : at;
}

/**
 * A client for an informer that forgets nothing which {@linkcode lastHeard} needs.
 *
 * @returns lists and watches as `client` does
 */
export function remembering(
  client: Pick<KubeClient, "list" | "watch">,
): Pick<KubeClient, "list" | "watch"> {
  const note = (object: unknown): void => {
    const at = reportWritten(object as ManagedCluster);
    if (at !== undefined) reports.set(object as ManagedCluster, at);
  };
  const list = async <T>(resource: ResourceRef, options?: ListOptions): Promise<ListResult<T>> => {
    const result = await client.list<T>(resource, options);
    result.items.forEach(note);
    return result;
  };
  async function* watch<T>(
    resource: ResourceRef,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>, void> {
    for await (const event of client.watch<T>(resource, options)) {
      if (event.type !== "BOOKMARK") note(event.object);
      yield event;
    }
  }
  return { list, watch };
}

/**
 * The last sign of life that the parent has written down: a report, or the coming or going of the
 * tunnel. The report's time is the parent's, since a child's clock may be wrong.
 *
 * @returns milliseconds since the epoch; `undefined` for a cluster that was never heard of
 */
export function lastHeard(cluster: ManagedCluster): number | undefined {
  const report = reportWritten(cluster) ?? millis(cluster.status?.lastObservedTime);
  const connected = findCondition(cluster.status?.conditions, "Connected");
  const tunnel = connected === undefined || connected.reason === "AgentNeverConnected"
    ? undefined
    : millis(connected.lastTransitionTime);
  if (report === undefined || tunnel === undefined) return report ?? tunnel;
  return Math.max(report, tunnel);
}

/**
 * How far the child's clock is from the parent's, seen in its last report.
 *
 * @returns milliseconds, positive where the child's is ahead; `undefined` when nothing tells
 */
export function clockSkew(cluster: ManagedCluster): number | undefined {
  const [written, observed] = [
    reportWritten(cluster),
    millis(cluster.status?.lastObservedTime),
  ];
  return written === undefined || observed === undefined ? undefined : observed - written;
}

/** @returns the status of a condition; `Unknown` while there is none */
export function conditionStatus(cluster: ManagedCluster, type: string): string {
  return findCondition(cluster.status?.conditions, type)?.status ?? "Unknown";
}

/** @returns whether the agent's tunnel is up, as the parent has it */
export function isConnected(cluster: ManagedCluster): boolean {
  return conditionStatus(cluster, "Connected") === "True";
}

/**
 * The path of a child's own API below its parent's.
 *
 * @returns starts with `/`, without a slash at its end
 */
export function directPath(clusterId: string): string {
  return `${SOCKETS_PREFIX}${clusterId}/proxy/direct`;
}

/**
 * The server URL that makes any client of Kubernetes work on the child.
 *
 * @param parentServer the parent's server URL
 * @returns the URL for a kubeconfig
 */
export function childServer(parentServer: string, clusterId: string): string {
  return parentServer.replace(/\/+$/, "") + directPath(clusterId);
}

/**
 * The id in a server URL that {@linkcode childServer} made.
 *
 * @returns `undefined` for any other URL
 */
export function childIdOf(server: string | undefined): string | undefined {
  const at = server?.indexOf(SOCKETS_PREFIX) ?? -1;
  if (at < 0) return undefined;
  return /^([0-9a-f-]{36})\/proxy\/direct$/.exec(server!.slice(at + SOCKETS_PREFIX.length))?.[1];
}
