/**
 * The agent's command line, parsed and cross-checked.
 *
 * @module
 */
import type { Command } from "commander";
import { type ListenAddress, listenAddress, verbosityWord } from "../shared/flags.ts";
import { agentCommand, DEFAULT_HEALTH_ADDR, WITHOUT_EFFECT } from "./flag_options.ts";
import { parentUrl } from "./flag_values.ts";

/** Every flag, parsed; durations in milliseconds. */
export interface AgentFlags {
  /** kubeconfig of the child; in-cluster when absent. */
  kubeconfig?: string;
  /** Context of it. */
  context?: string;
  /** API server of the parent; always there after parsing. */
  clusterRegParentUrl?: string;
  /** Token to register with; a secret. */
  clusterRegToken?: string;
  /** File with that token. */
  clusterRegTokenFile?: string;
  /** CAs of the parent's API server. */
  clusterRegParentCaFile?: string;
  /** Lower-case hex, without its `sha256:`. */
  clusterRegParentCaHash?: string;
  /** Name of the cluster in the parent. */
  clusterRegName?: string;
  /** Of a name that is derived. */
  clusterRegNamePrefix: string;
  /** Wanted dedicated namespace in the parent. */
  clusterRegNamespace?: string;
  /** Type of the cluster. */
  clusterRegType: string;
  /** Labels for the cluster in the parent. */
  clusterLabels: Record<string, string>;
  /** Between two status reports. */
  clusterStatusUpdateFrequency: number;
  /** Between two looks at the health. */
  clusterStatusCollectFrequency: number;
  /** HTTP proxy on the way to the parent. */
  proxyUrl?: string;
  /** What else the hub may reach. */
  allowTarget: string[];
  /** ConfigMap with more such entries; empty for none. */
  allowTargetsConfigmap: string;
  /** CAs of such https targets. */
  allowTargetCaFile?: string;
  /** Keys of the caller's extras that are impersonated. */
  forwardExtras: string[];
  /** Whether credentials for the child are taken from extras. */
  legacyChildCredentials: boolean;
  /** The agent's namespace. */
  namespace: string;
  /** Whether only one agent dials out. */
  leaderElect: boolean;
  /** Others wait so long for a silent leader. */
  leaderElectLeaseDuration: number;
  /** A leader doubts after so long without a renewal. */
  leaderElectRenewDeadline: number;
  /** Between two tries. */
  leaderElectRetryPeriod: number;
  /** This agent's name in the election. */
  leaderElectIdentity?: string;
  /** Between two PINGs. */
  tunnelPingInterval: number;
  /** A silent hub is gone after this. */
  tunnelPingTimeout: number;
  /** How to spread the way back until the hub says another. */
  reconnectSpread?: number;
  /** How long streams may go on at the end. */
  drainTimeout: number;
  /** `undefined`: no health endpoint. */
  healthAddr?: ListenAddress;
  /** Private directory for sockets. */
  runtimeDir?: string;
  /** Whether each stream is logged. */
  enableTunnelLogging: boolean;
  /** One JSON object or one readable line each. */
  loggingFormat: "json" | "text";
  /** 0 to 10; 4 and above is debug. */
  verbosity: number;
  /** Flags that were given and do nothing here, as one writes them. */
  withoutEffect: string[];
}

/** What the environment may say instead of flags; `main.ts` reads it. */
export interface AgentEnvironment {
  /** As `--cluster-reg-parent-url`. */
  PARENT_URL?: string;
  /** As `--cluster-reg-token`. */
  REG_TOKEN?: string;
}

/**
 * Parses and cross-checks the command line.
 *
 * @param args without program name
 * @param env flags win over it; an empty value counts as absent
 * @param write takes what is printed for a bad flag. @default {writes to standard error}
 * @returns the flags
 * @throws {CommanderError} after it was printed, for a bad flag, `--help` and `--version`
 */
