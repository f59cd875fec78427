/**
 * The parent's side of `unjoin`.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import {
  CLUSTER_NAME_LABEL,
  type ClusterRegistrationRequest,
  CREATED_BY_LABEL,
  type ManagedCluster,
  REQUEST_NAME_PREFIX,
} from "../../shared/kube/clusternet_types.ts";
import {
  CLUSTER_REGISTRATION_REQUESTS,
  MANAGED_CLUSTERS,
  NAMESPACES,
} from "../../shared/kube/resources.ts";
import type { KubeObject } from "../../shared/kube/types.ts";
import { CliError } from "../context.ts";
import { removeObject } from "./apply.ts";
import { poll } from "./poll.ts";

/** How both sides of `unjoin` are told what to do. */
export interface LeaveOptions {
  /** The cluster of that side. */
  client: KubeClient;
  /** Takes `TYPE/name deleted` lines. */
  out: (text: string) => void;
  /** Takes progress. */
  err: (text: string) => void;
  /** For each wait, in milliseconds. */
  timeoutMs: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Finds out which clusters a word means: by id, or by name, of ManagedClusters and of requests, since
 * a request outlives its ManagedCluster.
 *
 * @returns cluster ids, each once
 * @throws {StatusError} when they may not be listed, or the kinds are not known there
 */
export async function findClusterIds(
  client: Pick<KubeClient, "list">,
  word: string,
  signal: AbortSignal,
): Promise<string[]> {
  const [clusters, requests] = await Promise.all([
    client.list<ManagedCluster>(MANAGED_CLUSTERS, { signal }),
    client.list<ClusterRegistrationRequest>(CLUSTER_REGISTRATION_REQUESTS, { signal }),
  ]);
  const placed = new Map(requests.items.map((one) => [one.spec.clusterId, one]));
  const own = clusters.items.filter((one) => isPlaced(one, placed.get(one.spec.clusterId)));
  const named = [
    ...own.map(({ metadata, spec }) => ({
      id: spec.clusterId,
      names: [metadata.name, metadata.labels?.[CLUSTER_NAME_LABEL]],
    })),
    ...requests.items.map(({ spec, status }) => ({
      id: spec.clusterId,
      names: [spec.clusterName, status?.managedClusterName],
    })),
  ];
  const byId = named.filter(({ id }) => id === word);
  const found = byId.length > 0 ? byId : named.filter(({ names }) => names.includes(word));
  return [...new Set(found.map(({ id }) => id))];
}

/**
 * Whether a ManagedCluster is where the hub put it. Whoever may create one in some namespace can
 * write any cluster's id into it.
 *
 * @param request of that id, where there is one
 */
function isPlaced({ metadata }: ManagedCluster, request?: ClusterRegistrationRequest): boolean {
  const { dedicatedNamespace, managedClusterName } = request?.status ?? {};
  return dedicatedNamespace === undefined || managedClusterName === undefined ||
    (metadata.namespace === dedicatedNamespace && metadata.name === managedClusterName);
}

/**
 * Deletes the ManagedClusters of an id, none that stands elsewhere than its request says, and waits
 * until the hub has taken the agent's access away, which is when its finalizer is gone.
 *
 * @returns the dedicated namespaces they were in
 * @throws {CliError} when the hub does not
 */
export async function revoke(clusterId: string, options: LeaveOptions): Promise<string[]> {
  const { client, out, err, timeoutMs, now, signal } = options;
  const [{ items }, request] = await Promise.all([
    client.list<ManagedCluster>(MANAGED_CLUSTERS, { signal }),
    client.getOrUndefined<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      REQUEST_NAME_PREFIX + clusterId,
      { signal },
    ),
  ]);
  const clusters = items.filter((one) =>
    one.spec.clusterId === clusterId && isPlaced(one, request)
  );
  for (const { metadata } of clusters) {
    const { name, namespace } = metadata as { name: string; namespace: string };
    await client.delete(MANAGED_CLUSTERS, name, { namespace, signal });
    err(`Waits until the hub has taken the access of "${name}" away\n`);
    const gone = await poll(async () => {
      const found = await client.getOrUndefined(MANAGED_CLUSTERS, name, { namespace, signal });
      return found === undefined ? true : undefined;
    }, { timeoutMs, now, signal });
    if (!gone) {
      throw new CliError(
        `ManagedCluster ${namespace}/${name} is marked for deletion, but the hub has not taken its ` +
          `access away after ${timeoutMs / 1000} s: see that the hub runs, then do it again`,
      );
    }
    out(`managedcluster.clusters.clusternet.io/${name} deleted\n`);
  }
  return clusters.map(({ metadata }) => metadata.namespace!);
}

/** Deletes the request: from then on the cluster may register anew. */
export async function forget(clusterId: string, options: LeaveOptions): Promise<void> {
  await removeObject(CLUSTER_REGISTRATION_REQUESTS, REQUEST_NAME_PREFIX + clusterId, options);
}

/** Deletes dedicated namespaces with all that is in them; only those that a hub made. */
export async function deleteNamespaces(
  names: readonly string[],
  options: LeaveOptions,
): Promise<void> {
  const { client, err, signal } = options;
  for (const name of names) {
    const found = await client.getOrUndefined<KubeObject>(NAMESPACES, name, { signal });
    if (found === undefined) continue;
    if (found.metadata.labels?.[CREATED_BY_LABEL] === undefined) {
      err(`Namespace ${name} was not made by the hub and stays\n`);
      continue;
    }
    await removeObject(NAMESPACES, name, options);
  }
}
