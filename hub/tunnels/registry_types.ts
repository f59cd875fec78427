/**
 * What goes into and comes out of the registry of tunnels.
 *
 * @module
 */
import type { Log } from "../../shared/log.ts";
import type { SessionConfig } from "../../shared/tunnel/config.ts";
import type { PeerHello } from "../../shared/tunnel/hello.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import type { WindowBudget } from "../../shared/tunnel/window.ts";
import type { DuplicateOptions } from "./duplicates.ts";
import type { TunnelMetrics } from "./metrics.ts";

/** What the public port knows of an attach. */
export interface AttachMeta {
  /** Address of the peer, for logs. */
  remote: string;
  /** UID of the ServiceAccount that dialled. */
  serviceAccountUid?: string;
}

/** What happened to a cluster's tunnel. Times are milliseconds of the hub's clock. */
export type TunnelEvent =
  /** The session's HELLO came: requests go to it from now on. */
  | {
    type: "connected";
    clusterId: string;
    at: number;
    replaced: boolean;
    info: TunnelInfo;
    /** The live session of another instance that it took the place of. */
    displaced?: TunnelInfo;
  }
  /** What the agent said of itself; comes with each `connected`. */
  | { type: "hello"; clusterId: string; at: number; hello: PeerHello }
  /** No session is left that requests could go to. */
  | { type: "disconnected"; clusterId: string; at: number; reason: string; code: number }
  /** Two instances fought for the cluster; both are refused for a while. */
  | {
    type: "duplicate";
    clusterId: string;
    at: number;
    instances: [string, string];
    refusedMs: number;
  };

/** A connected tunnel. */
export interface TunnelInfo extends AttachMeta {
  /** The agent's process. */
  instanceId: string;
  /** As it says of itself. */
  agentVersion?: string;
  /** When its HELLO came, in milliseconds. */
  connectedAt: number;
}

/** What is remembered of a cluster. */
export interface LastSeen {
  /** When its latest session came up. */
  connectedAt?: number;
  /** When it was lost; absent while one is up. */
  disconnectedAt?: number;
  /** Why. */
  reason?: string;
}

/** Options of {@linkcode TunnelRegistry}. */
export interface TunnelRegistryOptions {
  /** This hub process. */
  instanceId: string;
  /** Window, ping and limit settings of each session. */
  config?: Partial<SessionConfig>;
  /** The process' budget of receive windows, shared by all sessions. */
  budget?: WindowBudget;
  /** Over how long agents spread their return, in milliseconds; told in HELLO. */
  reconnectSpreadMs?: number;
  /** How long a replaced session may drain, in milliseconds. @default {30_000} */
  drainMs?: number;
  /** How long after a loss, or after the hub's start, a return is expected. @default {5_000} */
  returnDueMs?: number;
  /** When two agents of one cluster are a fight. */
  duplicates?: DuplicateOptions;
  /** Counts, where given. */
  metrics?: TunnelMetrics;
  /** Streams that an agent opens; they are refused when left out. */
  onStream?: (clusterId: string, stream: TunnelStream) => void;
  /** Told of tunnels that come and go. @default {silentLog} */
  log?: Log;
  /** The hub's clock, in milliseconds. @default {Date.now} */
  now?: () => number;
  /** Spreads waits; 0 to 1. @default {Math.random} */
  random?: () => number;
}
