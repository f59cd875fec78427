import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { memoryLog } from "../../shared/log.ts";
import type { CloseInfo, MessageConn } from "../../shared/tunnel/message_conn.ts";
import { webSocketConn } from "../../shared/tunnel/websocket_conn.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { TunnelDoor, type TunnelDoorOptions } from "./tunnel_door.ts";

const PROTOCOL = "v1.tunnel.clusternet.io";

interface Meta {
  remote: string;
}

interface Taken {
  clusterId: string;
  conn: MessageConn;
  meta: Meta;
}

/** A public port that lets everybody in, with a door behind. */
class Bench implements AsyncDisposable {
  readonly socketDir: string;
  readonly door: TunnelDoor<Meta>;
  readonly server: Server;
  readonly log = memoryLog();
  #next = Promise.withResolvers<Taken>();

  private constructor(server: Server, options: Partial<TunnelDoorOptions<Meta>>) {
    this.socketDir = Deno.makeTempDirSync();
    this.server = server;
    this.door = new TunnelDoor<Meta>({
      onConn: (clusterId, conn, meta) => this.#next.resolve({ clusterId, conn, meta }),
      socketDir: this.socketDir,
      log: this.log,
      ...options,
    });
    server.on("upgrade", (req: IncomingMessage, socket: Duplex, head: Uint8Array) => {
      this.door.accept(req, socket, head, "c1", { remote: "198.51.100.7" });
    });
  }

