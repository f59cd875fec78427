/**
 * The hub's public port: TLS, then who is it, may they, and where does it go.
 *
 * It is `node:https` since `Deno.serve` can neither ask for a client certificate, nor hand out
 * the connection of a SPDY upgrade, nor keep repeated header lines apart.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { failure, type Status, StatusError } from "../../shared/kube/status.ts";
import { SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";
import { type Admission, createAdmission, type Seen } from "./admission.ts";
import { Connections, DEFAULT_MAX_CONNECTIONS } from "./connections.ts";
import { serveFetch } from "./fetch_adapter.ts";
import type { Front, FrontLimits, FrontOptions } from "./front_types.ts";
import type { Identity } from "./identity.ts";
import { sendStatus, sendStatusRaw, statusOf } from "./respond.ts";
import { checkPair } from "./serving_pair.ts";

export type {
  ApiHandler,
  AttachContext,
  Front,
  FrontLimits,
  FrontOptions,
  ProxyRequestContext,
  ProxyUpgradeContext,
} from "./front_types.ts";

const DEFAULT_LIMITS: FrontLimits = {
  handshakeMs: 10_000,
  headersMs: 10_000,
  keepAliveMs: 130_000,
  maxConnections: DEFAULT_MAX_CONNECTIONS,
  maxHeaderSize: 64 * 1024,
};
const RETRY: Record<string, string> = { "Retry-After": "1" };

/** Not in `@types/node` yet: leaves `Upgrade: h2c` and the like to be served as plain requests. */
type UpgradeOptions = ServerOptions & {
  shouldUpgradeCallback: (request: IncomingMessage) => boolean;
  handshakeTimeout: number;
};

/**
 * Makes the public port.
 *
 * @returns the port, not yet listening
 */
export function createFront(options: FrontOptions): Front {
  return new HttpsFront(options);
}

