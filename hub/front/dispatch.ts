/**
 * One request or upgrade of the public port, from its first byte to its end: it is admitted, gets
 * its slot, goes to whoever serves it, and what fails on the way becomes an answer.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { failure, type Status, StatusError } from "../../shared/kube/status.ts";
import { SOCKETS_PREFIX } from "../../shared/sockets_path.ts";
import { type Admission, createAdmission, type Seen } from "./admission.ts";
import type { Connections } from "./connections.ts";
import { serveFetch } from "./fetch_adapter.ts";
import type { FrontOptions } from "./front_types.ts";
import type { Identity } from "./identity.ts";
import { sendStatus, sendStatusRaw, statusOf } from "./respond.ts";
import type { UnderWay } from "./under_way.ts";

/** A caller who left before anybody served them; no answer is sent. */
const GONE = { code: 0, message: "The caller left before the request was served" };
const PIPELINED = { code: 0, message: "The connection was cut: it did not wait for its answers" };
const RETRY: Record<string, string> = { "Retry-After": "1" };

/** Options of {@linkcode Dispatcher}. */
export interface DispatcherOptions {
  /** Those of the port: who admits, who serves, who is told. */
  front: FrontOptions;
  /** Is told which connections are busy, and whose caller is known. */
  connections: Connections;
  /** Counts what is served. */
  underWay: UnderWay;
  /** Whether the port drains: new requests are then refused. */
  draining: () => boolean;
}

/** Serves what the port's `request` and `upgrade` events bring. */
export class Dispatcher {
  readonly #front: FrontOptions;
  readonly #connections: Connections;
  readonly #underWay: UnderWay;
  readonly #draining: () => boolean;
  readonly #admit: Admission;

  /** Makes the dispatcher of one port. */
  constructor({ front, connections, underWay, draining }: DispatcherOptions) {
    this.#front = front;
    this.#connections = connections;
    this.#underWay = underWay;
    this.#draining = draining;
    this.#admit = createAdmission(front);
  }

  /** Serves a request; what fails becomes its answer. */
  async request(req: IncomingMessage, res: ServerResponse): Promise<void> {
    // A packet that was being parsed when the connection was cut may hold a thousand more
    if (req.socket.destroyed) return;
    const { api, embedded, log, metrics, proxyRequest } = this.#front;
    const peer = this.#peer(req);
    if (this.#underWay.full(req.socket)) {
      this.#refused(req, { upgrade: false, peer }, PIPELINED);
      return this.#connections.pipelined(req.socket);
    }
    let kind = "refused";
    this.#connections.busy(req.socket);
    const end = this.#underWay.begin(req.socket, () => {
      this.#connections.idle(req.socket);
      metrics?.request(kind, res.headersSent ? res.statusCode : 0);
    });
    res.once("close", end);
    res.on("error", () => {});
    req.on("error", () => {});
    const seen: Seen = {};
    let served = false;
    try {
      const unavailable = this.#unavailable(req.url ?? "");
      if (unavailable !== undefined) {
        this.#refused(req, { ...seen, upgrade: false, peer }, failure(503, unavailable));
        const close: Record<string, string> = this.#draining() ? { "Connection": "close" } : {};
        return sendStatus(req, res, failure(503, unavailable), { ...RETRY, ...close });
      }
      const { route, identity } = await this.#admit(req, false, seen);
      if (isKnown(identity)) this.#connections.known(req.socket);
      if (res.destroyed || req.socket.destroyed) {
        return this.#refused(req, { ...seen, upgrade: false, peer }, GONE);
      }
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
      if (!served) this.#refused(req, { ...seen, upgrade: false, peer }, status);
      // Whoever stands between may read an odd head otherwise, and take what follows for its own
      const close: Record<string, string> = seen.wellFormed ? {} : { "Connection": "close" };
      sendStatus(req, res, status, close);
    }
  }

  /** Serves an upgrade; what fails becomes its answer, or destroys the socket. */
  async upgrade(req: IncomingMessage, socket: Duplex, head: Uint8Array): Promise<void> {
    if (socket.destroyed) return;
    const { attach, log, metrics, proxyUpgrade } = this.#front;
    const peer = this.#peer(req);
    const end = this.#underWay.begin(socket);
    let kind = "refused";
    let code = 101;
    socket.on("error", () => {});
    (socket as TLSSocket).setTimeout(0); // keepAliveTimeout is not for these
    this.#connections.busy(socket); // For good: it is never idle again
    const seen: Seen = {};
    let served = false;
    try {
      const unavailable = this.#unavailable(req.url ?? "");
      if (unavailable !== undefined) {
        code = 503;
        this.#refused(req, { ...seen, upgrade: true, peer }, failure(503, unavailable));
        return sendStatusRaw(socket, failure(503, unavailable), RETRY);
      }
      const { route, identity } = await this.#admit(req, true, seen);
      if (isKnown(identity)) this.#connections.known(socket);
      if (socket.destroyed) {
        code = 0;
        return this.#refused(req, { ...seen, upgrade: true, peer }, GONE);
      }
      kind = route.kind;
      if (route.kind === "attach") {
        this.#front.limiter?.attach(route.clusterId);
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
      if (!served) this.#refused(req, { ...seen, upgrade: true, peer }, status);
      if (kind === "refused" || error instanceof StatusError) sendStatusRaw(socket, status);
      else socket.destroy(); // Bytes may have passed already
    } finally {
      metrics?.request(kind, code);
    }
  }

  /** Refuses a `CONNECT`, whatever it is for. */
  connect(req: IncomingMessage, socket: Duplex): void {
    if (socket.destroyed) return;
    const status = failure(405, "Cannot serve this method");
    this.#refused(req, { upgrade: false, peer: this.#peer(req) }, status);
    sendStatusRaw(socket, status);
  }

  /** A sentence when this hub cannot serve the route now. */
  #unavailable(url: string): string | undefined {
    if (this.#draining()) return "The hub is shutting down: try again";
    return url.startsWith(SOCKETS_PREFIX) ? this.#front.unavailable?.() : undefined;
  }

  /** A slot until the exchange is over. @throws {StatusError} 429 */
  #enter(identity: Identity, clusterId: string, upgrade: boolean): Disposable | undefined {
    return this.#front.limiter?.enter({ identity, clusterId, upgrade });
  }

  /** Tells that a request was refused before anybody served it. */
  #refused(
    req: IncomingMessage,
    { peer, ...seen }: Seen & { upgrade: boolean; peer: string | undefined },
    { code, message }: Pick<Status, "code" | "message">,
  ): void {
    const from = peer === undefined ? {} : { peer };
    this.#front.onRefused?.({ ...seen, ...from, req, code, reason: message });
  }

  /** Before anything is waited for: who is refused may be gone by then. */
  #peer({ socket }: IncomingMessage): string | undefined {
    return this.#front.onRefused === undefined ? undefined : socket.remoteAddress;
  }
}

/** Somebody in particular: not a health check, and nobody who came without a credential. */
function isKnown(identity: Identity | undefined): boolean {
  return identity !== undefined && identity.user !== "system:anonymous";
}
