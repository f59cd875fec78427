/**
 * The in-process relay between the native WebSocket client and the network.
 *
 * The native client leaves Nagle's algorithm on, which costs 44 ms for each message above 1 KiB,
 * and hides the status of a refused handshake. So it speaks `ws://` over a socket file to this
 * process itself, and the relay has the real connection, opened by `connect.ts`.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { header } from "../../shared/headers.ts";
import { Bridge } from "../../shared/tunnel/bridge.ts";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { webSocketConn } from "../../shared/tunnel/websocket_conn.ts";
import { abortable } from "./connect.ts";
import { DialError } from "./dial_error.ts";
import { shakeHands } from "./handshake.ts";
import { type HttpHead, readHead } from "./http_head.ts";

/** Options of {@linkcode relayWebSocket}. */
export interface RelayOptions {
  /** The connection to the hub; belongs to the relay from here on. */
  upstream: Socket;
  /** Where the hub is, with path and query. */
  url: URL;
  /** Bearer token, without the word. */
  token?: string;
  userAgent: string;
  /** Where to make the private directory. @default {the system's directory for such files} */
  socketDir?: string;
  /** Gives up, and destroys what is open. */
  signal: AbortSignal;
}

/** Longest path of a socket file: 104 bytes with the final zero on macOS, 108 on Linux. */
const MAX_SOCKET_PATH_BYTES = 103;
/** How long the native WebSocket may take to notice that its socket is gone. */
const NOTICE_MS = 250;

/**
 * Opens a WebSocket over an open connection.
 *
 * @returns the connection, open; its end destroys all sockets
 * @throws {DialError} with the HTTP status when the handshake is refused; the signal's reason.
 * The upstream is destroyed then
 */
export async function relayWebSocket(options: RelayOptions): Promise<MessageConn> {
  const { upstream, url, token, userAgent, signal } = options;
  using door = await PrivateDoor.open(options.socketDir);
  let inner: Socket | undefined;
  let ws: WebSocket | undefined;
  try {
    signal.throwIfAborted();
    ws = new WebSocket(door.url, { protocols: [SUBPROTOCOL], client: door.client });
    const answered = outcome(ws);
    const first = await Promise.race([door.accept(signal), answered.then(failed)]);
    inner = first.socket;
    const handshake = shakeHands(upstream, {
      url,
      userAgent,
      key: header(first.head.headers, "sec-websocket-key") ?? "",
      signal,
      ...(token === undefined ? {} : { token }),
    });
    inner.write(await abortable(handshake, upstream, signal));
    const bridge = new Bridge({ inner, outer: upstream });
    const conn = webSocketConn(ws, { underlay: bridge });
    const error = await abortable(answered, upstream, signal);
    if (error !== undefined) failed(error);
    return conn;
  } catch (error) {
    upstream.destroy();
    inner?.destroy();
    await gone(ws);
    signal.throwIfAborted();
    throw error;
  }
}

function failed(reason: string | undefined): never {
  throw new DialError("protocol", `The WebSocket handshake failed: ${reason ?? "it was closed"}`);
}

/** Resolves with `undefined` once the WebSocket is open, with a reason when it failed. */
function outcome(ws: WebSocket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let reason: string | undefined;
    ws.addEventListener("open", () => resolve(undefined), { once: true });
    ws.addEventListener("error", (event) => {
      reason = event instanceof ErrorEvent ? event.message : "unknown";
    }, { once: true });
    ws.addEventListener("close", () => resolve(reason ?? "it was closed"), { once: true });
  });
}

/** Waits until a failed WebSocket has let go of its socket. */
async function gone(ws: WebSocket | undefined): Promise<void> {
  if (ws === undefined || ws.readyState === WebSocket.CLOSED) return;
  const closed = Promise.withResolvers<void>();
  ws.addEventListener("close", () => closed.resolve(), { once: true });
  if (ws.readyState < WebSocket.CLOSING) ws.close();
  const timer = setTimeout(closed.resolve, NOTICE_MS);
  await closed.promise;
  clearTimeout(timer);
}

/** A socket file in a directory that only this user may enter, open for one connection. */
class PrivateDoor implements Disposable {
  readonly #directory: string;
  readonly #server: Server;
  readonly #secret: string;
  readonly #strangers = new Set<Socket>();
  readonly #first = Promise.withResolvers<{ socket: Socket; head: HttpHead }>();
  /** Connects to the door whatever the URL says. */
  readonly client: Deno.HttpClient;

  private constructor(directory: string, path: string, server: Server) {
    this.#directory = directory;
    this.#server = server;
    // The directory keeps other users out, this keeps out what else runs as the same user
    this.#secret = crypto.getRandomValues(new Uint8Array(32)).toHex();
    this.client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
    server.on("connection", (socket: Socket) => void this.#greet(socket));
    this.#first.promise.catch(() => {});
  }

  static async open(parent: string | undefined): Promise<PrivateDoor> {
    // Made with mode 0700
    const directory = await Deno.makeTempDir({
      prefix: "clusternet-",
      ...(parent === undefined ? {} : { dir: parent }),
    });
    const path = join(directory, "s");
    const server = createServer({ noDelay: false });
    try {
      if (new TextEncoder().encode(path).length > MAX_SOCKET_PATH_BYTES) {
        throw new DialError(
          "config",
          `The path of the socket file is too long: ${path}. Give a shorter --runtime-dir`,
        );
      }
      const listening = Promise.withResolvers<void>();
      server.once("listening", listening.resolve).once("error", listening.reject);
      server.listen(path);
      await listening.promise;
      return new PrivateDoor(directory, path, server);
    } catch (error) {
      server.close();
      Deno.removeSync(directory, { recursive: true });
      throw error;
    }
  }

  /** For the native WebSocket; the host is never resolved. */
  get url(): string {
    return `ws://relay/${this.#secret}`;
  }

  /** Waits for the connection that knows the secret, with its head read. */
  async accept(signal: AbortSignal): Promise<{ socket: Socket; head: HttpHead }> {
    const onAbort = (): void => this.#first.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await this.#first.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  async #greet(socket: Socket): Promise<void> {
    socket.on("error", () => {});
    this.#strangers.add(socket);
    try {
      const head = await readHead(socket);
      if (!head.startLine.includes(`/${this.#secret} `)) throw new Error("a stranger");
      this.#strangers.delete(socket);
      this.#first.resolve({ socket, head });
    } catch {
      socket.destroy();
      this.#strangers.delete(socket);
    }
  }

  [Symbol.dispose](): void {
    this.client.close();
    this.#server.close();
    for (const socket of this.#strangers) socket.destroy();
    Deno.removeSync(this.#directory, { recursive: true });
  }
}
