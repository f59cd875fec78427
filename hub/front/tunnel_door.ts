/**
 * From an authorised upgrade on the public port to a native WebSocket.
 *
 * `Deno.serve` can neither ask for client certificates nor hijack a connection, and
 * `Deno.upgradeWebSocket` works only there. So the public port (`node:https`) hands the socket to
 * this door, which writes a request of its own to an inner `Deno.serve` on a socket file and
 * copies bytes from there on.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { fromRaw, header, type HeaderList, headerValues } from "../../shared/headers.ts";
import { failure, type Status, statusResponse, warningValue } from "../../shared/kube/status.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { CLOSE_CODE_BASE, SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { webSocketConn } from "../../shared/tunnel/websocket_conn.ts";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";
import { TunnelSplice } from "./tunnel_splice.ts";
import { TunnelTickets } from "./tunnel_tickets.ts";

/** Options of {@linkcode TunnelDoor}. */
export interface TunnelDoorOptions<M> {
  /**
   * Takes an open connection. What it throws ends that connection.
   *
   * @param meta what `accept` was given
   */
  onConn: (clusterId: string, conn: MessageConn, meta: M) => void;
  /** Where to make the private directory. @default {the system's directory for such files} */
  socketDir?: string;
  /** From `accept` to the open WebSocket, in milliseconds. @default {10_000} */
  handshakeMs?: number;
  /** Handshakes under way at a time; more get 503. @default {1_024} */
  maxHandshakes?: number;
  /** @default {silentLog} */
  log?: Log;
  /** Milliseconds of a clock. @default {performance.now} */
  now?: () => number;
}

/** What a ticket admits. */
interface Admission<M> {
  clusterId: string;
  meta: M;
  splice: TunnelSplice;
  opened: () => void;
}

/** Longest path of a socket file: 104 bytes with the final zero on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 103;
const INNER_PATH = "/tunnel";
const TICKET_HEADER = "x-tunnel-ticket";
/** 16 bytes in base64: RFC 6455, section 4.1. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** How long `close` waits for the close handshakes. */
const CLOSE_MS = 2_000;

/**
 * Makes tunnel connections of authorised upgrades.
 *
 * @typeParam M what the public port wants handed on with each connection
 *
 * @example
 * ```ts no-eval
 * import { createServer } from "node:http";
 * import { TunnelDoor } from "./tunnel_door.ts";
 * await using door = new TunnelDoor<{ remote: string }>({
 *   onConn: (clusterId, conn) => conn.close(1000, clusterId),
 * });
 * createServer().on("upgrade", (req, socket, head) => {
 *   door.accept(req, socket, head, "cluster-1", { remote: "198.51.100.7" });
 * });
 * ```
 */
export class TunnelDoor<M> implements AsyncDisposable {
  readonly #onConn: TunnelDoorOptions<M>["onConn"];
  readonly #log: Log;
  readonly #handshakeMs: number;
  readonly #maxHandshakes: number;
  readonly #directory: string;
  readonly #path: string;
  readonly #server: Deno.HttpServer<Deno.UnixAddr>;
  readonly #tickets: TunnelTickets<Admission<M>>;
  readonly #splices = new Set<TunnelSplice>();
  readonly #conns = new Set<MessageConn>();
  #handshakes = 0;
  #closing: Promise<void> | undefined;

