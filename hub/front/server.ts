/**
 * The hub's public port: it listens, speaks TLS with certificates that change, bounds connections
 * and drains. What a request comes to is `dispatch.ts`.
 *
 * It is `node:https` since `Deno.serve` can neither ask for a client certificate, nor hand out
 * the connection of a SPDY upgrade, nor keep repeated header lines apart.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { createServer, type Server, type ServerOptions } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { failure } from "../../shared/kube/status.ts";
import { SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";
import { Connections, DEFAULT_MAX_CONNECTIONS } from "./connections.ts";
import { Dispatcher } from "./dispatch.ts";
import type { Front, FrontLimits, FrontOptions } from "./front_types.ts";
import { sendStatusRaw } from "./respond.ts";
import { checkPair } from "./serving_pair.ts";
import { UnderWay } from "./under_way.ts";

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
  readonly #sockets = new Set<TLSSocket>();
  readonly #connections: Connections;
  readonly #underWay = new UnderWay();
  readonly #subscriptions: (() => void)[] = [];
  #draining = false;
  /** Set while the listener outlives the beginning of a drain. */
  #closeListener: (() => void) | undefined;

  constructor(options: FrontOptions) {
    this.#options = options;
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
    this.#connections = new Connections({
      max: limits.maxConnections,
      keepAliveMs: limits.keepAliveMs,
      onClosed: (reason) => options.metrics?.limited(reason),
    });
    const dispatcher = new Dispatcher({
      front: options,
      connections: this.#connections,
      underWay: this.#underWay,
      draining: () => this.#draining,
    });
    server.on("request", (req, res) => void dispatcher.request(req, res));
    // Or node would answer it with an empty 417
    server.on("checkExpectation", (req, res) => void dispatcher.request(req, res));
    server.on("connect", (req, socket) => dispatcher.connect(req, socket));
    server.on("upgrade", (req, socket, head) => void dispatcher.upgrade(req, socket, head));
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
    return this.#underWay.count;
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
      await Promise.all([
        this.#acceptFor(Math.min(acceptMs, drainMs)),
        this.#underWay.idle(drainMs),
      ]);
    } else {
      if (acceptMs === 0) this.#closeListener?.();
      await this.#underWay.idle(drainMs);
    }
    return this.#underWay.count === 0;
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

  async close({ drainMs }: { drainMs: number }): Promise<void> {
    const clean = await this.drain(drainMs);
    if (!clean) {
      this.#options.log.warn("requests were cut: they did not end within --drain-timeout", {
        count: this.#underWay.count,
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

  #onClientError(error: Error & { code?: string }, socket: Duplex): void {
    socket.on("error", () => {});
    const slow = error.code === "ERR_HTTP_REQUEST_TIMEOUT";
    // Anything else, such as ECONNRESET, is a peer that went away
    if (!slow && error.code?.startsWith("HPE_") !== true) return void socket.destroy();
    this.#options.metrics?.refused(slow ? "slow" : "malformed");
    // In the middle of another answer, ours would be taken for a part of it
    if (this.#underWay.on(socket)) return void socket.destroy();
    const status = error.code === "HPE_HEADER_OVERFLOW"
      ? failure(431, "Cannot read the request: its head is larger than 64 KiB")
      : slow
      ? failure(408, "Cannot read the request: its head did not arrive in time")
      : failure(400, "Cannot read the request: it is not well-formed HTTP/1.1");
    sendStatusRaw(socket, status);
  }
}
