/**
 * A hub that was taken over, as an agent sees it: registration and status pass on to the real
 * parent, but the tunnel ends here.
 *
 * @module
 */
import { createServer, request, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { TunnelDoor } from "../../hub/front/tunnel_door.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import type { Cluster } from "../cluster/cluster.ts";
import type { CertificateAuthority } from "../cluster/pki.ts";

/** See the module text. */
export class FakeHub implements AsyncDisposable {
  /** The tunnel of the first agent that dials. */
  readonly conn: Promise<MessageConn>;
  /** Requests and dials that came: whoever sent them took this for the parent. */
  seen = 0;
  readonly #door: TunnelDoor<undefined>;
  readonly #server: Server;
  readonly #sockets = new Set<Duplex>();

  private constructor(parent: Cluster, pair: { cert: string; key: string }) {
    const conn = Promise.withResolvers<MessageConn>();
    this.conn = conn.promise;
    this.#door = new TunnelDoor({ onConn: (_id, one) => conn.resolve(one) });
    const { hostname, port } = new URL(parent.server);
    this.#server = createServer(pair, (req, res) => {
      this.seen++;
      const { method, url, headers } = req;
      const to = { host: hostname, port: Number(port), ca: parent.caPem, agent: false } as const;
      const onward = request({ ...to, method: method!, path: url!, headers }, (answer) => {
        answer.on("error", () => res.destroy());
        res.writeHead(answer.statusCode!, answer.headers);
        answer.pipe(res);
      });
      for (const stream of [req, res, onward]) stream.on("error", () => res.destroy());
      res.once("close", () => onward.destroy());
      req.pipe(onward);
    });
    this.#server.on("upgrade", (req, socket, head) => {
      this.seen++;
      this.#door.accept(req, socket, head, req.url!.split("/").at(-2)!, undefined);
    });
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
    });
  }

  /** @returns one that listens, with a certificate of that CA, usually the parent's */
  static async start(parent: Cluster, ca: CertificateAuthority = parent.pki.ca): Promise<FakeHub> {
    const hub = new FakeHub(
      parent,
      await ca.issue({ commonName: "hub", usages: ["server"], ips: ["127.0.0.1"] }),
    );
    await new Promise<void>((resolve) => hub.#server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  /** Where an agent finds it. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#door.close();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
