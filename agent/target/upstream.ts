/**
 * Connections from the agent to the servers of its cluster: pooled and verified, and never one
 * credential on the way to another server.
 *
 * @module
 */
import http from "node:http";
import https from "node:https";
import { isIP, type Socket } from "node:net";
import type { HeaderList } from "../../shared/headers.ts";
import { failure, type Status, StatusError } from "../../shared/kube/status.ts";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";
import type { MappedIdentity } from "./identity.ts";
import type { Decision } from "./policy.ts";

/** The child's own kube-apiserver and the agent's credential for it. */
export interface ChildApi {
  /** `https://host:port`, with a path prefix where there is one. */
  server: string;
  /** PEM; the system's CAs when left out. */
  ca?: string;
  /** The same as it is now, where it stands in a file. */
  readCa?: () => Promise<string>;
  /** Name to verify the certificate against, when it is not the URL's host. */
  tlsServerName?: string;
  /** The ServiceAccount token, read anew by the callee when it rotated. */
  token?: () => Promise<string | undefined>;
  /** PEM, instead of a token. */
  clientCert?: { cert: string; key: string };
}

/** Options of {@linkcode Upstreams}. */
export interface UpstreamsOptions {
  /** The child's own kube-apiserver. */
  child: ChildApi;
  /** PEM of CAs for allow-listed `https` targets, read at the first. @default {the system's CAs} */
  targetCa?: () => string;
  /**
   * Idle connections kept for each server. Busy ones are bounded by the tunnel's stream limit
   * alone: with a lower bound 64 watches would block every other request.
   * @default {16}
   */
  maxFreeSockets?: number;
  /**
   * How long an idle connection is kept, in milliseconds. Less than the 90 s of a kube-apiserver,
   * so that it is the agent who closes and no request meets a closing connection.
   * @default {30_000}
   */
  freeSocketMs?: number;
}

/** How to send one request. */
export interface Route {
  /** For messages: `the child's kube-apiserver at https://10.96.0.1:443`. */
  where: string;
  /** `true` when the caller is impersonated with the agent's own rights. */
  impersonates: boolean;
  /** The value of `Host`. */
  hostHeader: string;
  /** Goes before the path; no trailing slash. */
  prefix: string;
  /** To be added last: who asks. */
  identity: HeaderList;
  /** To be tried in turn while no connection comes about. */
  hosts: readonly string[];
  /** Starts a request; `fresh` takes a connection of its own, which an upgrade needs. */
  request(options: http.RequestOptions & { fresh?: boolean }): http.ClientRequest;
}

/** Makes a {@linkcode Route} from a {@linkcode Decision}; owns the connection pools. */
export class Upstreams {
  readonly #child: ChildApi;
  readonly #url: URL;
  readonly #readTargetCa: (() => string) | undefined;
  #targetCa: string | undefined;
  /** With the agent's client certificate, where it has one. */
  readonly #own: http.Agent;
  readonly #plain: http.Agent;
  readonly #tls: https.Agent;

  /** Makes empty pools; nothing is dialled. */
  constructor(
    { child, targetCa, maxFreeSockets = 16, freeSocketMs = 30_000 }: UpstreamsOptions,
  ) {
    this.#child = child;
    this.#url = new URL(child.server);
    this.#readTargetCa = targetCa;
    const options = {
      keepAlive: true,
      maxFreeSockets,
      timeout: freeSocketMs,
      scheduling: "lifo",
    } as const;
    this.#plain = new http.Agent(options);
    this.#tls = new https.Agent(options);
    this.#own = this.#url.protocol === "https:"
      ? new https.Agent(options)
      : new http.Agent(options);
  }