  static async start(
    options: Partial<TunnelDoorOptions<Meta>> = {},
    server: Server = createServer(),
  ): Promise<Bench> {
    const bench = new Bench(server, options);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return bench;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** The next connection. */
  async taken(): Promise<Taken> {
    const taken = await this.#next.promise;
    this.#next = Promise.withResolvers();
    return taken;
  }

  /** Sends bytes to the public port; gives the answer, up to the end of the connection. */
  async raw(text: string): Promise<string> {
    const socket = connect(this.port, "127.0.0.1");
    socket.write(text);
    let answer = "";
    for await (const chunk of socket) answer += chunk.toString("latin1");
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.door.close();
    await new Promise((resolve) => this.server.close(resolve));
    await Deno.remove(this.socketDir, { recursive: true });
  }
}

function handshake(headers: Record<string, string> = {}, method = "GET"): string {
  const all = {
    "Host": "hub",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": PROTOCOL,
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} /sockets/c1/attach HTTP/1.1\r\n${lines.join("")}\r\n`;
}

/** Starts a connection; resolves with its end, and keeps its messages. */
function follow(conn: MessageConn): { end: Promise<CloseInfo>; messages: number[][] } {
  const end = Promise.withResolvers<CloseInfo>();
  const messages: number[][] = [];
  conn.start({ message: (data) => messages.push([...data]), close: end.resolve });
  return { end: end.promise, messages };
}

/** Sends bytes, then zeros until the socket is gone or 60 MiB are out; gives what was taken. */
async function pour(socket: Socket, first: number[]): Promise<number> {
  const gone = new Promise<false>((resolve) => socket.once("close", () => resolve(false)));
  const zeros = new Uint8Array(65_536);
  socket.write(new Uint8Array(first));
  let taken = 0;
  while (taken < 62_914_560) {
    const written = new Promise<boolean>((resolve) =>
      socket.write(zeros, (error) => resolve(!error))
    );
    if (!await Promise.race([written, gone])) break;
    taken += zeros.length;
  }
  socket.destroy();
  await gone;
  return taken;
}

function dial(port: number): Promise<MessageConn> {
  const ws = new WebSocket(`ws://127.0.0.1:${port}/x`, [PROTOCOL]);
  const conn = webSocketConn(ws);
  return new Promise((resolve, reject) => {
    ws.addEventListener("open", () => resolve(conn), { once: true });
    ws.addEventListener("close", () => reject(new Error("refused")), { once: true });
  });
}

Deno.test("TunnelDoor hands over a connection with its cluster", async () => {
  await using bench = await Bench.start();
  const client = await dial(bench.port);
  const { clusterId, conn, meta } = await bench.taken();
  assert.equal(clusterId, "c1");
  assert.deepEqual(meta, { remote: "198.51.100.7" });
  const [there, here] = [follow(client), follow(conn)];
  client.send(new Uint8Array([1, 2]));
  conn.send(new Uint8Array([3]));
  client.close(4000, "done");
  assert.deepEqual(await here.end, { code: 4000, reason: "done", clean: true });
  await there.end;
  assert.deepEqual([here.messages, there.messages], [[[1, 2]], [[3]]]);
});

Deno.test("TunnelDoor works behind TLS", async () => {
  const ca = await TestCa.create("ca");
  const certificate = await ca.issue({ subject: "CN=hub", usage: "server", ips: ["127.0.0.1"] });
  await using bench = await Bench.start({}, createTlsServer(certificate) as unknown as Server);
  using client = Deno.createHttpClient({ caCerts: [ca.pem] });
  const ws = new WebSocket(`wss://127.0.0.1:${bench.port}/`, { protocols: [PROTOCOL], client });
  const there = follow(webSocketConn(ws));
  const { conn } = await bench.taken();
  const here = follow(conn);
  conn.send(new Uint8Array(200_000));
  conn.close(4001, "done");
  assert.deepEqual(await there.end, { code: 4001, reason: "done", clean: true });
  await here.end;
  assert.equal(there.messages[0]?.length, 200_000);
});

Deno.test("TunnelDoor refuses what is no tunnel, and says what to do", async () => {
  await using bench = await Bench.start();
  const cases: [string, RegExp][] = [
    [
      handshake({ "Sec-WebSocket-Protocol": "v4.channel.k8s.io, x" }),
      /got \\"v4.channel.k8s.io, x/,
    ],
    [handshake({ "Sec-WebSocket-Protocol": "" }), /want Sec-WebSocket-Protocol: v1\.tunnel/],
    [handshake({ "Upgrade": "SPDY/3.1" }), /no WebSocket handshake.*proxy\/direct/],
    [handshake({}, "POST"), /no WebSocket handshake/],
    [handshake({ "Sec-WebSocket-Version": "8" }), /want Sec-WebSocket-Version: 13/],
    [handshake({ "Sec-WebSocket-Key": "short" }), /want one Sec-WebSocket-Key/],
    [
      handshake({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Key: b" }),
      /want one Sec-WebSocket-Key/,
    ],
  ];
  for (const [request, expected] of cases) {
    const answer = await bench.raw(request);
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/);
    assert.match(answer, /\r\nWarning: 299 clusternet "/);
    assert.match(answer, /"kind":"Status"/);
    assert.match(answer, expected);
  }
  assert.equal(bench.door.size, 0);
});

Deno.test("TunnelDoor takes no compression, and hides its inner request", async () => {
  await using bench = await Bench.start();
  const socket = connect(bench.port, "127.0.0.1");
  socket.write(handshake({
    "Sec-WebSocket-Extensions": "permessage-deflate",
    "Sec-WebSocket-Protocol": `other, ${PROTOCOL}`,
    "X-Tunnel-Ticket": "guess",
    "Cookie": "a=b",
  }));
  const [first] = await Promise.all([
    new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(String(chunk)))),
    bench.taken(),
  ]);
  assert.match(first, /^HTTP\/1\.1 101 /);
  assert.match(first, /sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
  assert.match(first, new RegExp(`sec-websocket-protocol: ${PROTOCOL}\r\n`, "i"));
  assert.ok(!/extensions|ticket|cookie/i.test(first), first);
  socket.destroy();
});

Deno.test("TunnelDoor does not lose bytes that came with the handshake", async () => {
  await using bench = await Bench.start();
  const socket = connect(bench.port, "127.0.0.1");
  const frame = [0x82, 0x83, 0, 0, 0, 0, 7, 8, 9]; // Masked with zeros
  socket.write(Buffer.concat([Buffer.from(handshake()), Buffer.from(frame)]));
  const { conn } = await bench.taken();
  const received = await new Promise<Uint8Array>((resolve) =>
    conn.start({ message: resolve, close: () => {} })
  );
  assert.deepEqual([...received], [7, 8, 9]);
  socket.destroy();
});

Deno.test("TunnelDoor reports a peer that vanishes", async () => {
  await using bench = await Bench.start();
  const socket = connect(bench.port, "127.0.0.1");
  socket.write(handshake());
  const { conn } = await bench.taken();
  const { end } = follow(conn);
  socket.resetAndDestroy();
  const { code, clean } = await end;
  assert.deepEqual({ code, clean }, { code: 1006, clean: false });
  conn.send(new Uint8Array(1));
  conn.close(1000, "");
  assert.equal(conn.bufferedAmount, 0);
});

Deno.test("TunnelDoor lets only tickets in, and only this user near", async () => {
  await using bench = await Bench.start();
  const [directory] = [...Deno.readDirSync(bench.socketDir)];
  const path = `${bench.socketDir}/${directory!.name}`;
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path: `${path}/s` } });
  for (const headers of [{}, { "x-tunnel-ticket": "0".repeat(64) }]) {
    const response = await fetch("http://tunnel/tunnel", { client, headers });
    assert.equal(response.status, 403);
    assert.match((await response.json()).message, /ticket/);
  }
});

