/**
 * The connections of the public port: how many there may be, and how long an idle one stays.
 *
 * Behind a parent, a load balancer or NAT many callers share one address, so no address is bounded
 * by itself. Instead a connection is a stranger's until its caller is known, by a certificate that
 * the handshake verified or by a request that was let in. Strangers hold half of the connections at
 * most, and no more than {@linkcode MAX_STRANGERS}; when there are more, the one that has been a stranger for longest goes: a flood throws
 * out itself, and who has a credential needs one handshake and one request.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { destroyUnparsed } from "../../shared/stop_parsing.ts";

/** What a hub without `--max-connections` has. */
export const DEFAULT_MAX_CONNECTIONS = 100_000;

/**
 * Connections of callers who are not known yet. Each may hold a head of 64 KiB that is not complete,
 * which costs 160 KiB (measured): 160 MB together, where the Deployment has 1 GiB. It is enough for
 * a fleet of 5,000 agents that comes back at 500 a second, each a stranger for some 100 ms.
 */
export const MAX_STRANGERS = 1_000;

/** Why a connection was closed; the label of the metric. */
export type ConnectionReason = "connections" | "strangers" | "idle" | "pipelined";

/** Options of {@linkcode Connections}. */
export interface ConnectionsOptions {
  /** Connections at a time; 0: no limit. */
  max: number;
  /**
   * How long a connection may be idle after an answer, in milliseconds. node's own limit counts
   * anew from each byte, also from an empty line, which is no request.
   */
  keepAliveMs: number;
  /** Told of each connection that is closed here. */
  onClosed: (reason: ConnectionReason) => void;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
}

const MAX_CHECK_MS = 1_000;

/** Knows every connection, from its first packet on. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #now: () => number;
  /** TCP sockets. */
  readonly #all = new Set<Duplex>();
  /** Of them those whose caller is not known; the oldest first. */
  readonly #strangers = new Set<Duplex>();
  /** Requests under way, by TLS socket. */
  readonly #busy = new WeakMap<Duplex, number>();
  /** TLS sockets that wait for a next request, and since when; the oldest first. */
  readonly #idle = new Map<Duplex, number>();
  /** TLS sockets whose end is listened for. */
  readonly #watched = new WeakSet<Duplex>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Makes one without connections. */
  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** TCP connections, those in their handshake among them. */
  get size(): number {
    return this.#all.size;
  }

  /** Connections whose caller is not known. */
  get strangers(): number {
    return this.#strangers.size;
  }

  /** Begins to look for idle connections. */
  start(): void {
    const everyMs = Math.min(MAX_CHECK_MS, this.#options.keepAliveMs);
    this.#timer ??= setInterval(() => this.#closeIdle(), everyMs);
  }

  /** Ends it. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** A TCP connection came; it is destroyed at once when there are too many. */
  opened(socket: Duplex): void {
    const { max } = this.#options;
    socket.once("close", () => {
      this.#all.delete(socket);
      this.#strangers.delete(socket);
    });
    this.#all.add(socket);
    this.#strangers.add(socket);
    if (max === 0) return;
    if (this.#strangers.size > Math.min(Math.ceil(max / 2), MAX_STRANGERS)) {
      this.#closeOldest("strangers");
    } else if (this.#all.size > max) this.#closeOldest("connections");
  }

  /** The handshake is done; a certificate that it verified makes the caller known. */
  secured(socket: TLSSocket): void {
    if (socket.authorized) this.known(socket);
  }

  /** A request of somebody who is known was let in. */
  known(socket: Duplex): void {
    this.#strangers.delete(tcpOf(socket));
  }

  /** A request begins. */
  busy(socket: Duplex): void {
    this.#idle.delete(socket);
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
  }

  /** A request is over. */
  idle(socket: Duplex): void {
    const left = (this.#busy.get(socket) ?? 1) - 1;
    this.#busy.set(socket, left);
    if (left > 0 || socket.destroyed) return;
    if (!this.#watched.has(socket)) {
      this.#watched.add(socket);
      socket.once("close", () => this.#idle.delete(socket));
    }
    this.#idle.set(socket, this.#now());
  }

  /** Requests came faster than the answers were waited for: the connection is destroyed. */
  pipelined(socket: Duplex): void {
    this.#options.onClosed("pipelined");
    destroyUnparsed(socket);
  }

  /** When all are known callers', this is the one that just came. */
  #closeOldest(reason: ConnectionReason): void {
    for (const socket of this.#strangers) {
      this.#options.onClosed(reason);
      this.#strangers.delete(socket);
      this.#all.delete(socket);
      socket.destroy();
      return;
    }
  }

  #closeIdle(): void {
    const before = this.#now() - this.#options.keepAliveMs;
    for (const [socket, since] of this.#idle) {
      if (since > before) return;
      this.#idle.delete(socket);
      this.#options.onClosed("idle");
      socket.destroy();
    }
  }
}

/** The TCP socket below a TLS socket: node's servers keep it there. */
function tcpOf(socket: Duplex): Duplex {
  return (socket as { _parent?: Duplex })._parent ?? socket;
}
