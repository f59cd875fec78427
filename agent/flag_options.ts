/**
 * The agent's flags as they are declared. Names are the original's where it has the flag.
 *
 * @module
 */
import { Command, Option } from "commander";
import {
  boolean,
  duration,
  durationOption,
  featureGates,
  integer,
  oneOf,
  repeated,
} from "../shared/flags.ts";
import { VERSION } from "../shared/version.ts";
import {
  allowTarget,
  caHash,
  clusterName,
  configMapName,
  healthAddress,
  labels,
  namespaceName,
  parentUrl,
  proxyUrl,
} from "./flag_values.ts";

/** Where the agent serves its health unless told otherwise. */
export const DEFAULT_HEALTH_ADDR = "127.0.0.1:10650";

/**
 * Flags of later originals, with what they are called after parsing. They are taken, so that their
 * manifests start, and do nothing: this agent pulls and pushes no objects, serves no TLS port, and
 * makes few calls of its own.
 */
export const WITHOUT_EFFECT = {
  clusterSyncMode: "--cluster-sync-mode",
  securePort: "--secure-port",
  kubeApiQps: "--kube-api-qps",
  kubeApiBurst: "--kube-api-burst",
} as const;

/**
 * Declares the flags.
 *
 * @returns the command; `flags.ts` parses with it
 */
export function agentCommand(): Command {
  const command = new Command("clusternet-agent")
    .description(
      "Registers this cluster to a parent cluster, reports its health, and dials out the one " +
        "tunnel through which the parent's users reach it.",
    )
    .version(VERSION, "--version", "print the version and exit")
    .option("--kubeconfig <file>", "kubeconfig of this (the child) cluster; in-cluster when absent")
    .option("--context <name>", "context of --kubeconfig");
  registrationOptions(command);
  statusOptions(command);
  tunnelOptions(command);
  processOptions(command);
  for (const flag of Object.values(WITHOUT_EFFECT)) {
    command.addOption(new Option(`${flag} <value>`, "taken and without effect here").hideHelp());
  }
  return command;
}

function registrationOptions(command: Command): void {
  command
    .option(
      "--cluster-reg-parent-url <url>",
      "API server of the parent cluster (env PARENT_URL)",
      parentUrl,
    )
    .option("--cluster-reg-token <token>", "token to register with (env REG_TOKEN)")
    .option(
      "--cluster-reg-token-file <file>",
      "file with that token; read anew at each try, so that a mounted Secret may change",
    )
    .option(
      "--cluster-reg-parent-ca-file <file>",
      "CAs of the parent's API server (PEM), instead of the system's",
    )
    .option(
      "--cluster-reg-parent-ca-hash <sha256:hex>",
      "hash of the public key of the parent's CA: fetch the CA and trust it when it matches",
      caHash,
    )
    .option(
      "--cluster-reg-name <name>",
      "name of this cluster in the parent, up to 30 characters",
      clusterName(30),
    )
    .option(
      "--cluster-reg-name-prefix <prefix>",
      "without --cluster-reg-name: the name is this and a suffix, up to 24 characters",
      clusterName(24),
      "clusternet-cluster",
    )
    .option(
      "--cluster-reg-namespace <name>",
      "wanted dedicated namespace in the parent",
      namespaceName,
    )
    .option("--cluster-reg-type <type>", "type of this cluster", "EdgeClusterSelfProvisioned")
    .option("--cluster-labels <labels>", "labels for this cluster in the parent: k=v,k2=v2", labels)
    .option("--namespace <name>", "namespace of the agent", namespaceName, "clusternet-system");
}

function statusOptions(command: Command): void {
  command
    .addOption(
      durationOption(
        "--cluster-status-update-frequency",
        "how often the status is reported to the parent",
        "3m",
      ),
    )
    .addOption(
      durationOption(
        "--cluster-status-collect-frequency",
        "how often the health is looked at; a change is reported at once",
        "20s",
      ),
    );
}

function tunnelOptions(command: Command): void {
  command
    .option(
      "--proxy-url <url>",
      "HTTP proxy on the way to the parent (env HTTPS_PROXY, NO_PROXY)",
      proxyUrl,
    )
    .option(
      "--allow-target <[scheme://]host[:port]>",
      "what else the hub may reach through this agent; may be repeated",
      allowTarget,
    )
    .option(
      "--allow-targets-configmap <name>",
      "ConfigMap in the agent's namespace with more of them, watched; empty for none",
      configMapName,
      "clusternet-agent-targets",
    )
    .option(
      "--allow-target-ca-file <file>",
      "CAs of allow-listed https targets (PEM), instead of the system's",
    )
    .option(
      "--forward-extras <keys>",
      "keys of the caller's extras that are impersonated in this cluster",
      repeated,
    )
    .option(
      "--legacy-child-credentials [bool]",
      "take the caller's credentials for this cluster from extras, as the original does",
      boolean,
      false,
    )
    .addOption(durationOption("--tunnel-ping-interval", "how often the agent pings the hub", "15s"))
    .addOption(durationOption("--tunnel-ping-timeout", "a silent hub is gone after this", "45s"))
    .option(
      "--reconnect-spread <duration>",
      "spread the first way back over this time; then, and when absent, what the hub said last",
      duration,
    )
    .addOption(durationOption("--drain-timeout", "how long streams may go on after SIGTERM", "20s"))
    .option("--enable-tunnel-logging [bool]", "log each tunnel stream", boolean, false)
    .option(
      "--feature-gates <gates>",
      "SocketConnection=true is accepted",
      featureGates,
      "SocketConnection=true",
    )
    .option("--runtime-dir <dir>", "private directory for sockets; a temporary one when absent");
}

function processOptions(command: Command): void {
  command
    .option("--leader-elect [bool]", "only one agent of a cluster dials out", boolean, true)
    .addOption(
      durationOption(
        "--leader-elect-lease-duration",
        "another agent takes over after this long without a renewal",
        "15s",
      ),
    )
    .addOption(
      durationOption(
        "--leader-elect-renew-deadline",
        "the leader steps down when it could not renew for this long",
        "10s",
      ),
    )
    .addOption(
      durationOption(
        "--leader-elect-retry-period",
        "time between tries to renew or to acquire",
        "2s",
      ),
    )
    .option(
      "--leader-elect-identity <name>",
      "this agent's name in the election (env POD_NAME; else the host's name)",
    )
    .option(
      "--health-addr <host:port>",
      'serve /livez, /readyz, /healthz and /metrics here, without TLS; "none" for nowhere',
      healthAddress,
    )
    .option("--logging-format <format>", "json or text", oneOf("json", "text"), "text" as const)
    .option(
      "-v, --verbosity <level>",
      "0 to 10; 4 and above is debug (also -v=4, --v=4)",
      integer(0, 10),
      2,
    );
}
