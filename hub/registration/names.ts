/**
 * Names of the objects that a registration brings into being. They are derived from the cluster
 * id, never generated, so that reconciling twice finds what the first time made.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { REQUEST_NAME_PREFIX } from "../../shared/kube/clusternet_types.ts";

/** A cluster id as the API server writes UIDs: a UUID in lower case. */
export const CLUSTER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/**
 * The first 10 hexadecimal digits of the id's SHA-256: short enough for every kind of name.
 *
 * @returns 10 lower-case hexadecimal digits
 */
export function idHash(clusterId: string): string {
  return createHash("sha256").update(clusterId).digest("hex").slice(0, 10);
}

/**
 * Name of the request, and of the ClusterRole and ClusterRoleBinding made for it.
 *
 * @returns `clusternet-<id>`
 */
export function requestName(clusterId: string): string {
  return `${REQUEST_NAME_PREFIX}${clusterId}`;
}

/**
 * The cluster id in a request's name.
 *
 * @returns `undefined` for a name that no request may have
 */
export function clusterIdOf(name: string): string | undefined {
  if (!name.startsWith(REQUEST_NAME_PREFIX)) return undefined;
  const id = name.slice(REQUEST_NAME_PREFIX.length);
  return CLUSTER_ID.test(id) ? id : undefined;
}

/**
 * Name of the agent's ServiceAccount in `clusternet-agents`.
 *
 * @returns `clusternet-<hash>`
 */
export function serviceAccountName(clusterId: string): string {
  return `clusternet-${idHash(clusterId)}`;
}

/**
 * The dedicated namespace: the wanted one, or one derived from the id.
 *
 * @returns `clusternet-<hash>` unless the agent asked for another
 */
export function namespaceName(clusterId: string, wanted: string | undefined): string {
  return wanted === undefined || wanted === "" ? `clusternet-${idHash(clusterId)}` : wanted;
}

/**
 * Name of the `ManagedCluster`: the cluster's name, or one derived from the id.
 *
 * @returns `clusternet-cluster-<hash>` unless the agent gave a name
 */
export function managedClusterName(clusterId: string, wanted: string | undefined): string {
  return wanted === undefined || wanted === "" ? `clusternet-cluster-${idHash(clusterId)}` : wanted;
}

/**
 * The user name under which an agent's token is known to the parent.
 *
 * @returns `system:serviceaccount:<namespace>:<name>`
 */
export function serviceAccountUser(account: { namespace: string; name: string }): string {
  return `system:serviceaccount:${account.namespace}:${account.name}`;
}
