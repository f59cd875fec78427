/**
 * What stands before a parent that knows no WebSocket: an old load balancer, say. It refuses such
 * upgrades and passes all else on, as one user.
 *
 * @module
 */
import type { Cluster } from "../cluster/cluster.ts";
import { bytesOf, rawConnect, type RawTarget } from "./raw_http.ts";

const latin1 = new TextDecoder("latin1");

/** See the module text. */
export class SpdyOnly implements AsyncDisposable {
  /** WebSocket upgrades that were refused. */
  refused = 0;
  /** SPDY upgrades that were passed on. */
  spdy = 0;
  readonly #open = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;

  private constructor(
    readonly listener: Deno.TlsListener,
    readonly target: RawTarget,
    readonly status: number,
  ) {
    this.#serving = (async () => {
      for await (const conn of listener) void this.#serve(conn).catch(() => {});
    })().catch(() => {});
  }

  /**
   * Starts one, with a certificate of the parent's CA.
   *
   * @param target where to pass on to, with the user's certificate
   * @param status what a WebSocket upgrade is answered with
   */
  static async start(target: RawTarget, parent: Cluster, status: number): Promise<SpdyOnly> {
    const pair = await parent.pki.ca.issue({
      commonName: "front",
      usages: ["server"],
      ips: ["127.0.0.1"],
    });
    const listener = Deno.listenTls({
      hostname: "127.0.0.1",
      port: 0,
      alpnProtocols: ["http/1.1"],
      ...pair,
    });
    return new SpdyOnly(listener, target, status);
  }

  get url(): string {
    return `https://127.0.0.1:${this.listener.addr.port}`;
  }

  async #serve(conn: Deno.TlsConn): Promise<void> {
    this.#open.add(conn);
    const upstream = await rawConnect(this.target);
    this.#open.add(upstream);
    const back = pipe(upstream, conn, () => true);
    // kubectl asks for an upgrade on a connection of its own, in one piece
    await pipe(conn, upstream, (text) => {
      if (/^upgrade: spdy/im.test(text)) this.spdy++;
      if (!/^upgrade: websocket/im.test(text)) return true;
      this.refused++;
      const head = `HTTP/1.1 ${this.status} Refused\r\nConnection: close\r\nContent-Length: 2\r\n`;
      void conn.write(bytesOf(`${head}\r\nno`)).catch(() => {}).then(() => this.#close(conn));
      return false;
    });
    this.#close(upstream);
    await back;
    this.#close(conn);
  }

  #close(conn: Deno.Conn): void {
    if (this.#open.delete(conn)) conn.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const conn of this.#open) this.#close(conn);
    await this.#serving;
  }
}

/** Copies until the end, or until `pass` says no. */
async function pipe(
  from: Deno.Conn,
  to: Deno.Conn,
  pass: (text: string) => boolean,
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const length = await from.read(buffer).catch(() => null);
    if (length === null || !pass(latin1.decode(buffer.subarray(0, length)))) return;
    for (let at = 0; at < length;) {
      const written = await to.write(buffer.subarray(at, length)).catch(() => 0);
      if (written === 0) return;
      at += written;
    }
  }
}
