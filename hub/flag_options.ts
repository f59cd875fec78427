/**
 * The hub's flags as they are declared. Names are the original's where it has the flag.
 *
 * @module
 */
import { Command } from "commander";
import {
  boolean,
  durationOption,
  featureGates,
  httpsUrl,
  integer,
  listenAddress,
  oneOf,
} from "../shared/flags.ts";
import { VERSION } from "../shared/version.ts";
import { DEFAULT_MAX_CONNECTIONS } from "./front/connections.ts";
import { DEFAULT_CALLER_LIMITS } from "./front/limits.ts";

/**
 * Declares the flags.
 *
 * @returns the command; `flags.ts` parses with it
 */
export function hubCommand(): Command {
  const command = new Command("clusternet-hub")
    .description(
      "Registers child clusters, holds their tunnels and proxies requests to them: behind a parent " +
        "kube-apiserver (in a cluster, or with --kubeconfig), or standalone, as a Kubernetes API " +
        "of its own.",
    )
    .version(VERSION, "--version", "print the version and exit");
  parentOptions(command);
  servingOptions(command);
  registrationOptions(command);
  leaderOptions(command);
  tunnelOptions(command);
  limitOptions(command);
  processOptions(command);
  auditOptions(command);
  logOptions(command);
  return command;
}

function parentOptions(command: Command): void {
  command
    .option(
      "--kubeconfig <file>",
      "kubeconfig of the parent; without it, and outside of a cluster, the hub is standalone",
    )
    .option("--context <name>", "context of --kubeconfig")
    .option(
      "--data-dir <dir>",
      "standalone: directory of all state (default: $XDG_DATA_HOME/clusternet-hub)",
    )
    .option(
      "--advertise-url <url>",
      "standalone: URL that agents and users reach this hub at (default: first address, --secure-port)",
      httpsUrl,
    );
}

function servingOptions(command: Command): void {
  command
    .option("--bind-address <ip>", "address to serve on", "0.0.0.0")
    .option("--secure-port <port>", "HTTPS port; 0 takes a free one", integer(0, 65_535), 8443)
    .option("--cert-dir <dir>", "keeps a self-made CA and serving certificate here")
    .option(
      "--tls-cert-file <file>",
      "serving certificate (PEM, with its chain); re-read on change",
    )
    .option("--tls-private-key-file <file>", "key of --tls-cert-file")
    .option(
      "--tls-server-names <names>",
      "more DNS names or addresses for the self-made serving certificate",
      (text: string) => text.split(",").filter((name) => name !== ""),
      [] as string[],
    )
    .option(
      "--manage-apiservice-ca [bool]",
      "keep spec.caBundle of APIService v1alpha1.proxies.clusternet.io at the serving CA",
      boolean,
      true,
    );
}

function registrationOptions(command: Command): void {
  command
    .option("--namespace <name>", "namespace of the hub in the parent", "clusternet-system")
    .option(
      "--approval <mode>",
      'who approves registrations: "auto", or "manual" by a condition in the request\'s status',
      oneOf("auto", "manual"),
      "auto" as const,
    )
    .addOption(durationOption("--agent-token-ttl", "lifetime of an agent's token", "168h"))
    .option(
      "--legacy-credentials [bool]",
      "also put the agent's token into the request's status in clear, as the original does",
      boolean,
      false,
    );
}

function leaderOptions(command: Command): void {
  command
    .option(
      "--leader-elect [bool]",
      "run as active and standby; only the leader is ready",
      boolean,
      false,
    )
    .addOption(
      durationOption(
        "--leader-elect-lease-duration",
        "a standby takes over after this long without a renewal",
        "8s",
      ),
    )
    .addOption(
      durationOption(
        "--leader-elect-renew-deadline",
        "the leader steps down when it could not renew for this long",
        "5s",
      ),
    )
    .addOption(
      durationOption(
        "--leader-elect-retry-period",
        "time between tries to renew or to acquire",
        "1s",
      ),
    )
    .option(
      "--health-addr <host:port>",
      "also serve health and metrics here, without TLS",
      listenAddress,
    );
}

function tunnelOptions(command: Command): void {
  command
    .addOption(
      durationOption(
        "--agent-reconnect-spread",
        "agents spread their way back over this time",
        "10s",
      ),
    )
    .addOption(durationOption("--tunnel-ping-interval", "how often the hub pings a tunnel", "15s"))
    .addOption(durationOption("--tunnel-ping-timeout", "a silent tunnel is dead after this", "45s"))
    .addOption(durationOption("--response-timeout", "from request to response head", "65s"));
}

function limitOptions(command: Command): void {
  command
    .option(
      "--max-connections <n>",
      "connections of the public port, of callers not yet known half and 1,000 at most; 0: no limit",
      integer(0, 10_000_000),
      DEFAULT_MAX_CONNECTIONS,
    )
    .option(
      "--max-requests-per-user <n>",
      "requests of one user under way over all clusters, watches among them; 0: no limit",
      integer(0, 10_000_000),
      DEFAULT_CALLER_LIMITS.requestsPerUser,
    )
    .option(
      "--max-upgrades-per-user <n>",
      "exec, attach, port-forward of one user open over all clusters; 0: no limit",
      integer(0, 10_000_000),
      DEFAULT_CALLER_LIMITS.upgradesPerUser,
    )
    .option(
      "--max-upgrades-per-cluster <n>",
      "exec, attach, port-forward open to one cluster; 0: no limit",
      integer(0, 10_000_000),
      DEFAULT_CALLER_LIMITS.upgradesPerCluster,
    )
    .option(
      "--max-user-share <percent>",
      "of one cluster's streams and upgrades, what one user may hold; 100: all",
      integer(1, 100),
      DEFAULT_CALLER_LIMITS.userShare,
    )
    .option(
      "--max-attaches-per-second <n>",
      "dials of one cluster's agent in a second, ten times as many at once; 0: no limit",
      integer(0, 1_000),
      DEFAULT_CALLER_LIMITS.attachesPerSecond,
    );
}

function processOptions(command: Command): void {
  command
    .addOption(durationOption("--drain-timeout", "how long streams may go on after SIGTERM", "30s"))
    .option(
      "--runtime-dir <dir>",
      "private directory for the inner socket; a temporary one when absent",
    );
}

function auditOptions(command: Command): void {
  command
    .option(
      "--enable-tunnel-logging [bool]",
      "the original's name for --audit-log-path=-; that flag wins",
      boolean,
      false,
    )
    .option(
      "--audit-log-path <file>",
      'one JSON line for each request, upgrade and attach: a file, "-" for standard output, ' +
        '"off" for none (default: "-", standalone: audit.log in --data-dir)',
    )
    .option(
      "--audit-log-maxsize <MiB>",
      "the audit log's file is put aside above this size",
      integer(1, 1_000_000),
      100,
    )
    .option(
      "--audit-log-maxbackup <number>",
      "old audit log files that are kept; 0 keeps all",
      integer(0, 100_000),
      5,
    );
}

function logOptions(command: Command): void {
  command
    .option(
      "--feature-gates <gates>",
      "SocketConnection=true is accepted",
      featureGates,
      "SocketConnection=true",
    )
    .option("--logging-format <format>", "json or text", oneOf("json", "text"), "text" as const)
    .option(
      "-v, --verbosity <level>",
      "0 to 10; 4 and above is debug (also -v=4, --v=4)",
      integer(0, 10),
      2,
    );
}
