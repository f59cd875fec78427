/**
 * Lease `self-cluster` in the child: its UID is the cluster's id, and its holder is the agent that
 * dials out.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { SELF_CLUSTER_LEASE } from "../shared/kube/clusternet_types.ts";
import { LEASES } from "../shared/kube/resources.ts";
import { isStatus, StatusError } from "../shared/kube/status.ts";
import type { Lease } from "../shared/kube/types.ts";

/** Options of {@linkcode ensureClusterId}. */
export interface ClusterIdOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/**
 * Reads the cluster's id; makes the Lease when there is none yet.
 *
 * @returns UID of the Lease
 * @throws {StatusError} when the Lease can be neither read nor made
 */
export async function ensureClusterId(
  { client, namespace, signal }: ClusterIdOptions,
): Promise<string> {
  const options = { namespace, ...(signal === undefined ? {} : { signal }) };
  const found = await client.getOrUndefined<Lease>(LEASES, SELF_CLUSTER_LEASE, options) ??
    await createLease(client, namespace, options) ??
    await client.get<Lease>(LEASES, SELF_CLUSTER_LEASE, options);
  const uid = found.metadata?.uid;
  if (uid === undefined) throw StatusError.of(500, "Lease self-cluster has no UID");
  return uid;
}

/** @returns `undefined` when another agent was first */
async function createLease(
  client: KubeClient,
  namespace: string,
  options: { namespace: string; signal?: AbortSignal },
): Promise<Lease | undefined> {
  try {
    return await client.create<Lease>(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: SELF_CLUSTER_LEASE, namespace },
      spec: {},
    }, options);
  } catch (error) {
    if (isStatus(error, 409)) return undefined;
    if (isStatus(error, 404)) {
      throw StatusError.of(
        404,
        `Namespace ${namespace} does not exist in this cluster: create it (kubectl create ` +
          `namespace ${namespace}), or name another one with --namespace`,
      );
    }
    throw error;
  }
}
