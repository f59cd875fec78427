/**
 * Tells the audit log of requests, upgrades and attaches, and of those that were refused. What runs
 * here runs at the end of every request: it builds one small record and pushes it.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { formatTarget, SOCKETS_PREFIX, type SocketsPath } from "../../shared/sockets_path.ts";
import {
  type AuditedCaller,
  type AuditRecord,
  type AuditSink,
  barePath,
  boundedCaller,
  cut,
  fromFrontProxy,
  MAX_TEXT,
} from "./record.ts";

/** How an exchange ended; `up` is towards the child. */
export interface AuditedEnd {
  /** Status that the client was given; 0 when it left before. */
  status: number;
  /** Body bytes towards the child. */
  up: number;
  /** Body bytes towards the client. */
  down: number;
  /** Why the hub answered by itself, where it did. */
  reason?: string;
}

/** A request whose caller was authorised. */
export interface AuditedRequest {
  req: IncomingMessage;
  /** Who calls. */
  identity: AuditedCaller;
  /** User who impersonates the caller. */
  impersonator?: string;
}

/** A request that was refused, with what was known by then. */
export interface AuditedRefusal {
  req: IncomingMessage;
  upgrade: boolean;
  /** What it was read as. */
  route?: {
    kind: string;
    attributes?: { verb: string };
    clusterId?: string;
    path?: SocketsPath;
  };
  /** Absent when the caller was not authenticated. */
  identity?: AuditedCaller;
  /** User who impersonates the caller. */
  impersonator?: string;
  /** Address of the connection, where it may be closed by now. */
  peer?: string;
  /** 0 when the caller left before. */
  code: number;
  reason: string;
}

/** Options of {@linkcode Auditor}. */
export interface AuditorOptions {
  sink: AuditSink;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** Refusals of callers without a credential: at once, and a second after that. */
const UNAUTHENTICATED_BURST = 200;
const UNAUTHENTICATED_PER_SECOND = 20;
/** Scheme and authority of a target in absolute form (RFC 9112 section 3.2.2). */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i;
const IN_PREFIX = /^[0-9a-f-]{36}(?=[/?]|$)/;

/** See the module text. */
export class Auditor {
  readonly #sink: AuditSink;
  readonly #now: () => number;
  #allowance = UNAUTHENTICATED_BURST;
  #filledAt: number;

  /** Holds nothing but the rate of unauthenticated callers. */
  constructor({ sink, now }: AuditorOptions) {
    this.#sink = sink;
    this.#now = now;
    this.#filledAt = now();
  }

  /**
   * Begins with a proxied request.
   *
   * @returns to be called once, when it ended
   */
  proxied(
    request: AuditedRequest & { path: SocketsPath & { kind: "proxy" }; verb: string },
    upgrade: boolean,
  ): (end: AuditedEnd, ms: number) => void {
    const { path, verb } = request;
    // A socket that is closed does not tell its peer any more
    const peer = request.req.socket.remoteAddress;
    return ({ status, up, down, reason }, ms) => {
      this.#sink.push({
        ...this.#who(request, peer),
        event: "request",
        cluster: path.clusterId,
        verb,
        target: formatTarget(path.target),
        path: barePath(path.path),
        upgrade,
        code: status,
        bytesUp: up,
        bytesDown: down,
        ms,
        reason: reason === undefined ? undefined : cut(reason, MAX_TEXT),
      });
    };
  }

  /**
   * An agent's connection was authorised; its tunnel ends much later.
   *
   * @param refusal what the door answered instead of 101
   */
  attached(
    request: AuditedRequest & { clusterId: string },
    refusal?: { code: number; message: string },
  ): void {
    this.#sink.push({
      ...this.#who(request, request.req.socket.remoteAddress),
      event: "attach",
      cluster: request.clusterId,
      verb: "get",
      path: barePath(request.req.url ?? ""),
      upgrade: true,
      code: refusal?.code ?? 101,
      reason: refusal === undefined ? undefined : cut(refusal.message, MAX_TEXT),
    });
  }

  /** A request was refused before it was proxied; those that are not for `sockets/...` are left out. */
  refused(refusal: AuditedRefusal): void {
    const { req, upgrade, route, identity, code, reason } = refusal;
    const url = (req.url ?? "").replace(ORIGIN, "");
    if (!url.startsWith(SOCKETS_PREFIX)) return;
    if (identity === undefined && !this.#takeUnauthenticated()) {
      return this.#sink.leaveOut("unauthenticated");
    }
    const proxy = route?.path?.kind === "proxy" ? route.path : undefined;
    this.#sink.push({
      ...this.#who(refusal, refusal.peer ?? req.socket.remoteAddress),
      event: route?.kind === "attach" ? "attach" : "request",
      cluster: proxy?.clusterId ?? route?.clusterId ??
        IN_PREFIX.exec(url.slice(SOCKETS_PREFIX.length, SOCKETS_PREFIX.length + 40))?.[0],
      verb: route?.attributes?.verb,
      target: proxy === undefined ? undefined : formatTarget(proxy.target),
      path: barePath(proxy?.path ?? url),
      upgrade,
      code,
      reason: cut(reason, MAX_TEXT),
    });
  }

  #who(
    { req, identity, impersonator }: Partial<AuditedRequest> & { req: IncomingMessage },
    peer: string | undefined,
  ): Pick<
    AuditRecord,
    "at" | "auditId" | "forwardedFor" | "peer" | "caller" | "impersonator" | "method"
  > {
    const told = identity?.via === "front-proxy"
      ? fromFrontProxy(req.rawHeaders)
      : { auditId: undefined, forwardedFor: undefined };
    return {
      at: this.#now(),
      auditId: told.auditId,
      forwardedFor: told.forwardedFor,
      peer,
      caller: identity === undefined ? undefined : boundedCaller(identity),
      impersonator: impersonator === undefined ? undefined : cut(impersonator, MAX_TEXT),
      method: req.method ?? "GET",
    };
  }

  #takeUnauthenticated(): boolean {
    const now = this.#now();
    const filled = Math.max(0, now - this.#filledAt) / 1000 * UNAUTHENTICATED_PER_SECOND;
    this.#allowance = Math.min(UNAUTHENTICATED_BURST, this.#allowance + filled);
    this.#filledAt = now;
    if (this.#allowance < 1) return false;
    this.#allowance--;
    return true;
  }
}