export function parseAgentFlags(
  args: readonly string[],
  env: AgentEnvironment = {},
  write?: (text: string) => void,
): AgentFlags {
  const command = agentCommand();
  if (write !== undefined) command.configureOutput({ writeErr: write });
  command.exitOverride().parse(args.map(verbosityWord), { from: "user" });
  const { featureGates: _, healthAddr, ...rest } = command.opts<
    Omit<AgentFlags, "healthAddr" | "withoutEffect"> & IgnoredFlags & {
      featureGates?: string;
      healthAddr?: ListenAddress | "none";
    }
  >();
  const flags: AgentFlags = {
    ...rest,
    withoutEffect: givenWithoutEffect(rest),
    clusterLabels: rest.clusterLabels ?? {},
    allowTarget: rest.allowTarget ?? [],
    forwardExtras: rest.forwardExtras ?? [],
    ...(healthAddr === "none"
      ? {}
      : { healthAddr: healthAddr ?? listenAddress(DEFAULT_HEALTH_ADDR) }),
  };
  fromEnvironment(command, flags, env);
  crossCheck(command, flags);
  return flags;
}

/** What commander makes of flags without effect. */
type IgnoredFlags = { [Name in keyof typeof WITHOUT_EFFECT]?: string };

/** @returns the flags without effect that were given */
function givenWithoutEffect(parsed: IgnoredFlags): string[] {
  const given: string[] = [];
  for (const [name, flag] of Object.entries(WITHOUT_EFFECT)) {
    if (parsed[name as keyof IgnoredFlags] !== undefined) given.push(flag);
  }
  return given;
}

function fromEnvironment(command: Command, flags: AgentFlags, env: AgentEnvironment): void {
  if (flags.clusterRegParentUrl === undefined && env.PARENT_URL) {
    try {
      flags.clusterRegParentUrl = parentUrl(env.PARENT_URL);
    } catch (error) {
      command.error(`error: env PARENT_URL is invalid. ${(error as Error).message}`);
    }
  }
  if (flags.clusterRegToken === "") delete flags.clusterRegToken;
  if (flags.clusterRegToken === undefined && flags.clusterRegTokenFile === undefined) {
    if (env.REG_TOKEN) flags.clusterRegToken = env.REG_TOKEN;
  }
}

function crossCheck(command: Command, flags: AgentFlags): void {
  if (flags.clusterRegParentUrl === undefined) {
    command.error(
      "error: the parent is unknown: give --cluster-reg-parent-url (or env PARENT_URL), such as " +
        "https://192.168.10.10:6443",
    );
  }
  if (flags.clusterRegToken !== undefined && flags.clusterRegTokenFile !== undefined) {
    command.error("error: give --cluster-reg-token or --cluster-reg-token-file, not both");
  }
  if (flags.clusterRegToken !== undefined && !/^[\x21-\x7e]+$/.test(flags.clusterRegToken)) {
    command.error(
      "error: --cluster-reg-token (or env REG_TOKEN) holds spaces or other characters that no " +
        "token has",
    );
  }
  if (
    flags.clusterRegParentCaFile !== undefined && flags.clusterRegParentCaHash !== undefined
  ) {
    command.error(
      "error: give --cluster-reg-parent-ca-file or --cluster-reg-parent-ca-hash, not both",
    );
  }
  const ordered: [keyof AgentFlags, keyof AgentFlags, string][] = [
    [
      "leaderElectRenewDeadline",
      "leaderElectLeaseDuration",
      "--leader-elect-renew-deadline must be below --leader-elect-lease-duration",
    ],
    [
      "tunnelPingInterval",
      "tunnelPingTimeout",
      "--tunnel-ping-interval must be below --tunnel-ping-timeout",
    ],
  ];
  for (const [below, above, message] of ordered) {
    if (Number(flags[below]) >= Number(flags[above])) command.error(`error: ${message}`);
  }
  if (flags.leaderElectRetryPeriod * 1.2 >= flags.leaderElectRenewDeadline) {
    command.error(
      "error: --leader-elect-renew-deadline must be longer than 1.2 times " +
        "--leader-elect-retry-period",
    );
  }
  if (flags.clusterStatusCollectFrequency > flags.clusterStatusUpdateFrequency) {
    command.error(
      "error: --cluster-status-collect-frequency must not be above " +
        "--cluster-status-update-frequency",
    );
  }
}