  /** Makes the private directory and listens in it. */
  constructor(options: TunnelDoorOptions<M>) {
    this.#onConn = options.onConn;
    this.#log = options.log ?? silentLog;
    this.#handshakeMs = options.handshakeMs ?? 10_000;
    this.#maxHandshakes = options.maxHandshakes ?? 1_024;
    this.#tickets = new TunnelTickets({
      ttlMs: this.#handshakeMs,
      now: options.now ?? (() => performance.now()),
    });
    // Made with mode 0700: nobody else on this machine gets as far as guessing a ticket
    this.#directory = Deno.makeTempDirSync({
      prefix: "clusternet-",
      ...(options.socketDir === undefined ? {} : { dir: options.socketDir }),
    });
    this.#path = join(this.#directory, "s");
    try {
      if (new TextEncoder().encode(this.#path).length > MAX_SOCKET_PATH_BYTES) {
        throw new RangeError(
          `Cannot listen: the path of the socket file is too long: ${this.#path}. ` +
            "Give a shorter directory for sockets",
        );
      }
      this.#server = Deno.serve(
        { path: this.#path, onListen: () => {} },
        (request) => this.#serve(request),
      );
    } catch (error) {
      Deno.removeSync(this.#directory, { recursive: true });
      throw error;
    }
  }

  /** Tunnels and handshakes that are open. */
  get size(): number {
    return this.#splices.size;
  }

  /**
   * Takes over an upgrade that is authorised for `clusterId`. What is no WebSocket handshake with
   * the tunnel's subprotocol gets an answer that says so.
   *
   * @param req only its method and headers are looked at
   * @param socket belongs to the door from here on
   * @param head bytes that were read off the socket already
   * @param meta handed on to `onConn`
   * @returns what the caller was answered instead, when it was refused
   */
  accept(
    req: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    clusterId: string,
    meta: M,
  ): Status | undefined {
    const headers = fromRaw(req.rawHeaders);
    const refusal = this.#closing !== undefined
      ? failure(503, "this hub stops: dial again")
      : this.#handshakes >= this.#maxHandshakes
      ? failure(503, "too many tunnels are being opened: dial again later")
      : checkHandshake(req.method ?? "", headers);
    if (refusal !== undefined) {
      refuse(socket, refusal);
      return refusal;
    }
    prepare(socket);
    const inner = connect(this.#path);
    // A WebSocket client speaks only after the answer; what came early belongs behind our head
    if (head.length > 0) socket.unshift(head);
    const log = this.#log.with({ cluster: clusterId });
    const splice = new TunnelSplice({
      inner,
      outer: socket,
      onViolation: ({ code, reason }) =>
        log.warn("A tunnel is cut: its agent sends what no agent sends", { code, reason }),
    });
    this.#splices.add(splice);
    this.#handshakes++;
    const timer = setTimeout(() => {
      log.warn("A tunnel handshake took too long", { limitMs: this.#handshakeMs });
      splice.destroy();
    }, this.#handshakeMs);
    let shaking = true;
    const done = (): void => {
      if (!shaking) return;
      shaking = false;
      this.#handshakes--;
      clearTimeout(timer);
    };
    const ticket = this.#tickets.issue({ clusterId, meta, splice, opened: done });
    void splice.closed.then(() => {
      done();
      this.#tickets.revoke(ticket);
      this.#splices.delete(splice);
    });
    inner.write(
      `GET ${INNER_PATH} HTTP/1.1\r\nHost: tunnel\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `${TICKET_HEADER}: ${ticket}\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${header(headers, "sec-websocket-key")}\r\n` +
        `Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\n\r\n`,
    );
    return undefined;
  }

  /** The inner server: only a ticket opens it. */
  #serve(request: Request): Response {
    const admission = this.#tickets.redeem(request.headers.get(TICKET_HEADER) ?? "");
    if (admission === undefined || new URL(request.url).pathname !== INNER_PATH) {
      return statusResponse(failure(403, "this door opens with a ticket only"));
    }
    const { clusterId, meta, splice, opened } = admission;
    // The mux has its own pings, with its own limits: no timeout here
    const { socket: ws, response } = Deno.upgradeWebSocket(request, {
      protocol: SUBPROTOCOL,
      idleTimeout: 0,
    });
    const conn = webSocketConn(ws, { underlay: splice });
    ws.addEventListener("open", () => {
      opened();
      if (this.#closing !== undefined) return closeConn(conn);
      this.#conns.add(conn);
      void splice.closed.then(() => this.#conns.delete(conn));
      try {
        this.#onConn(clusterId, conn, meta);
      } catch (error) {
        this.#log.error("A tunnel could not be taken over", { cluster: clusterId, error });
        conn.abort("the hub failed");
      }
    }, { once: true });
    return response;
  }

  /**
   * Ends all: refuses new ones, closes what is open with code 4053, destroys what is left after
   * 2 s, removes the socket file. Callable more than once.
   *
   * @returns resolves when all is closed
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  async #close(): Promise<void> {
    await Promise.resolve(); // So that #closing is set
    for (const conn of this.#conns) closeConn(conn);
    const splices = [...this.#splices];
    const timer = setTimeout(() => splices.forEach((splice) => splice.destroy()), CLOSE_MS);
    await Promise.all(splices.map((splice) => splice.closed));
    clearTimeout(timer);
    await this.#server.shutdown();
    await Deno.remove(this.#directory, { recursive: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function closeConn(conn: MessageConn): void {
  conn.close(CLOSE_CODE_BASE + SessionCode.SHUTTING_DOWN, "the hub stops");
}

/** A tunnel may be silent for long, its small frames must not wait for others, `pause` must work. */
function prepare(socket: Duplex): void {
  boundTlsReading(socket);
  if ("setTimeout" in socket && typeof socket.setTimeout === "function") socket.setTimeout(0);
  if ("setNoDelay" in socket && typeof socket.setNoDelay === "function") socket.setNoDelay(true);
}

/** @returns what is wrong with a handshake, if anything is */
function checkHandshake(method: string, headers: HeaderList): Status | undefined {
  const advice = "This address is for the agents of clusters. To reach the cluster, use " +
    ".../sockets/<cluster id>/proxy/direct as the server's path";
  const keys = headerValues(headers, "sec-websocket-key");
  if (method !== "GET" || header(headers, "upgrade")?.toLowerCase() !== "websocket") {
    return failure(400, `this is no WebSocket handshake. ${advice}`);
  }
  if (header(headers, "sec-websocket-version") !== "13") {
    return failure(400, "want Sec-WebSocket-Version: 13");
  }
  if (keys.length !== 1 || !KEY.test(keys[0]!)) {
    return failure(400, "want one Sec-WebSocket-Key of 16 bytes in base64");
  }
  const offered = headerValues(headers, "sec-websocket-protocol")
    .flatMap((value) => value.split(",")).map((name) => name.trim());
  if (offered.includes(SUBPROTOCOL)) return undefined;
  return failure(
    400,
    `want Sec-WebSocket-Protocol: ${SUBPROTOCOL}, got "${offered.join(", ")}": ` +
      `the agent is not of a version that this hub knows. ${advice}`,
  );
}

/** Answers with a `Status` and closes. */
function refuse(socket: Duplex, status: Status): void {
  const body = new TextEncoder().encode(JSON.stringify(status));
  const reason = status.code === 503 ? "Service Unavailable" : "Bad Request";
  socket.on("error", () => {});
  socket.write(
    `HTTP/1.1 ${status.code} ${reason}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n` +
      (status.code === 503 ? "Retry-After: 1\r\n" : "") +
      (status.code === 400 ? "Sec-WebSocket-Version: 13\r\n" : "") +
      `Warning: ${warningValue(status.message)}\r\n\r\n`,
  );
  socket.end(body, () => socket.destroy());
}
