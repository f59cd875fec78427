/**
 * What a child says of its membership: the Lease that is its id, and the Secret with its
 * credentials.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import {
  PARENT_CLUSTER_SECRET,
  type PublicKeyJwk,
  SELF_CLUSTER_LEASE,
  SYSTEM_NAMESPACE,
} from "../../shared/kube/clusternet_types.ts";
import { LEASES, SECRETS } from "../../shared/kube/resources.ts";
import type { Lease, Secret } from "../../shared/kube/types.ts";

/** See the module text; what is not known is absent. */
export interface Membership {
  /** UID of Lease `self-cluster`. */
  clusterId?: string;
  /** Who leads; empty once it gave the Lease back. */
  holder?: string;
  /** RFC 3339; when the leader renewed the Lease. */
  renewTime?: string;
  /** The hub that the stored credentials are for. */
  parentUrl?: string;
  /** Token for that hub. */
  token?: string;
  /** PEM of that hub's CA, as the hub said it; may be empty. */
  ca?: string;
  /** Dedicated namespace in the parent. */
  namespace?: string;
  /** Name of the ManagedCluster. */
  name?: string;
  /** The agent's public key. */
  publicKey?: Pick<PublicKeyJwk, "x" | "y">;
}

/**
 * Reads what the agent keeps in the child (agent/registration/store.ts writes it).
 *
 * @returns `undefined` when no agent was ever there
 * @throws {StatusError} when it may not be read
 */
export async function readMembership(
  client: Pick<KubeClient, "getOrUndefined">,
  signal: AbortSignal,
): Promise<Membership | undefined> {
  const where = { namespace: SYSTEM_NAMESPACE, signal };
  const [lease, secret] = await Promise.all([
    client.getOrUndefined<Lease>(LEASES, SELF_CLUSTER_LEASE, where),
    client.getOrUndefined<Secret>(SECRETS, PARENT_CLUSTER_SECRET, where),
  ]);
  if (lease === undefined && secret === undefined) return undefined;
  const read = (key: string): string | undefined => decode(secret?.data?.[key]);
  const membership: Record<keyof Membership, unknown> = {
    clusterId: lease?.metadata.uid ?? read("cluster-id"),
    holder: lease?.spec?.holderIdentity,
    renewTime: lease?.spec?.renewTime,
    parentUrl: read("parent-url"),
    token: read("token"),
    ca: read("ca.crt"),
    namespace: read("namespace"),
    name: read("managed-cluster-name"),
    publicKey: publicPart(read("private-key")),
  };
  const known = Object.entries(membership).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Membership;
}

function decode(base64: string | undefined): string | undefined {
  if (!base64) return undefined;
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(base64)) || undefined;
  } catch {
    return undefined;
  }
}

function publicPart(jwk: string | undefined): Pick<PublicKeyJwk, "x" | "y"> | undefined {
  try {
    const { x, y } = JSON.parse(jwk ?? "") as Partial<PublicKeyJwk>;
    return x === undefined || y === undefined ? undefined : { x, y };
  } catch {
    return undefined; // No key yet
  }
}
