/**
 * Opens one tunnel connection to the hub.
 *
 * @module
 */
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { VERSION } from "../../shared/version.ts";
import { connectServer } from "./connect.ts";
import { DialError } from "./dial_error.ts";
import { relayWebSocket } from "./relay.ts";

export { DialError, type DialStage } from "./dial_error.ts";

/** Options of {@linkcode dialTunnel}. */
export interface DialOptions {
  /**
   * The whole address: `https://parent:6443/apis/proxies.clusternet.io/v1alpha1/sockets/<id>/attach`;
   * `wss:` means the same. `http:` and `ws:` send the token in clear text: for tests.
   */
  url: string | URL;
  /** Bearer token, without the word. */
  token?: string;
  /** PEM of the CAs to trust, and no others. @default {the runtime's and the system's roots} */
  ca?: string;
  /** Name to verify the certificate against, when it is not the URL's host. */
  tlsServerName?: string;
  /** `http://[user:password@]host:port` of a proxy that knows CONNECT. */
  proxyUrl?: string;
  /** From the start to the open WebSocket, in milliseconds. @default {10_000} */
  timeoutMs?: number;
  /** Where to make the private directory of the relay's socket. @default {the system's} */
  socketDir?: string;
  /** @default {clusternet-agent/VERSION} */
  userAgent?: string;
  /** Gives up. */
  signal?: AbortSignal;
}

/**
 * Dials the hub, directly or through a proxy, and opens the WebSocket.
 *
 * @returns an open connection
 * @throws {DialError} that says what is wrong, with the HTTP status of a refused handshake and
 * never with a token or a password; the signal's reason when that aborts first
 *
 * @example
 * ```ts no-eval
 * import { DialError, dialTunnel } from "./dial.ts";
 * const url = "https://parent:6443/apis/proxies.clusternet.io/v1alpha1/sockets/c1/attach";
 * try {
 *   const conn = await dialTunnel({ url, token: await Deno.readTextFile("token") });
 *   conn.close(1000, "done");
 * } catch (error) {
 *   if (error instanceof DialError && error.status === 401) console.log("the token is old");
 * }
 * ```
 */
export async function dialTunnel(options: DialOptions): Promise<MessageConn> {
  const { signal: outer, timeoutMs = 10_000 } = options;
  outer?.throwIfAborted();
  const url = readUrl(options.url);
  const { token } = options;
  if (token !== undefined && !/^[\x21-\x7e]+$/.test(token)) {
    throw new DialError(
      "config",
      "Cannot use the token: it is empty, or holds characters that no HTTP header may hold",
    );
  }
  const controller = new AbortController();
  const late = new DialError("timeout", `Cannot reach ${url.origin} within ${timeoutMs / 1000} s`);
  const timer = setTimeout(() => controller.abort(late), timeoutMs);
  const onOuter = (): void => controller.abort(outer!.reason);
  outer?.addEventListener("abort", onOuter, { once: true });
  const { signal } = controller;
  const { ca, tlsServerName, proxyUrl, socketDir } = options;
  try {
    const upstream = await connectServer({
      url,
      signal,
      ...(ca === undefined ? {} : { ca }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
    });
    return await relayWebSocket({
      upstream,
      url,
      signal,
      userAgent: options.userAgent ?? `clusternet-agent/${VERSION}`,
      ...(token === undefined ? {} : { token }),
      ...(socketDir === undefined ? {} : { socketDir }),
    });
  } finally {
    clearTimeout(timer);
    outer?.removeEventListener("abort", onOuter);
  }
}

function readUrl(text: string | URL): URL {
  const url = URL.parse(String(text).replace(/^ws(?=s?:)/, "http"));
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) {
    throw new DialError("config", "Cannot dial: the parent's URL is not https://host[:port]/path");
  }
  if (url.username !== "" || url.password !== "") {
    throw new DialError("config", "Cannot dial: the parent's URL holds a user or a password");
  }
  return url;
}