Deno.test("TunnelDoor gives a handshake a deadline and a limit", async () => {
  const now = { ms: 0 };
  await using bench = await Bench.start({
    handshakeMs: 50,
    maxHandshakes: 1,
    // The ticket has expired whenever it is shown, so no WebSocket ever opens
    now: () => now.ms += 1_000,
  });
  const first = bench.raw(handshake());
  await new Promise((resolve) => setTimeout(resolve, 10));
  const second = await bench.raw(handshake());
  assert.match(second, /^HTTP\/1\.1 503 Service Unavailable\r\n/);
  assert.match(second, /Retry-After: 1\r\n/);
  assert.match(await first, /^HTTP\/1\.1 403 /);
  while (bench.door.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(bench.log.lines[0]!.message, /too long/);
});

Deno.test("TunnelDoor closes what it holds, removes its file, refuses what comes", async () => {
  await using bench = await Bench.start();
  const client = follow(await dial(bench.port));
  const { conn } = await bench.taken();
  const end = follow(conn).end;
  // One that does not answer the close handshake
  const deaf = connect(bench.port, "127.0.0.1");
  deaf.write(handshake());
  const deafEnd = follow((await bench.taken()).conn).end;
  const closing = bench.door.close();
  assert.match(await bench.raw(handshake()), /^HTTP\/1\.1 503 .*this hub stops/s);
  assert.deepEqual(await client.end, { code: 4053, reason: "the hub stops", clean: true });
  assert.equal((await end).code, 4053);
  assert.equal((await deafEnd).clean, false);
  await closing;
  await bench.door.close();
  assert.equal(bench.door.size, 0);
  assert.deepEqual([...Deno.readDirSync(bench.socketDir)], []);
  deaf.destroy();
});

Deno.test("TunnelDoor ends a connection that nobody takes over", async () => {
  await using bench = await Bench.start({
    onConn: () => {
      throw new Error("no room");
    },
  });
  const { end } = follow(webSocketConn(new WebSocket(`ws://127.0.0.1:${bench.port}/`, [PROTOCOL])));
  assert.equal((await end).clean, false);
  assert.match(String(bench.log.lines[0]?.properties.error), /no room/);
});

Deno.test("TunnelDoor holds a bounded amount for a slow peer, and loses nothing", async () => {
  await using bench = await Bench.start();
  const client = await dial(bench.port);
  const { conn } = await bench.taken();
  const there = follow(client);
  const sent = 200;
  for (let i = 0; i < sent; i++) {
    conn.send(new Uint8Array(65_536).fill(i));
    assert.ok(conn.bufferedAmount < 512 * 1024);
    await conn.drained();
  }
  conn.close(4000, "");
  await there.end;
  assert.equal(there.messages.length, sent);
  assert.ok(there.messages.every((message, i) => message[65_535] === i % 256));
});

Deno.test("TunnelDoor cuts an agent that announces 60 MiB, and holds none of it", async () => {
  await using bench = await Bench.start();
  const sockets: Socket[] = [];
  const ends: Promise<CloseInfo>[] = [];
  for (let i = 0; i < 8; i++) {
    const socket = connect(bench.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.resume();
    socket.write(handshake());
    sockets.push(socket);
    ends.push(follow((await bench.taken()).conn).end);
  }
  const before = Deno.memoryUsage().rss;
  const since = performance.now();
  const announced = [0x82, 0xff, 0, 0, 0, 0, 3, 192, 0, 0, 0, 0, 0, 0];
  const poured = await Promise.all(sockets.map((socket) => pour(socket, announced)));
  const ms = performance.now() - since;
  const grown = Deno.memoryUsage().rss - before;
  assert.ok(ms < 1_000, `${ms} ms`);
  assert.ok(poured.every((bytes) => bytes < 16 * 1024 * 1024), `${poured}`);
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes more`);
  for (const end of await Promise.all(ends)) {
    assert.equal(end.code, 4006);
    assert.match(end.reason, /62914560 bytes or more, the limit is 262144/);
  }
  assert.match(bench.log.lines[0]!.message, /is cut/);
  assert.equal(bench.log.lines[0]!.properties.cluster, "c1");
});

Deno.test("TunnelDoor says when its path is too long", async () => {
  const parent = await Deno.makeTempDir();
  const socketDir = `${parent}/${"x".repeat(100)}`;
  await Deno.mkdir(socketDir);
  assert.throws(() => new TunnelDoor({ onConn: () => {}, socketDir }), /too long/);
  assert.deepEqual([...Deno.readDirSync(socketDir)], []);
  await Deno.remove(parent, { recursive: true });
});
