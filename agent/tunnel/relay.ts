/**
 * The in-process relay between the native WebSocket client and the network.
 *
 * The native client leaves Nagle's algorithm on, which costs 44 ms for each message above 1 KiB,
 * and hides the status of a refused handshake. So it speaks `ws://` over a socket file to this
 * process itself, and the relay has the real connection, opened by `connect.ts`.
 *
 * @module
 */
import { header } from "../../shared/headers.ts";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { webSocketConn } from "../../shared/tunnel/websocket_conn.ts";
import { ConnBridge } from "./conn_bridge.ts";
import { abortable, close, writeAll } from "./connect.ts";
import { DialError } from "./dial_error.ts";
import { shakeHands } from "./handshake.ts";
import { PrivateDoor } from "./private_door.ts";

/** Options of {@linkcode relayWebSocket}. */
export interface RelayOptions {
  /** The connection to the hub; belongs to the relay from here on. */
  upstream: Deno.Conn;
  /** Where the hub is, with path and query. */
  url: URL;
  /** Bearer token, without the word. */
  token?: string;
  userAgent: string;
  /** Where to make the private directory. @default {the system's directory for such files} */
  socketDir?: string;
  /** Gives up, and closes what is open. */
  signal: AbortSignal;
}

/** How long the native WebSocket may take to notice that its socket is gone. */
const NOTICE_MS = 250;

/**
 * Opens a WebSocket over an open connection.
 *
 * @returns the connection, open; its end closes all sockets
 * @throws {DialError} with the HTTP status when the handshake is refused; the signal's reason.
 * The upstream is closed then
 */
export async function relayWebSocket(options: RelayOptions): Promise<MessageConn> {
  const { upstream, url, token, userAgent, signal } = options;
  let inner: Deno.Conn | undefined;
  let ws: WebSocket | undefined;
  try {
    using door = await PrivateDoor.open(options.socketDir);
    signal.throwIfAborted();
    ws = new WebSocket(door.url, { protocols: [SUBPROTOCOL], client: door.client });
    const answered = outcome(ws);
    const visited = door.visitor.then((visitor) => {
      inner = visitor.conn;
      return visitor;
    });
    const { conn, head } = await Promise.race([
      abortable(visited, door, signal),
      answered.then(failed),
    ]);
    const { answer, rest } = await abortable(
      shakeHands(upstream, {
        url,
        userAgent,
        key: header(head.headers, "sec-websocket-key") ?? "",
        signal,
        ...(token === undefined ? {} : { token }),
      }),
      upstream,
      signal,
    );
    await writeAll(conn, answer);
    const bridge = new ConnBridge({ inner: conn, outer: upstream, first: rest });
    const messages = webSocketConn(ws, { underlay: bridge });
    const error = await abortable(answered, { close: () => bridge.destroy() }, signal);
    if (error !== undefined) failed(error);
    return messages;
  } catch (error) {
    close(upstream);
    if (inner !== undefined) close(inner);
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
