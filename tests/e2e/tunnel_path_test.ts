/**
 * The way of a tunnel's bytes, all of it, in one process: relay, TLS, public port, door.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { DialError, dialTunnel } from "../../agent/tunnel/dial.ts";
import { runDialLoop } from "../../agent/tunnel/dial_loop.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { TunnelDoor } from "../../hub/front/tunnel_door.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import { type ConnPair, messageConnSuite } from "../../shared/tunnel/message_conn_suite.ts";
import { Session } from "../../shared/tunnel/session.ts";

const ca = await TestCa.create("parent");
const certificate = await ca.issue({
  subject: "CN=hub",
  usage: "server",
  dnsNames: ["localhost"],
  ips: ["127.0.0.1"],
});

/** A public port that knows one token. */
class Hub implements AsyncDisposable {
  readonly #door: TunnelDoor<unknown>;
  readonly #server = createServer(certificate);
  onConn: (conn: MessageConn) => void = () => {};
  /** Bytes of each attempt, as the public port sees them. */
  readonly requests: string[] = [];

  private constructor() {
    this.#door = new TunnelDoor({ onConn: (_id, conn) => this.onConn(conn) });
    this.#server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Uint8Array) => {
      this.requests.push(`${req.method} ${req.url}`);
      if (req.headers.authorization !== "Bearer good") {
        return void socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
      }
      this.#door.accept(req, socket, head, "c1", {});
    });
  }

  static async start(): Promise<Hub> {
    const hub = new Hub();
    await new Promise<void>((resolve) => hub.#server.listen(0, "127.0.0.1", resolve));
    return hub;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://127.0.0.1:${port}/apis/proxies.clusternet.io/v1alpha1/sockets/c1/attach`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#door.close();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

messageConnSuite("relay, TLS, public port and door", async (): Promise<ConnPair> => {
  const hub = await Hub.start();
  const there = new Promise<MessageConn>((resolve) => hub.onConn = resolve);
  const here = await dialTunnel({ url: hub.url, token: "good", ca: ca.pem });
  return { pair: [here, await there], cleanup: () => hub[Symbol.asyncDispose]() };
});

messageConnSuite("door, public port, TLS and relay", async (): Promise<ConnPair> => {
  const hub = await Hub.start();
  const there = new Promise<MessageConn>((resolve) => hub.onConn = resolve);
  const here = await dialTunnel({ url: hub.url, token: "good", ca: ca.pem });
  return { pair: [await there, here], cleanup: () => hub[Symbol.asyncDispose]() };
});

Deno.test("a dial that the public port refuses says so", async () => {
  await using hub = await Hub.start();
  await assert.rejects(
    dialTunnel({ url: hub.url, token: "bad", ca: ca.pem }),
    (error) => error instanceof DialError && error.status === 401,
  );
  assert.deepEqual(hub.requests, [`GET ${new URL(hub.url).pathname}`]);
});

Deno.test("an agent comes back after GOAWAY, and after a break", async () => {
  await using hub = await Hub.start();
  const sessions: Session[] = [];
  const events: string[] = [];
  const up = [0, 1, 2].map(() => Promise.withResolvers<void>());
  hub.onConn = (conn) =>
    sessions.push(
      new Session({
        role: "hub",
        conn: sessions.length === 1 ? breakable(conn) : conn,
        instanceId: "hub",
        hello: { reconnectSpreadMs: 1_000 },
      }),
    );
  let broken: MessageConn | undefined;
  const breakable = (conn: MessageConn): MessageConn => broken = conn;
  const stop = new AbortController();
  const loop = runDialLoop({
    signal: stop.signal,
    baseMs: 10,
    dial: (signal) => dialTunnel({ url: hub.url, token: "good", ca: ca.pem, signal }),
    createSession: (conn, onGoAway) =>
      new Session({ role: "agent", conn, instanceId: "agent", onGoAway }),
    onConnected: () => up[sessions.length - 1]!.resolve(),
    onDisconnected: ({ goAway, clean }) => events.push(goAway ? "goaway" : `${clean}`),
    onReconnectSpread: (ms) => events.push(`spread ${ms}`),
  });
  await up[0]!.promise;
  sessions[0]!.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 20, reason: "restart" });
  await up[1]!.promise;
  assert.equal((await sessions[0]!.closed).code, SessionCode.NO_ERROR);
  broken!.abort("pulled the plug");
  await up[2]!.promise;
  stop.abort(new Error("done"));
  await loop;
  assert.equal((await sessions[2]!.closed).code, SessionCode.SHUTTING_DOWN);
  assert.deepEqual(events, ["spread 1000", "goaway", "false", "false"]);
});
