/**
 * `GET /apis/proxies.clusternet.io/v1alpha1/sockets/<id>`: is the agent of a cluster connected?
 *
 * @module
 */
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";

/** What the hub knows of a cluster's tunnel; times in milliseconds since the epoch. */
export interface SocketInfo {
  /** An agent is attached now. */
  connected: boolean;
  /** When it attached. */
  connectedAt?: number;
  /** When the last one left. */
  disconnectedAt?: number;
  /** Why the last tunnel ended. */
  reason?: string;
}

/**
 * Renders the object.
 *
 * @param info `undefined` when no such cluster is registered
 * @returns 200 with a `Socket`, or 404
 */
export function socketResponse(clusterId: string, info: SocketInfo | undefined): Response {
  if (info === undefined) {
    return statusResponse(failure(
      404,
      `sockets.${PROXIES_GROUP} "${clusterId}" not found: \`kubectl get managedclusters -A\` ` +
        "lists the registered clusters",
      { name: clusterId, group: PROXIES_GROUP, kind: "sockets" },
    ));
  }
  const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
  return Response.json({
    kind: "Socket",
    apiVersion: `${PROXIES_GROUP}/${PROXIES_VERSION}`,
    metadata: { name: clusterId },
    status: {
      connected: info.connected,
      ...(info.connectedAt === undefined ? {} : { connectedAt: time(info.connectedAt) }),
      ...(info.disconnectedAt === undefined ? {} : { disconnectedAt: time(info.disconnectedAt) }),
      ...(info.reason === undefined ? {} : { reason: info.reason }),
    },
  });
}