class HttpsFront implements Front {
  readonly #options: FrontOptions;
  readonly #server: Server;
  readonly #admit: Admission;
  readonly #sockets = new Set<TLSSocket>();
  readonly #connections: Connections;
  /** Requests being answered on each connection: bytes of ours must not go in between. */
  readonly #busy = new WeakMap<Duplex, number>();
  readonly #subscriptions: (() => void)[] = [];
  #inFlight = 0;
  #draining = false;
  #onIdle: (() => void) | undefined;
  /** Set while the listener outlives the beginning of a drain. */
  #closeListener: (() => void) | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
    this.#admit = createAdmission(options);
    const limits = { ...DEFAULT_LIMITS, ...options.limits };
    const server = createServer({
      ...this.#secureContext(),
      requestCert: true,
      rejectUnauthorized: false,
      minVersion: "TLSv1.2",
      handshakeTimeout: limits.handshakeMs,
      headersTimeout: limits.headersMs,
      requestTimeout: 0,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      keepAliveTimeout: limits.keepAliveMs,
      maxHeaderSize: limits.maxHeaderSize,
      noDelay: true,
      requireHostHeader: false, // Ours says more than node's empty 400
      shouldUpgradeCallback: (request) => request.url?.startsWith(SOCKETS_PREFIX) === true,
    } as UpgradeOptions);
    server.maxHeadersCount = 0; // node would drop lines above 2,000 silently; we refuse instead
    server.on("request", (req, res) => void this.#onRequest(req, res));
    server.on("upgrade", (req, socket, head) => void this.#onUpgrade(req, socket, head));
    server.on("connect", (_req, socket) => {
      sendStatusRaw(socket, failure(405, "Cannot serve this method"));
    });
    this.#connections = new Connections({
      max: limits.maxConnections,
      keepAliveMs: limits.keepAliveMs,
      onClosed: (reason) => options.metrics?.limited(reason),
    });
    server.on("connection", (socket) => this.#connections.opened(socket));
    server.on("secureConnection", (socket) => this.#track(socket));
    server.on("clientError", (error, socket) => this.#onClientError(error, socket));
    this.#server = server;
    const reload = (): void => this.#reload();
    this.#subscriptions.push(
      options.serving.subscribe(reload),
      options.settings.subscribe(reload),
    );
  }

  get connections(): number {
    return this.#sockets.size;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  listen({ host, port }: { host: string; port: number }): Promise<{ host: string; port: number }> {
    return new Promise((resolve, reject) => {
      const onError = (cause: Error & { code?: string }): void => {
        const taken = cause.code === "EADDRINUSE"
          ? ": the port is in use; stop what listens there, or give --secure-port"
          : `: ${cause.message}`;
        reject(new Error(`Cannot listen at ${host}:${port}${taken}`, { cause }));
      };
      this.#server.once("error", onError);
      this.#server.listen(port, host, () => {
        this.#server.off("error", onError);
        this.#connections.start();
        this.#server.on("error", (error) => {
          this.#options.log.error("the public port failed", { error });
        });
        const address = this.#server.address() as AddressInfo;
        resolve({ host: address.address, port: address.port });
      });
    });
  }

  async drain(drainMs: number, acceptMs = 0): Promise<boolean> {
    if (!this.#draining) {
      this.#draining = true;
      for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
      await Promise.all([this.#acceptFor(Math.min(acceptMs, drainMs)), this.#idle(drainMs)]);
    } else {
      if (acceptMs === 0) this.#closeListener?.();
      await this.#idle(drainMs);
    }
    return this.#inFlight === 0;
  }

  /** Keeps the listener for a while, then closes it. */
  async #acceptFor(ms: number): Promise<void> {
    if (ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#closeListener = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      this.#closeListener = undefined;
    }
    this.#server.close(); // Drops idle connections too; those with a request go on
  }

  /** Waits until no request is under way. */
  async #idle(drainMs: number): Promise<void> {
    if (this.#inFlight === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, drainMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onIdle = undefined;
  }

  async close({ drainMs }: { drainMs: number }): Promise<void> {
    const clean = await this.drain(drainMs);
    if (!clean) {
      this.#options.log.warn("requests were cut: they did not end within --drain-timeout", {
        count: this.#inFlight,
      });
    }
    const closed = [...this.#sockets].map((socket) =>
      new Promise<void>((resolve) => {
        if (socket.closed) return resolve();
        socket.once("close", () => resolve());
        socket.destroy();
      })
    );
    await Promise.all(closed);
    this.#connections.stop();
  }

  #secureContext(): { cert: string; key: string; ca: string[] } {
    const { serving, settings } = this.#options;
    const { requestHeaderCa, clientCa } = settings.value;
    const ca = [requestHeaderCa.pem, clientCa.pem].filter((pem) => pem !== "");
    return { cert: serving.value.cert, key: serving.value.key, ca };
  }

  #reload(): void {
    try {
      checkPair(this.#options.serving.value);
      this.#server.setSecureContext(this.#secureContext());
    } catch (error) {
      this.#options.log.error("the new certificates cannot be used; the old ones stay", { error });
    }
  }

  #track(socket: TLSSocket): void {
    const { metrics } = this.#options;
    socket.setNoDelay(true);
    boundTlsReading(socket); // Or uploads that nobody reads would fill the memory
    socket.on("error", () => {}); // A peer that resets is no news
    this.#connections.secured(socket);
    this.#sockets.add(socket);
    metrics?.connections.set(this.#sockets.size);
    socket.once("close", () => {
      this.#sockets.delete(socket);
      metrics?.connections.set(this.#sockets.size);
    });
  }

  #begin(socket: Duplex): () => void {
    this.#inFlight++;
    this.#busy.set(socket, (this.#busy.get(socket) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#busy.set(socket, (this.#busy.get(socket) ?? 1) - 1);
      if (--this.#inFlight === 0) this.#onIdle?.();
    };
  }

  /** A sentence when this hub cannot serve the route now. */
  #unavailable(url: string): string | undefined {
    if (this.#draining) return "The hub is shutting down: try again";
    return url.startsWith(SOCKETS_PREFIX) ? this.#options.unavailable?.() : undefined;
  }

  /** A slot until the exchange is over. @throws {StatusError} 429 */
  #enter(identity: Identity, clusterId: string, upgrade: boolean): Disposable | undefined {
    return this.#options.limiter?.enter({ identity, clusterId, upgrade });
  }

  /** Tells that a request was refused before anybody served it. */
  #refused(req: IncomingMessage, upgrade: boolean, seen: Seen, { code, message }: Status): void {
    this.#options.onRefused?.({ ...seen, req, upgrade, code, reason: message });
  }

  async #onRequest(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { api, embedded, log, metrics, proxyRequest } = this.#options;
    const end = this.#begin(req.socket);
    let kind = "refused";
    this.#connections.busy(req.socket);
    res.once("close", () => {
      this.#connections.idle(req.socket);
      metrics?.request(kind, res.headersSent ? res.statusCode : 0);
      end();
    });
    res.on("error", () => {});
    req.on("error", () => {});
    const seen: Seen = {};
    let served = false;
    try {
      const unavailable = this.#unavailable(req.url ?? "");
      if (unavailable !== undefined) {
        this.#refused(req, false, seen, failure(503, unavailable));
        const close: Record<string, string> = this.#draining ? { "Connection": "close" } : {};
        return sendStatus(req, res, failure(503, unavailable), { ...RETRY, ...close });
      }
      const { route, identity } = await this.#admit(req, false, seen);
      if (isKnown(identity)) this.#connections.known(req.socket);
      if (res.destroyed || req.socket.destroyed) return;
      kind = route.kind;
      if (route.kind === "proxy") {
        using _slot = this.#enter(identity!, route.path.clusterId, false);
        served = true;
        const { verb } = route.attributes;
        await proxyRequest({ ...seen, req, res, path: route.path, verb, identity: identity! });
      } else if (route.kind === "kube") {
        await serveFetch(req, res, (request) => embedded!.handle(request, identity!));
      } else {
        await serveFetch(req, res, (request) => api(request, identity));
      }
    } catch (error) {
      if (!(error instanceof StatusError)) log.error("a request failed", { error, kind });
      const status = statusOf(error);
      if (!served) this.#refused(req, false, seen, status);
      sendStatus(req, res, status);
    }
  }

  async #onUpgrade(req: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    const { attach, log, metrics, proxyUpgrade } = this.#options;
    const end = this.#begin(socket);
    let kind = "refused";
    let code = 101;
    socket.once("close", end);
    socket.on("error", () => {});
    (socket as TLSSocket).setTimeout(0); // keepAliveTimeout is not for these
    this.#connections.busy(socket); // For good: it is never idle again
    const seen: Seen = {};
    let served = false;
    try {
      const unavailable = this.#unavailable(req.url ?? "");
      if (unavailable !== undefined) {
        code = 503;
        this.#refused(req, true, seen, failure(503, unavailable));
        return sendStatusRaw(socket, failure(503, unavailable), RETRY);
      }
      const { route, identity } = await this.#admit(req, true, seen);
      if (isKnown(identity)) this.#connections.known(socket);
      if (socket.destroyed) {
        code = 0;
        return;
      }
      kind = route.kind;
      if (route.kind === "attach") {
        this.#options.limiter?.attach(route.clusterId);
        end(); // A tunnel outlives a drain
        served = true;
        await attach({
          ...seen,
          req,
          socket,
          head,
          clusterId: route.clusterId,
          identity: identity!,
        });
      } else if (route.kind === "proxy") {
        using _slot = this.#enter(identity!, route.path.clusterId, true);
        served = true;
        const { verb } = route.attributes;
        await proxyUpgrade({
          ...seen,
          req,
          socket,
          head,
          path: route.path,
          verb,
          identity: identity!,
        });
      } else {
        throw StatusError.of(400, "Cannot upgrade this path: only sockets/<id>/... can be");
      }
    } catch (error) {
      if (!(error instanceof StatusError)) log.error("an upgrade failed", { error, kind });
      const status = statusOf(error);
      code = status.code;
      if (!served) this.#refused(req, true, seen, status);
      if (kind === "refused" || error instanceof StatusError) sendStatusRaw(socket, status);
      else socket.destroy(); // Bytes may have passed already
    } finally {
      metrics?.request(kind, code);
    }
  }

  #onClientError(error: Error & { code?: string }, socket: Duplex): void {
    socket.on("error", () => {});
    const slow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    // Anything else, such as ECONNRESET, is a peer that went away
    if (!slow && error.code?.startsWith("HPE_") !== true) return void socket.destroy();
    this.#options.metrics?.refused(slow ? "slow" : "malformed");
    // In the middle of another answer, ours would be taken for a part of it
    if ((this.#busy.get(socket) ?? 0) > 0) return void socket.destroy();
    const status = error.code === "HPE_HEADER_OVERFLOW"
      ? failure(431, "Cannot read the request: its head is larger than 64 KiB")
      : slow
      ? failure(408, "Cannot read the request: its head did not arrive in time")
      : failure(400, "Cannot read the request: it is not well-formed HTTP/1.1");
    sendStatusRaw(socket, status);
  }
}

/** Somebody in particular: not a health check, and nobody who came without a credential. */
function isKnown(identity: Identity | undefined): boolean {
  return identity !== undefined && identity.user !== "system:anonymous";
}