  /** Closes every connection, idle or busy. */
  close(): void {
    for (const agent of [this.#own, this.#plain, this.#tls]) agent.destroy();
  }

  /**
   * The way to the child's kube-apiserver.
   *
   * @param identity `undefined`: nobody, neither the caller nor the agent
   * @returns the route
   * @throws {StatusError} 502 when the agent cannot read its own token
   */
  async toChild(identity: MappedIdentity | undefined): Promise<Route> {
    const { readCa, tlsServerName, clientCert } = this.#child;
    const ca = await readCa?.() ?? this.#child.ca;
    const url = this.#url;
    const secure = url.protocol === "https:";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const impersonates = identity?.kind === "impersonate";
    const headers: HeaderList = [];
    if (identity?.kind === "impersonate") {
      const token = await this.#ownToken();
      if (token !== undefined) headers.push(["Authorization", `Bearer ${token}`]);
      headers.push(...identity.headers);
    } else if (identity?.kind === "token") {
      headers.push(["Authorization", `Bearer ${identity.token}`]);
    }
    const tls = {
      ...(ca === undefined ? {} : { ca }),
      servername: tlsServerName ?? (isIP(host) === 0 ? host : ""),
      ...(impersonates ? clientCert : undefined),
      ...(identity?.kind === "certificate" ? { cert: identity.cert, key: identity.key } : {}),
    };
    // A caller's certificate must not stay on a pooled connection
    const pool = identity?.kind === "certificate"
      ? false
      : impersonates
      ? this.#own
      : secure
      ? this.#tls
      : this.#plain;
    return {
      where: `the child's kube-apiserver at ${url.origin}`,
      impersonates,
      hostHeader: url.host,
      prefix: url.pathname.replace(/\/+$/, ""),
      identity: headers,
      hosts: [host],
      request: ({ fresh = false, ...options }) =>
        send(secure, {
          port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
          agent: fresh ? false : pool,
          ...(secure ? tls : {}),
          ...options,
        }),
    };
  }

  /**
   * The way to an allow-listed server: no identity, no credential of the agent.
   *
   * @returns the route; it dials the decision's addresses and verifies its name
   */
  toTarget(decision: Decision & { kind: "dial" }): Route {
    const secure = decision.scheme === "https";
    if (secure) this.#targetCa ??= this.#readTargetCa?.();
    const tls = {
      ...(this.#targetCa === undefined ? {} : { ca: this.#targetCa }),
      servername: isIP(decision.servername) === 0 ? decision.servername : "",
    };
    return {
      where: `${decision.scheme}://${decision.host} in the child cluster`,
      impersonates: false,
      hostHeader: decision.host,
      prefix: "",
      identity: [],
      hosts: decision.addresses,
      request: ({ fresh = false, ...options }) =>
        send(secure, {
          port: decision.port,
          agent: fresh ? false : secure ? this.#tls : this.#plain,
          ...(secure ? tls : {}),
          ...options,
        }),
    };
  }

  async #ownToken(): Promise<string | undefined> {
    try {
      return await this.#child.token?.();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw StatusError.of(502, `The agent cannot read its own token for the child: ${why}`);
    }
  }
}

/** What is read of an answer's head, in bytes: what fits into a HEAD frame of the tunnel. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Lines of an answer's head that are passed on. */
const MAX_HEADER_LINES = 1_000;

/**
 * Starts a request whose connection is read no faster than its answer is taken, and whose answer's
 * head is read up to 64 KiB.
 */
function send(secure: boolean, options: https.RequestOptions): http.ClientRequest {
  const bounded = { maxHeaderSize: MAX_HEAD_BYTES, ...options };
  const request = secure
    ? https.request(bounded).once("socket", boundOnceSecure)
    : http.request(bounded);
  request.maxHeadersCount = 0; // node would drop lines above 2,000 silently; we refuse instead
  return request;
}

/**
 * Why the head of an answer is not passed on, if it is not: a hostile server is to cost its own
 * caller a 502, and nobody else anything.
 *
 * @param where as in `Route.where`
 * @returns 502, or `undefined` for a head that may pass
 */
export function refusedHead(
  where: string,
  { rawHeaders, statusMessage = "" }: Pick<http.IncomingMessage, "rawHeaders" | "statusMessage">,
): Status | undefined {
  const lines = rawHeaders.length / 2;
  if (lines > MAX_HEADER_LINES) {
    return failure(
      502,
      `The answer of ${where} has ${lines} header lines; at most ${MAX_HEADER_LINES} are passed on`,
    );
  }
  const most = MAX_HEAD_BYTES - HEAD_ROOM;
  const chars = rawHeaders.reduce((sum, text) => sum + text.length + 1, statusMessage.length);
  // Bytes above 0x7f take two in a HEAD frame
  if (chars * 2 <= most) return undefined;
  const bytes = new TextEncoder().encode(rawHeaders.join("\0") + statusMessage).length;
  if (bytes <= most) return undefined;
  return failure(502, `The head of the answer of ${where} is larger than 60 KiB`);
}

/** Left of a HEAD frame for the status and our own `Warning`. */
const HEAD_ROOM = 4 * 1024;

/** Connections that were bound when they were new; a kept one comes again with each request. */
const bound = new WeakSet<Socket>();

function boundOnceSecure(socket: Socket): void {
  if (bound.has(socket)) return;
  bound.add(socket);
  socket.once("secureConnect", () => boundTlsReading(socket));
}
