/**
 * What goes into the public port and what comes out of it.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { HeaderList } from "../../shared/headers.ts";
import type { Log } from "../../shared/log.ts";
import type { Seen } from "./admission.ts";
import type { AgentCheck } from "./agent_check.ts";
import type { Authorizer } from "./authorizer.ts";
import type { FrontMetrics } from "./front_metrics.ts";
import type { FrontProxySettings } from "./front_proxy_config.ts";
import type { Authenticator, Identity } from "./identity.ts";
import type { CallerLimiter } from "./limits.ts";
import type { ProxyPath } from "./routes.ts";
import type { ServingPair } from "./serving_pair.ts";
import type { Source } from "./source.ts";

/** A request that is refused before anybody serves it. */
export interface Refusal extends Seen {
  /** Its body is unread. */
  req: IncomingMessage;
  /** Whether it asked for an upgrade. */
  upgrade: boolean;
  /** Address of the connection: one that is closed does not tell it any more. */
  peer?: string;
  /** HTTP status of the answer; 0 when the caller left before. */
  code: number;
  /** The sentence that the client reads. */
  reason: string;
}

/** A user's request for a child, authorised. */
export interface ProxyRequestContext {
  /** Its body is unread. */
  req: IncomingMessage;
  /** No head was written yet. */
  res: ServerResponse;
  /** The cluster that was authorised, the target and the path there. */
  path: ProxyPath;
  /** The RBAC verb that was authorised. */
  verb: string;
  /** Who calls. */
  identity: Identity;
  /** User who impersonates the caller, where no parent stands before the hub. */
  impersonator?: string;
}

/** A user's upgrade for a child, authorised. */
export interface ProxyUpgradeContext {
  /** Its head; the rest is on the socket. */
  req: IncomingMessage;
  /** A `TLSSocket`. */
  socket: Duplex;
  /** Bytes that came behind the request head. */
  head: Uint8Array;
  /** The cluster that was authorised, the target and the path there. */
  path: ProxyPath;
  /** The RBAC verb that was authorised. */
  verb: string;
  /** Who calls. */
  identity: Identity;
  /** User who impersonates the caller, where no parent stands before the hub. */
  impersonator?: string;
}

/** An agent's dial, authorised. */
export interface AttachContext {
  /** Its head; the rest is on the socket. */
  req: IncomingMessage;
  /** A `TLSSocket`. */
  socket: Duplex;
  /** Bytes that came behind the request head. */
  head: Uint8Array;
  /** The cluster whose agent this is. */
  clusterId: string;
  /** The agent's ServiceAccount. */
  identity: Identity;
  /** User who impersonates it, where no parent stands before the hub. */
  impersonator?: string;
}

/** Serves what is not about a child; identity is absent for health. */
export type ApiHandler = (request: Request, identity: Identity | undefined) => Promise<Response>;

/** The Kubernetes API, where the hub serves it itself. */
export interface EmbeddedKube {
  /** Serves everything but `sockets/...`; authorises by itself. */
  handle: (request: Request, identity: Identity) => Promise<Response>;
  /**
   * Whom a caller of `sockets/...` acts as: kube-apiserver does this for an aggregated hub.
   *
   * @param headers as they came
   * @throws {StatusError} 400, 403
   */
  impersonate: (headers: HeaderList, identity: Identity) => Identity;
}

/** Limits of the public port, in milliseconds and bytes. */
export interface FrontLimits {
  /** TLS handshake. @default {10_000} */
  handshakeMs: number;
  /** Request head. @default {10_000} */
  headersMs: number;
  /** Idle connection; above the 90 s that Go's HTTP client reuses one. @default {130_000} */
  keepAliveMs: number;
  /** Connections, half of them and 1,000 strangers' at most; 0: no limit. @default {100_000} */
  maxConnections: number;
  /** Request head, in bytes. @default {65_536} */
  maxHeaderSize: number;
}

/** Options of {@linkcode createFront}. */
export interface FrontOptions {
  /** Followed as it changes; new handshakes see the new certificate. */
  serving: Source<ServingPair>;
  /** Its CAs are what TLS verifies client certificates against; followed as they change. */
  settings: Source<FrontProxySettings>;
  /** Tells who calls. */
  authenticator: Authenticator;
  /** Tells what it may. */
  authorizer: Authorizer;
  /** Decides who may open a cluster's tunnel. */
  agentCheck: AgentCheck;
  /** Serves what is not about a child. */
  api: ApiHandler;
  /** Absent: a parent's kube-apiserver stands before this port. */
  embedded?: EmbeddedKube;
  /** Forwards a request; a rejection becomes a 500 or a cut. */
  proxyRequest: (context: ProxyRequestContext) => Promise<void> | void;
  /** Forwards an upgrade and owns the socket from then on. */
  proxyUpgrade: (context: ProxyUpgradeContext) => Promise<void> | void;
  /** Takes an agent's connection and owns the socket from then on. */
  attach: (context: AttachContext) => Promise<void> | void;
  /** Bounds what callers and agents may hold; absent: nothing does. */
  limiter?: CallerLimiter;
  /** A sentence while `sockets/...` cannot be served here, as on a standby: 503, retry at once. */
  unavailable?: () => string | undefined;
  /** Told of each request that is refused before anybody serves it; must not throw. */
  onRefused?: (refusal: Refusal) => void;
  /** Where failures are written. */
  log: Log;
  /** Counts requests and connections. */
  metrics?: FrontMetrics;
  /** Limits other than the defaults. */
  limits?: Partial<FrontLimits>;
}

/** The public port. */
export interface Front {
  /**
   * Listens.
   *
   * @param address port 0 takes a free one
   * @returns where it listens
   */
  listen(address: { host: string; port: number }): Promise<{ host: string; port: number }>;
  /** TLS connections open now. */
  readonly connections: number;
  /** Users' requests and upgrades under way; tunnels of agents do not count. */
  readonly inFlight: number;
  /**
   * Refuses new requests (503 with `Retry-After`), stops accepting connections, and waits for the
   * requests under way. Open tunnels stay.
   *
   * @param drainMs how long to wait, in milliseconds
   * @param acceptMs how long to go on accepting, so that who was not told yet reads a 503 and no
   * refused connection; at most `drainMs`. A later drain without it ends this. @default {0}
   * @returns `true` when nothing was left
   */
  drain(drainMs: number, acceptMs?: number): Promise<boolean>;
  /** Drains, then destroys every connection that is left. */
  close(options: { drainMs: number }): Promise<void>;
}
