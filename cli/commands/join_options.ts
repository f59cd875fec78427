/**
 * What `join` was told, and what it found out.
 *
 * @module
 */
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import type { CliContext, Connected } from "../context.ts";
import { bind } from "../install/bind.ts";
import type { Machine } from "../install/machine.ts";
import type { KubeconfigFlags } from "../install/options.ts";
import type { Registered } from "../install/registered.ts";

/** Flags of `join`; durations in milliseconds. */
export interface JoinFlags extends KubeconfigFlags {
  /** URL of the hub's API server. */
  hub: string;
  /** To register with; a secret. */
  token: string;
  /** `sha256:` and 64 hex digits. */
  caHash?: string;
  /** Path of a PEM file. */
  caFile?: string;
  /** PEM. */
  caData?: string;
  /** Image of the agent, where it is installed. */
  image?: string;
  /** Whether it runs here. */
  run?: boolean;
  /** Wanted name. */
  name?: string;
  /** Wanted dedicated namespace in the parent. */
  parentNamespace?: string;
  /** For the ManagedCluster. */
  labels?: Record<string, string>;
  /** What the parent's admins get in the child. */
  grantHubAdmins?: "view" | "cluster-admin";
  /** HTTP proxy on the way to the hub. */
  proxyUrl?: string;
  /** Whether to wait. */
  wait: boolean;
  /** How long. */
  timeout: number;
  /** Whether fields of others are taken over. */
  forceConflicts?: boolean;
}

/** A join whose checks have passed. */
export interface Joining {
  context: CliContext;
  machine: Machine;
  flags: JoinFlags;
  /** The child. */
  child: Connected;
  /** PEM of the hub's CA; the system's count when absent. */
  ca: string | undefined;
}

/** @returns the agent's own flags for what the operator chose, each with its value */
export function agentFlags(flags: JoinFlags): Record<string, string> {
  const { name, parentNamespace, labels, proxyUrl } = flags;
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`).join(",");
  return {
    ...(name === undefined ? {} : { "--cluster-reg-name": name }),
    ...(parentNamespace === undefined ? {} : { "--cluster-reg-namespace": parentNamespace }),
    ...(pairs === "" ? {} : { "--cluster-labels": pairs }),
    ...(proxyUrl === undefined ? {} : { "--proxy-url": proxyUrl }),
  };
}

/** @returns how to reach the hub, without a token */
export function hubConfig({ flags, ca }: Joining): ClusterConfig {
  return {
    server: flags.hub,
    ...(ca === undefined ? {} : { ca }),
    ...(flags.proxyUrl === undefined ? {} : { proxyUrl: flags.proxyUrl }),
  };
}

/** Says what was done, and how to look at it on the parent's side. */
export function sayJoined({ context, flags }: Joining, joined: Registered): void {
  const { program, out, err } = bind(context);
  const { name, clusterId, namespace } = joined;
  out(`managedcluster.clusters.clusternet.io/${name} joined\n`);
  err(
    `Registered as "${name}", cluster id ${clusterId}, in namespace ${namespace} of ${flags.hub}; ` +
      "its tunnel stands.\nLook at it on the parent's side with:\n" +
      `  ${program} clusters\n  ${program} kubectl ${name} -- get nodes\n`,
  );
  if (flags.grantHubAdmins === undefined) {
    err(
      "Nobody of the parent may do anything in this cluster yet: --grant-hub-admins view (or " +
        "cluster-admin) lets the parent's admins in; RBAC of this cluster lets in others by name.\n",
    );
  }
}
