/**
 * Makes `pause` work on TLS sockets of `node:tls` and `node:https`.
 *
 * On Deno 2.9.6 a paused TLS socket goes on reading from its TCP socket and keeps what comes in
 * memory without a bound: its `readStop` does not reach the TCP handle below. Measured: 2 GB in
 * 4 s on an upgraded socket of an https server; the same for request bodies, and for responses of
 * an https client. With this it is 5 MB, which is what the kernel holds.
 *
 * @module
 */
import type { Duplex } from "node:stream";

interface Handle {
  readStart(): unknown;
  readStop(): unknown;
}

function isHandle(value: unknown): value is Handle {
  return typeof value === "object" && value !== null &&
    "readStart" in value && typeof value.readStart === "function" &&
    "readStop" in value && typeof value.readStop === "function";
}

/** What was made to work: the server and its request may both ask for it. */
const done = new WeakSet<Handle>();

/**
 * Passes `pause` and `resume` of a TLS socket on to the TCP socket below. Call it once the TLS
 * handshake is complete: on a server's `secureConnection`, on a client's `secureConnect`.
 *
 * @param socket anything else than a TLS socket is left alone
 * @returns `false` where there was nothing to do: no TLS socket, or a runtime that is made
 * otherwise
 *
 * @example
 * ```ts
 * import { createServer } from "node:https";
 * import { boundTlsReading } from "./tls_backpressure.ts";
 * createServer().on("secureConnection", (socket) => boundTlsReading(socket));
 * ```
 */
export function boundTlsReading(socket: Duplex): boolean {
  const handle: unknown = "_handle" in socket ? socket._handle : undefined;
  if (!isHandle(handle) || !("_parent" in handle) || !isHandle(handle._parent)) return false;
  if (done.has(handle)) return true;
  done.add(handle);
  const tcp = handle._parent;
  const { readStart, readStop } = handle;
  handle.readStop = (): unknown => {
    tcp.readStop();
    return readStop.call(handle);
  };
  handle.readStart = (): unknown => {
    tcp.readStart();
    return readStart.call(handle);
  };
  return true;
}
