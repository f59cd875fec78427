/**
 * The clusters of a fleet: listing them, and finding the one that a user means.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterRegistrationRequest, ManagedCluster } from "../../shared/kube/mod.ts";
import { CLUSTER_REGISTRATION_REQUESTS, MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { type CliContext, CliError } from "../context.ts";

/** Which clusters. */
export interface ClusterQuery {
  /** Label selector. */
  selector?: string | undefined;
  /** This dedicated namespace alone. */
  namespace?: string | undefined;
}

/**
 * Lists the registered clusters.
 *
 * @returns sorted by name, then by namespace
 * @throws {CliError} when the parent has no hub, or the user may not list them
 */
export async function listClusters(
  context: Pick<CliContext, "program" | "signal">,
  client: Pick<KubeClient, "list">,
  { selector, namespace }: ClusterQuery = {},
): Promise<ManagedCluster[]> {
  try {
    const { items } = await client.list<ManagedCluster>(MANAGED_CLUSTERS, {
      labelSelector: selector,
      namespace,
      signal: context.signal,
    });
    return items.sort(byName);
  } catch (error) {
    throw listFault(context, error, namespace);
  }
}

/** Sorts by name, then by namespace. */
export function byName(a: ManagedCluster, b: ManagedCluster): number {
  const order = (x = "", y = ""): number => x < y ? -1 : x > y ? 1 : 0;
  return order(a.metadata.name, b.metadata.name) ||
    order(a.metadata.namespace, b.metadata.namespace);
}

/**
 * Explains why the clusters could not be listed.
 *
 * @returns the error to throw
 */
export function listFault(
  context: Pick<CliContext, "program">,
  error: unknown,
  namespace?: string,
): unknown {
  if (isStatus(error, 404)) {
    return new CliError(
      "This cluster has no hub: it does not know the kind ManagedCluster. Next: " +
        `\`${context.program} init\` installs one, and --context or --kubeconfig chooses ` +
        "another parent",
      1,
      { cause: error },
    );
  }
  if (isStatus(error, 403)) {
    const where = namespace === undefined ? "; with a right in one namespace alone, add -n" : "";
    return new CliError(
      `${error.message}. Next: have an administrator of the parent grant you the verbs get, list ` +
        `and watch on managedclusters.clusters.clusternet.io${where}`,
      1,
      { cause: error },
    );
  }
  return error;
}

/**
 * Registration requests that nobody has decided yet.
 *
 * @returns sorted as the API gives them; none where the user may not list them
 */
export async function pendingRequests(
  client: Pick<KubeClient, "list">,
  signal: AbortSignal,
): Promise<ClusterRegistrationRequest[]> {
  try {
    const { items } = await client.list<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      { signal },
    );
    return items.filter(isPending);
  } catch (error) {
    if (isStatus(error, 403, 404)) return [];
    throw error;
  }
}

/**
 * Whether a request waits for a decision.
 *
 * @returns `true` without a result and without a decision in its conditions
 */
export function isPending({ metadata, status }: ClusterRegistrationRequest): boolean {
  const decided = ["Approved", "Denied", "Revoked"];
  return metadata.deletionTimestamp === undefined && status?.result === undefined &&
    !(status?.conditions ?? []).some((one) => decided.includes(one.type));
}

/**
 * What each cluster is called where a name must be unlike the others'.
 *
 * @returns its name; `namespace/name` where two bear the same
 */
export function uniqueNames(clusters: readonly ManagedCluster[]): Map<ManagedCluster, string> {
  const counts = new Map<string, number>();
  for (const { metadata: { name = "" } } of clusters) {
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return new Map(clusters.map((cluster) => {
    const { name = "" } = cluster.metadata;
    return [cluster, (counts.get(name) ?? 0) > 1 ? fullName(cluster) : name];
  }));
}

/** @returns `namespace/name` */
export function fullName({ metadata: { namespace = "", name = "" } }: ManagedCluster): string {
  return `${namespace}/${name}`;
}

/** How many names an error lists. */
const MAX_NAMED = 10;

/**
 * Finds the cluster that a user means.
 *
 * @param wanted its name, its id, or `namespace/name`
 * @returns the cluster
 * @throws {CliError} when there is none, or the name stands for several
 */
export function findCluster(
  context: CliContext,
  clusters: readonly ManagedCluster[],
  wanted: string,
): ManagedCluster {
  const found = matchClusters(clusters, wanted);
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const names = found.slice(0, MAX_NAMED).map((one) =>
      `${fullName(one)} (${one.spec.clusterId})`
    );
    throw new CliError(
      `"${wanted}" is the name of ${found.length} clusters: ${names.join(", ")}. Next: give ` +
        "namespace/name, or the id",
    );
  }
  const names = [...uniqueNames(clusters).values()];
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  const known = names.length === 0
    ? "none is registered"
    : `registered: ${names.slice(0, MAX_NAMED).join(", ")}${more}`;
  throw new CliError(
    `There is no cluster "${wanted}" (${known}). Next: \`${context.program} clusters\` lists ` +
      `them, \`${context.program} doctor ${wanted}\` looks for its registration`,
  );
}

/** As {@linkcode findCluster}. @returns none, one or several */
export function matchClusters(
  clusters: readonly ManagedCluster[],
  wanted: string,
): ManagedCluster[] {
  const lower = wanted.toLowerCase();
  const byId = clusters.filter(({ spec }) => spec.clusterId === lower);
  if (byId.length > 0) return byId;
  return clusters.filter((one) => one.metadata.name === wanted || fullName(one) === wanted);
}
