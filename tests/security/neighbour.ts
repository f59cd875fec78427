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
import assert from "node:assert/strict";
import { USER } from "../e2e/fleet.ts";
import { eventually } from "../e2e/wait.ts";
import { type RawAnswer, type RawRequest, type RawTarget, rawText } from "./raw_http.ts";
import type { RemoteUser, Scene } from "./scene.ts";

/** May reach the child of the fleet, and no other. */
export const ALICE: RemoteUser = { user: USER.name, groups: USER.groups };
/** What the fleet's agent stores in its child: key pair, token, CA. */
export const AGENT_SECRET = "/api/v1/namespaces/clusternet-system/secrets/parent-cluster";

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

/** A tunnel that opened stays open: then this is how long is waited for more, in milliseconds. */
const DIAL_MS = 2_000;

/** Tries to open a tunnel. @returns status 101 when it opened; it is closed again */
export async function dial(
  scene: Scene,
  target: RawTarget,
  request: RawRequest,
): Promise<RawAnswer> {
  return await scene.exchange(target, rawText(request), DIAL_MS);
}

/** A header line. */
export function bearer(token: string): readonly [string, string] {
  return ["Authorization", `Bearer ${token}`];
}

/** Both ways in, without a client certificate: the parent's kube-apiserver, the hub's own port. */
export function doors(scene: Scene): Record<string, RawTarget> {
  return { "the parent": scene.parentTarget(), "the hub's port": scene.hubTarget() };
}

/** What the fleet's agent holds, for whoever stole it. */
export async function stolenToken({ child, secrets }: Scene): Promise<string> {
  const { data } = await child.api.get<{ data: Record<string, string> }>(AGENT_SECRET);
  return secrets.add("agent's token", atob(data["token"]!));
}

/** Where a ManagedCluster stands. */
export function clusterPathOf({ namespace, name }: { namespace: string; name: string }): string {
  return `/apis/clusters.clusternet.io/v1beta1/namespaces/${namespace}/managedclusters/${name}`;
}

/** @throws when {@linkcode ALICE} does not reach the child */
export async function serves(scene: Scene): Promise<void> {
  const path = scene.at("/proxy/direct/version");
  const { status, text } = await scene.askAs(ALICE, { path });
  if (status !== 200) throw new Error(`The child does not answer: ${text}`);
}

/** Lets ServiceAccount `default/visitor`, and user `carol`, reach the child; waits until they do. */
export async function grantVisitor(scene: Scene): Promise<void> {
  const { parent } = scene;
  await parent.kubectlOk(["create", "serviceaccount", "visitor"]);
  await parent.kubectlOk([
    ...["create", "clusterrolebinding", "more-visitors", "--clusterrole=clusternet-user"],
    ...["--serviceaccount=default:visitor", "--user=carol"],
  ]);
  await eventually("the grants are known", 10_000, async () => {
    const path = scene.at("/proxy/direct/version");
    const authorization = `Bearer ${await visitorToken(scene)}`;
    const headers = [["Authorization", authorization] as const];
    assert.equal((await scene.ask(scene.hubTarget(), { path, headers })).status, 200);
    assert.equal((await scene.askAs({ user: "carol" }, { path })).status, 200);
  }, 500);
}

/** A bearer token of a ServiceAccount of the parent that may reach the child. */
export async function visitorToken({ parent, secrets }: Scene): Promise<string> {
  const path = "/api/v1/namespaces/default/serviceaccounts/visitor/token";
  const { status } = await parent.api.create<{ status: { token: string } }>(path, {
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenRequest",
    spec: {},
  });
  return secrets.add("visitor's token", status.token);
}
