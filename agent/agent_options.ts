/**
 * What the agent needs, and what it gives.
 *
 * @module
 */
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import type { KubeConnection, Transport } from "../shared/kube/transport.ts";
import type { Log } from "../shared/log.ts";
import type { MetricsRegistry } from "../shared/metrics.ts";
import type { MessageConn } from "../shared/tunnel/message_conn.ts";
import type { AgentFlags } from "./flags.ts";
import type { HealthCheck } from "./health.ts";

/** What a dial needs. */
export interface DialTarget {
  /** The whole address, `.../sockets/<id>/attach`. */
  url: string;
  /** Bearer token. */
  token?: string;
  /** PEM of the CAs to trust. */
  ca?: string;
  /** HTTP proxy on the way. */
  proxyUrl?: string;
  /** Private directory for sockets. */
  socketDir?: string;
  /** Gives up. */
  signal: AbortSignal;
}

/** Opens one connection to the hub; rejects with `DialError`. */
export type Dial = (target: DialTarget) => Promise<MessageConn>;

/** Options of `startAgent`. */
export interface AgentOptions {
  /** The parsed command line. */
  flags: AgentFlags;
  /** The child: how to reach it, and an open way there. */
  child: { config: ClusterConfig; transport: Transport };
  /** This agent's name in the election; may depend on the cluster. */
  identity: string | ((clusterId: string) => Promise<string>);
  /** Names this process towards the hub. */
  instanceId: string;
  /** Reads the bootstrap token anew; `undefined` when there is none. */
  bootstrapToken: () => Promise<string | undefined>;
  /**
   * Brings the CA of the parent that the operator pinned, as it is now; `undefined` for the
   * system's. Asked before each request: it must not search each time.
   *
   * @param known PEM that came with the credentials, may be empty: a CA to be found by its hash may
   * be in there
   */
  pinnedCa: (known: string, signal?: AbortSignal) => Promise<string | undefined>;
  /** PEM of the CAs of allow-listed `https` targets, read at the first. @default {the runtime's} */
  targetCa?: () => string;
  /** What this process may dial, for a warning at the start. @default {all} */
  netPermission?: (host: string) => Deno.PermissionState;
  /** HTTP proxy on the way to the parent, from flag or environment. */
  proxyUrl?: string;
  /** Takes the agent's metrics. */
  registry: MetricsRegistry;
  /** Where the agent says what it does. @default {silentLog} */
  log?: Log;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** 0 to 1. @default {Math.random} */
  random?: () => number;
  /** Opens connections to the parent's API. @default {kubeTransport} */
  connectParent?: (config: ClusterConfig) => KubeConnection;
  /** Dials the hub. @default {dialTunnel} */
  dial?: Dial;
}

/** How an agent ended. */
export type AgentEnd =
  /** It was asked to. */
  | { kind: "stopped" }
  /** The parent said no for good; the message says what an admin can do. */
  | { kind: "refused"; message: string }
  /** A fault that should not be; the log has it. */
  | { kind: "failed"; message: string };

/** A running agent. */
export interface Agent {
  /** Resolves when it has ended; never rejects. */
  readonly ended: Promise<AgentEnd>;
  /** Fails when the process should be restarted: never so far. */
  readonly livez: readonly HealthCheck[];
  /** Fails when it neither holds a tunnel nor stands by. */
  readonly readyz: readonly HealthCheck[];
  /** Lets streams finish, gives the lease back, ends. The same promise at each call. */
  stop(): Promise<void>;
}
