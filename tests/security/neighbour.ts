/**
 * A second cluster of the parent, registered and without an agent: who reaches it reads 503 from
 * the hub, who is refused reads 403, so that the one can be told from the other.
 *
 * @module
 */
import { type AgentKey, generateAgentKey } from "../../agent/registration/keys.ts";
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
} from "../../shared/kube/clusternet_types.ts";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { eventually } from "../e2e/wait.ts";
import type { RawRequest } from "./raw_http.ts";

/** Path of the parent's registration requests. */
export const REQUESTS = "/apis/clusters.clusternet.io/v1beta1/clusterregistrationrequests";
/** Path of the agents' ServiceAccounts. */
export const ACCOUNTS = "/api/v1/namespaces/clusternet-agents/serviceaccounts";

/** A registered cluster. */
export interface Neighbour {
  id: string;
  key: AgentKey;
  /** Dedicated namespace. */
  namespace: string;
  /** Of its ManagedCluster. */
  name: string;
  /** Of its agent, in `clusternet-agents`. */
  account: { name: string; uid: string };
}

/** The object that an agent creates to register. */
export function registration(id: string, key: AgentKey): Record<string, unknown> {
  return {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: { name: `clusternet-${id}` },
    spec: { clusterId: id, clusterName: `c-${id.slice(0, 8)}`, publicKey: key.publicJwk },
  };
}

/** @returns what became of a cluster's registration, once it is approved */
export async function registered(
  parent: Cluster,
  id: string,
): Promise<Required<Pick<Neighbour, "namespace" | "name" | "account">>> {
  const done = await eventually(`${id} is registered`, 20_000, async () => {
    const { status } = await parent.api.get<ClusterRegistrationRequest>(
      `${REQUESTS}/clusternet-${id}`,
    );
    if (status?.result !== "Approved" || status.serviceAccount === undefined) throw new Error();
    return status as Required<ClusterRegistrationRequestStatus>;
  });
  const { dedicatedNamespace: namespace, managedClusterName: name, serviceAccount } = done;
  return { namespace, name, account: { name: serviceAccount.name, uid: serviceAccount.uid } };
}

/** Registers a cluster that no agent serves. */
export async function registerNeighbour(parent: Cluster): Promise<Neighbour> {
  const [id, key] = [crypto.randomUUID() as string, await generateAgentKey()];
  await parent.api.create(REQUESTS, registration(id, key));
  return { id, key, ...await registered(parent, id) };
}

/** A token of a ServiceAccount, from the parent's admin. */
export async function accountToken(
  parent: Cluster,
  name: string,
  namespace = "clusternet-agents",
): Promise<string> {
  const { status } = await parent.api.create<{ status: { token: string } }>(
    `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`,
    { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", spec: {} },
  );
  return status.token;
}

/** The handshake of a tunnel; send it with a deadline, for a tunnel that opens stays open. */
export function dialRequest(
  path: string,
  headers: RawRequest["headers"] = [],
): RawRequest {
  const key = btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(16))));
  return {
    path,
    keepAlive: true,
    headers: [
      ["Connection", "Upgrade"],
      ["Upgrade", "websocket"],
      ["Sec-WebSocket-Version", "13"],
      ["Sec-WebSocket-Key", key],
      ["Sec-WebSocket-Protocol", SUBPROTOCOL],
      ...headers,
    ],
  };
}
