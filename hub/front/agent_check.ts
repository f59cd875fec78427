/**
 * Who may open the tunnel of a cluster: the ServiceAccount that the hub itself made for it, and
 * nobody else, whatever RBAC says. A right that reads `get` on everything must not be enough to
 * take a cluster's place.
 *
 * @module
 */
import { StatusError } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import type { FrontProxySettings } from "./front_proxy_config.ts";
import type { Identity } from "./identity.ts";
import type { Source } from "./source.ts";

/** A ServiceAccount of the parent, as the hub recorded it when it approved the cluster. */
export interface AgentAccount {
  /** Its namespace. */
  namespace: string;
  /** Its name. */
  name: string;
  /** `metadata.uid`. */
  uid: string;
}

/** Options of {@linkcode createAgentCheck}. */
export interface AgentCheckOptions {
  /** The agent of a cluster, or `undefined` when no such cluster is approved. */
  agentOf: (clusterId: string) => AgentAccount | undefined;
  /** Tells whether the front proxy passes UIDs. */
  settings: Source<FrontProxySettings>;
  /** Told when the caller is not the agent of a cluster that is registered; must not throw. */
  onRefused?: (clusterId: string, user: string) => void;
  /** Where the missing UID header is mentioned, once. */
  log: Log;
}

/** Throws {@linkcode StatusError} 403 unless the caller is that cluster's agent. */
export type AgentCheck = (identity: Identity, clusterId: string) => void;

/**
 * Makes the check.
 *
 * @returns the check
 */
export function createAgentCheck(
  { agentOf, settings, onRefused, log }: AgentCheckOptions,
): AgentCheck {
  let mentioned = false;
  return (identity: Identity, clusterId: string): void => {
    const agent = agentOf(clusterId);
    if (agent === undefined) {
      throw StatusError.of(
        403,
        `Cannot attach cluster ${clusterId}: it is not registered and approved; look at ` +
          `\`kubectl get clsrr clusternet-${clusterId}\``,
      );
    }
    const refused = (): StatusError => {
      onRefused?.(clusterId, identity.user);
      return StatusError.of(
        403,
        `Cannot attach cluster ${clusterId}: ${JSON.stringify(identity.user)} is not the ` +
          "ServiceAccount that the hub made for its agent",
      );
    };
    if (identity.user !== `system:serviceaccount:${agent.namespace}:${agent.name}`) throw refused();
    if (identity.uid !== undefined) {
      if (identity.uid !== agent.uid) throw refused();
      return;
    }
    if (identity.via !== "front-proxy" || settings.value.uidHeaders.length > 0) throw refused();
    if (mentioned) return;
    mentioned = true;
    log.warn(
      "the parent's front proxy passes no UID, so agents are told apart by name only; start " +
        "kube-apiserver (1.32 or later) with --requestheader-uid-headers=X-Remote-Uid",
    );
  };
}
