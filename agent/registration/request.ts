/**
 * The `ClusterRegistrationRequest` as the agent writes it, and what its status means.
 *
 * @module
 */
import {
  CLUSTER_ID_LABEL,
  CLUSTER_NAME_LABEL,
  type ClusterRegistrationRequest,
  type PublicKeyJwk,
  REGISTERED_BY_LABEL,
  REQUEST_NAME_PREFIX,
} from "../../shared/kube/clusternet_types.ts";
import { samePublicKey } from "./keys.ts";

/** What the agent says of its cluster. */
export interface ClusterDescription {
  clusterId: string;
  clusterName: string;
  clusterType: string;
  clusterNamespace?: string;
  clusterLabels: Record<string, string>;
}

/**
 * @param clusterId UUID
 * @returns the name of that cluster's request
 */
export function requestName(clusterId: string): string {
  return REQUEST_NAME_PREFIX + clusterId;
}

/**
 * Derives the name of a cluster that was given none: the prefix and five letters that follow from
 * the id, so that it stays the same at each start.
 *
 * @returns for example `clusternet-cluster-dzqkw`
 */
export async function derivedClusterName(prefix: string, clusterId: string): Promise<string> {
  const letters = "bcdfghjklmnpqrstvwxz2456789";
  const hash = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(clusterId)),
  );
  const suffix = [...hash.subarray(0, 5)].map((byte) => letters[byte % letters.length]).join("");
  return `${prefix}-${suffix}`;
}

/**
 * Builds the request.
 *
 * @returns the object to create in the parent
 */
export function buildRequest(
  cluster: ClusterDescription,
  publicKey: PublicKeyJwk,
): ClusterRegistrationRequest {
  const { clusterId, clusterName, clusterType, clusterNamespace, clusterLabels } = cluster;
  return {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: {
      name: requestName(clusterId),
      labels: {
        [REGISTERED_BY_LABEL]: "clusternet-agent",
        [CLUSTER_ID_LABEL]: clusterId,
        [CLUSTER_NAME_LABEL]: clusterName,
      },
    },
    spec: {
      clusterId,
      clusterName,
      clusterType,
      ...(clusterNamespace === undefined ? {} : { clusterNamespace }),
      ...(Object.keys(clusterLabels).length === 0 ? {} : { clusterLabels }),
      publicKey,
    },
  };
}

/** What a request's status tells its agent. */
export type Verdict =
  /** Nobody decided yet. */
  | { kind: "pending" }
  /** Approved; the credentials may still be missing. */
  | { kind: "approved"; sealed?: string }
  /** The hub could not set the cluster up; it will try again. */
  | { kind: "failed"; message: string }
  /** No, and that stays so until an admin deletes the request. */
  | { kind: "denied" | "revoked"; message: string }
  /** The id is taken by an agent with another key. */
  | { kind: "other-key" }
  /** It is being deleted. */
  | { kind: "deleting" };

/**
 * Reads the status of a request.
 *
 * @returns what it means for the agent with this key
 */
export function verdictOf(request: ClusterRegistrationRequest, publicKey: PublicKeyJwk): Verdict {
  if (request.metadata.deletionTimestamp !== undefined) return { kind: "deleting" };
  if (!samePublicKey(request.spec.publicKey, publicKey)) return { kind: "other-key" };
  const status = request.status ?? {};
  const condition = (type: string): string | undefined => {
    const found = status.conditions?.find((one) => one.type === type && one.status === "True");
    return found === undefined ? undefined : found.message || found.reason;
  };
  const revoked = condition("Revoked");
  if (revoked !== undefined) return { kind: "revoked", message: revoked };
  const denied = condition("Denied");
  if (denied !== undefined || status.result === "Denied") {
    return { kind: "denied", message: denied ?? status.errorMessage ?? "" };
  }
  if (status.result === "Failed") return { kind: "failed", message: status.errorMessage ?? "" };
  if (status.result === "Approved") {
    const sealed = status.sealedCredentials;
    return { kind: "approved", ...(sealed === undefined || sealed === "" ? {} : { sealed }) };
  }
  return { kind: "pending" };
}

/**
 * Says what a final no means and what an admin can do.
 *
 * @param kind which no
 * @param message what the parent said of it; may be empty
 * @returns one line
 */
export function refusalText(
  kind: "denied" | "revoked",
  message: string,
  clusterId: string,
): string {
  const said = message === "" ? "" : ` (${message})`;
  const what = kind === "denied"
    ? "The parent denied the registration of this cluster"
    : "The parent revoked this cluster";
  return `${what}${said}. To register it again, an admin of the parent deletes the request ` +
    `(kubectl delete clsrr ${requestName(clusterId)}); then start the agent again`;
}
