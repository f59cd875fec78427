/**
 * Makes `pause()` of a `node:tls` socket reach the network.
 *
 * Deno 2.9.6 reads a TLS connection as fast as the peer sends, whatever the stream says: its
 * `TLSWrap.readStop()` stops the delivery, not the TCP read below, and what arrives is kept in
 * memory without a bound (measured: 128 MB of a paused socket in under a second, client and
 * server alike; plain `node:net` stops at 4 MB). So the TCP handle below is stopped and started
 * along with it.
 *
 * @module
 */
import type { TLSSocket } from "node:tls";

/** The parts of a libuv stream handle that are used; not public, hence the checks. */
interface StreamHandle {
  readStop(): number;
  readStart(): number;
}

interface TlsHandle extends StreamHandle {
  _parent?: unknown;
  [DONE]?: true;
}

const DONE = Symbol("backpressure");

function isHandle(value: unknown): value is StreamHandle {
  if (typeof value !== "object" || value === null) return false;
  const { readStop, readStart } = value as Partial<StreamHandle>;
  return typeof readStop === "function" && typeof readStart === "function";
}

/**
 * Binds the TCP read to the socket's own flow. Call it once the socket exists: at
 * `secureConnection` of a server, right after `tls.connect`, or at `socket` of an
 * `https.request`. Calling it again changes nothing.
 *
 * @returns `false` when the socket has no TCP handle below, as over a `Duplex`, or is closed
 *
 * @example
 * ```ts no-eval
 * import { connect } from "node:tls";
 * import { bindReadBackpressure } from "./tls_backpressure.ts";
 * const socket = connect({ host: "localhost", port: 6443 });
 * bindReadBackpressure(socket);
 * ```
 */
export function bindReadBackpressure(socket: TLSSocket): boolean {
  const handle: unknown = (socket as unknown as { _handle?: unknown })._handle;
  if (!isHandle(handle)) return false;
  const tls = handle as TlsHandle;
  if (tls[DONE] === true) return true;
  const tcp = tls._parent;
  if (!isHandle(tcp)) return false;
  const stop = tls.readStop;
  const start = tls.readStart;
  let stopped = false;
  tls[DONE] = true;
  tls.readStop = () => {
    stopped = true;
    tcp.readStop();
    return stop.call(tls);
  };
  tls.readStart = () => {
    const code = start.call(tls);
    if (stopped) {
      stopped = false;
      tcp.readStart();
    }
    return code;
  };
  return true;
}
