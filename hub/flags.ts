/**
 * The hub's command line, parsed and cross-checked.
 *
 * @module
 */
import type { Command } from "commander";
import { type ListenAddress, verbosityWord } from "../shared/flags.ts";
import { hubCommand } from "./flag_options.ts";
import { acceptIgnoredFlags } from "./ignored_flags.ts";

/** Every flag, parsed; durations in milliseconds. */
export interface HubFlags {
  /** Kubeconfig of the parent; when absent: in-cluster, or standalone outside of one. */
  kubeconfig?: string;
  /** Context of --kubeconfig. */
  context?: string;
  /** Standalone: directory of all state. */
  dataDir?: string;
  /** Standalone: URL that agents and users are given. */
  advertiseUrl?: string;
  /** Address to serve on. */
  bindAddress: string;
  /** HTTPS port; 0 takes a free one. */
  securePort: number;
  /** Keeps a self-made CA and serving certificate here. */
  certDir?: string;
  /** Serving certificate (PEM, with its chain); re-read on change. */
  tlsCertFile?: string;
  /** Key of --tls-cert-file. */
  tlsPrivateKeyFile?: string;
  /** More DNS names or addresses for the self-made serving certificate. */
  tlsServerNames: string[];
  /** Keep spec.caBundle of APIService v1alpha1.proxies.clusternet.io at the serving CA. */
  manageApiserviceCa: boolean;
  /** Namespace of the hub in the parent. */
  namespace: string;
  /** Who approves registrations: "auto", or "manual" by a condition in its status. */
  approval: "auto" | "manual";
  /** Lifetime of an agent's token. */
  agentTokenTtl: number;
  /** Also put the agent's token into the request's status in clear, as the original does. */
  legacyCredentials: boolean;
  /** Run as active and standby; only the leader is ready. */
  leaderElect: boolean;
  /** A standby takes over after this long without a renewal. */
  leaderElectLeaseDuration: number;
  /** The leader steps down when it could not renew for this long. */
  leaderElectRenewDeadline: number;
  /** Time between tries to renew or to acquire. */
  leaderElectRetryPeriod: number;
  /** Also serve health and metrics here, without TLS. */
  healthAddr?: ListenAddress;
  /** Agents spread their way back over this time. */
  agentReconnectSpread: number;
  /** How often the hub pings a tunnel. */
  tunnelPingInterval: number;
  /** A silent tunnel is dead after this. */
  tunnelPingTimeout: number;
  /** From request to response head. */
  responseTimeout: number;
  /** Connections of the public port. */
  maxConnections: number;
  /** Requests of one user under way over all clusters; 0: no limit. */
  maxRequestsPerUser: number;
  /** Upgrades of one user open over all clusters; 0: no limit. */
  maxUpgradesPerUser: number;
  /** Upgrades open to one cluster; 0: no limit. */
  maxUpgradesPerCluster: number;
  /** Of one cluster's streams and upgrades, what one user may hold, in percent. */
  maxUserShare: number;
  /** Dials of one cluster's agent in a second; 0: no limit. */
  maxAttachesPerSecond: number;
  /** How long streams may go on after SIGTERM. */
  drainTimeout: number;
  /** Private directory for the inner socket; a temporary one when absent. */
  runtimeDir?: string;
  /** The original's name for --audit-log-path=-; that flag wins. */
  enableTunnelLogging: boolean;
  /** File of the audit log, "-" for standard output, "off" for none. */
  auditLogPath?: string;
  /** The file is put aside above this size, in MiB. */
  auditLogMaxsize: number;
  /** Old audit files that are kept; 0 keeps all. */
  auditLogMaxbackup: number;
  /** Json or text. */
  loggingFormat: "json" | "text";
  /** 0 to 10; 4 and above is debug (also -v=4, --v=4). */
  verbosity: number;
  /** Flags of the original that were given and have no effect, each with the reason. */
  ignored: string[];
}

/**
 * Parses and cross-checks the command line.
 *
 * @param args without program name
 * @returns the flags
 * @throws {CommanderError} after it was printed, for a bad flag, `--help` and `--version`
 */
export function parseHubFlags(args: readonly string[], command: Command = hubCommand()): HubFlags {
  const ignored: string[] = [];
  acceptIgnoredFlags(command, ignored);
  command.exitOverride().parse(args.map(verbosityWord), { from: "user" });
  const flags = command.opts<HubFlags & { featureGates?: string }>();
  crossCheck(command, flags);
  return { ...flags, ignored };
}

function crossCheck(command: Command, flags: HubFlags): void {
  if ((flags.tlsCertFile === undefined) !== (flags.tlsPrivateKeyFile === undefined)) {
    command.error(
      "error: --tls-cert-file and --tls-private-key-file go together: give both or none",
    );
  }
  if (flags.kubeconfig !== undefined) {
    const given = flags.dataDir !== undefined
      ? "--data-dir"
      : flags.advertiseUrl !== undefined
      ? "--advertise-url"
      : undefined;
    if (given !== undefined) {
      command.error(`error: ${given} is for a standalone hub: take it or --kubeconfig away`);
    }
  }
  if (flags.leaderElectRenewDeadline >= flags.leaderElectLeaseDuration) {
    command.error(
      "error: --leader-elect-renew-deadline must be below --leader-elect-lease-duration",
    );
  }
  if (flags.leaderElectRetryPeriod >= flags.leaderElectRenewDeadline) {
    command.error("error: --leader-elect-retry-period must be below --leader-elect-renew-deadline");
  }
  if (flags.tunnelPingInterval >= flags.tunnelPingTimeout) {
    command.error("error: --tunnel-ping-interval must be below --tunnel-ping-timeout");
  }
}
