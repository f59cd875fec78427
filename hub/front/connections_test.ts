import assert from "node:assert/strict";
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { delay } from "../../shared/backoff.ts";
import { createRegistry } from "../../shared/metrics.ts";
import { Connections, MAX_STRANGERS } from "./connections.ts";
import { FrontMetrics } from "./front_metrics.ts";
import { CallerLimiter } from "./limits.ts";
import type { ProxyRequestContext } from "./server.ts";
import { ALICE, DIRECT, get, TestFront, type TestFrontOptions } from "./test_front.ts";

const HEAD = `GET ${DIRECT}/x HTTP/1.1\r\nHost: hub\r\n${ALICE.join("\r\n")}\r\n`;

/** How long a connection stays open, in milliseconds. */
function lifetime(socket: TLSSocket): Promise<number> {
  const startedAt = performance.now();
  socket.resume();
  return new Promise((resolve) => {
    socket.once("close", () => resolve(performance.now() - startedAt));
  });
}

function secure(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("secureConnect", () => resolve()));
}

/** Writes pieces every 50 ms until the connection is closed. */
async function trickle(socket: TLSSocket, pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (socket.destroyed) return;
    socket.write(piece);
    await delay(50);
  }
}

/** A port whose refusals at limits are counted. */
async function counted(
  options: TestFrontOptions,
): Promise<{ test: TestFront; count: (reason: string) => Promise<number> }> {
  const registry = createRegistry();
  const metrics = new FrontMetrics(registry);
  const test = await TestFront.start({ ...options, metrics });
  const count = async (reason: string): Promise<number> => {
    const text = await registry.metrics();
    return Number(new RegExp(`limited_total\\{reason="${reason}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
  };
  return { test, count };
}

Deno.test("A connection that says nothing, or its head byte by byte, or too late, is closed", async () => {
  await using test = await TestFront.start({ limits: { headersMs: 500, keepAliveMs: 60_000 } });
  const silent = test.connect();
  const bytewise = test.connect();
  const lines = test.connect();
  const second = test.connect();
  const lifetimes = [silent, bytewise, lines, second].map(lifetime);
  await Promise.all([silent, bytewise, lines, second].map(secure));
  second.write(`${HEAD}\r\n`);
  await delay(700); // It is idle: no limit of heads
  assert.equal(second.destroyed, false);
  await Promise.all([
    trickle(bytewise, `${HEAD}${"X-A: b\r\n".repeat(100)}`),
    trickle(lines, Array.from({ length: 100 }, () => "\r\n")),
    trickle(second, `${HEAD}${"X-A: b\r\n".repeat(100)}`),
  ]);
  const took = await Promise.all(lifetimes);
  assert.ok(took.every((ms) => ms < 3_500), took.join());
});

Deno.test("Empty lines do not keep an idle connection open", async () => {
  const { test, count } = await counted({ limits: { headersMs: 60_000, keepAliveMs: 500 } });
  await using _ = test;
  const socket = test.connect();
  const open = lifetime(socket);
  await secure(socket);
  socket.write(`${HEAD}\r\n`);
  await trickle(socket, Array.from({ length: 100 }, () => "\r\n"));
  const ms = await open;
  assert.ok(ms < 3_000, `${ms} ms`);
  assert.equal(await count("idle"), 1);
});

Deno.test("A long answer and a next request are not idle", async () => {
  await using test = await TestFront.start({
    limits: { keepAliveMs: 300 },
    proxyRequest: async ({ res }: ProxyRequestContext) => {
      res.write("begin");
      await delay(1_200);
      res.end("end");
    },
  });
  const socket = test.connect();
  let text = "";
  socket.on("data", (chunk: string) => text += chunk);
  await secure(socket);
  for (let i = 1; i <= 2; i++) {
    socket.write(`${HEAD}\r\n`);
    while ((text.match(/end\r\n0\r\n/g)?.length ?? 0) < i) {
      assert.equal(socket.destroyed, false);
      await delay(20);
    }
  }
});

Deno.test("Strangers throw out the oldest of themselves, never a caller who is known", async () => {
  const { test, count } = await counted({ limits: { maxConnections: 8 } });
  await using _ = test;
  const known = test.connect(); // With the front proxy's certificate
  await secure(known);
  const strangers: TLSSocket[] = [];
  for (let i = 0; i < 12; i++) {
    const socket = test.connect(null);
    strangers.push(socket);
    socket.resume();
    await secure(socket);
  }
  await delay(100);
  assert.deepEqual(strangers.map(({ destroyed }) => destroyed), [
    ...Array.from({ length: 8 }, () => true),
    ...Array.from({ length: 4 }, () => false),
  ]);
  assert.equal(known.destroyed, false);
  assert.equal(await count("strangers"), 8);
  // TCP alone holds no place for long either
  const tcp = Array.from({ length: 10 }, () => connectTcp(test.port, "127.0.0.1"));
  for (const socket of tcp) socket.on("error", () => {}).resume();
  assert.equal((await test.send(get(`${DIRECT}/x`, ...ALICE))).status, 200);
  for (const socket of tcp) socket.destroy();
  await delay(50);
});

Deno.test("Strangers hold a thousand connections, however many there may be", () => {
  const closed: string[] = [];
  const connections = new Connections({
    max: 100_000,
    keepAliveMs: 1_000,
    onClosed: (reason) => void closed.push(reason),
  });
  const open = (): Duplex => {
    const socket = new Duplex({ read: () => {} });
    connections.opened(socket);
    return socket;
  };
  const known = open();
  connections.known(known);
  const oldest = open();
  for (let i = 1; i < MAX_STRANGERS; i++) open();
  assert.equal(oldest.destroyed, false);
  open();
  assert.equal(oldest.destroyed, true);
  assert.equal(known.destroyed, false);
  assert.equal(connections.strangers, MAX_STRANGERS);
  assert.deepEqual(closed, ["strangers"]);
});

Deno.test("Connections above the limit are closed at once; a place that is free is given again", async () => {
  const { test, count } = await counted({ limits: { maxConnections: 4 } });
  await using _ = test;
  const open: TLSSocket[] = [];
  for (let i = 0; i < 4; i++) {
    open.push(test.connect().resume());
    await secure(open[i]!); // Until then it is a stranger's
  }
  assert.equal((await test.send(get(`${DIRECT}/x`, ...ALICE))).status, 0);
  assert.equal(await count("connections"), 1);
  open[0]!.destroy();
  await delay(50);
  assert.equal((await test.send(get(`${DIRECT}/x`, ...ALICE))).status, 200);
});

Deno.test("A token makes its caller known", async () => {
  await using test = await TestFront.start({ limits: { maxConnections: 4 } });
  test.parent.users = { secret: { username: "carol" } };
  const carol = test.connect(null);
  await secure(carol);
  const answered = new Promise((resolve) => carol.once("data", resolve));
  carol.write(`GET ${DIRECT}/x HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer secret\r\n\r\n`);
  await answered;
  for (let i = 0; i < 4; i++) {
    const stranger = test.connect(null);
    stranger.resume();
    await secure(stranger);
  }
  await delay(50);
  assert.equal(carol.destroyed, false);
});

Deno.test("A caller at a limit reads 429 with Retry-After until an exchange of theirs is over", async () => {
  const limiter = new CallerLimiter({
    limits: { requestsPerUser: 1, upgradesPerUser: 1, attachesPerSecond: 1 },
    streamsOf: () => 1024,
  });
  const release = Promise.withResolvers<void>();
  await using test = await TestFront.start({
    limiter,
    proxyRequest: async ({ req, res }: ProxyRequestContext) => {
      if (req.url?.endsWith("/crash")) throw new Error("crash");
      if (req.url?.endsWith("/hold")) await release.promise;
      res.end("ok");
    },
  });
  const ask = (path: string): ReturnType<TestFront["send"]> =>
    test.send(get(`${DIRECT}${path}`, ...ALICE));
  const held = ask("/hold");
  while (limiter.size === 0) await delay(5);
  const refused = await ask("/x");
  assert.equal(refused.status, 429);
  assert.match(refused.head, /\r\nRetry-After: 1\r\n/);
  assert.match(refused.head, /\r\nWarning: 299 clusternet "User \\"alice\\" has 1 requests/);
  const status = JSON.parse(refused.body);
  assert.equal(status.reason, "TooManyRequests");
  assert.equal(status.details.causes[0].reason, "user-requests");
  assert.match(status.message, /--max-requests-per-user/);
  assert.equal((await test.send(get(`${DIRECT}/x`, "X-Remote-User: bob"))).status, 200);
  release.resolve();
  assert.equal((await held).status, 200);
  assert.equal((await ask("/crash")).status, 500);
  assert.equal((await ask("/x")).status, 200);
  while (limiter.size > 0) await delay(5);
});

Deno.test("A TLS 1.1 ClientHello gets the alert protocol_version and no ServerHello", async () => {
  await using test = await TestFront.start();
  const answerTo = async (minor: number): Promise<Uint8Array> => {
    const socket = connectTcp(test.port, "127.0.0.1");
    socket.on("error", () => {});
    const answer = new Promise<Uint8Array>((resolve) => {
      socket.once("data", resolve);
      socket.once("close", () => resolve(new Uint8Array(0)));
    });
    socket.write(clientHello(minor));
    try {
      return await answer;
    } finally {
      socket.destroy();
    }
  };
  for (const minor of [1, 2]) { // TLS 1.0, 1.1
    const alert = await answerTo(minor);
    // Record type 21, level fatal (2), description protocol_version (70): RFC 5246, section 7.2
    assert.deepEqual([alert.length, alert[0], alert[5], alert[6]], [7, 21, 2, 70]);
  }
  const fine = await answerTo(3); // The same hello with 1.2: handshake (22), ServerHello (2)
  assert.deepEqual([fine[0], fine[5]], [22, 2]);
  await delay(50);
});

/** A ClientHello of TLS 1.`minor - 1` with ciphers and extensions of its time and of today. */
function clientHello(minor: number): Uint8Array {
  const u16 = (value: number): number[] => [value >> 8, value & 0xff];
  const extension = (type: number, body: number[]): number[] => [
    ...u16(type),
    ...u16(body.length),
    ...body,
  ];
  const signatures = [4, 3, 8, 4, 4, 1, 2, 1, 2, 3].flat();
  const extensions = [
    ...extension(13, [...u16(signatures.length), ...signatures]),
    ...extension(10, [0, 4, 0, 29, 0, 23]), // x25519, secp256r1
    ...extension(11, [1, 0]),
  ];
  const ciphers = [0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x2b, 0xc0, 0x2f];
  const body = [
    3,
    minor,
    ...Array.from({ length: 32 }, (_, i) => i),
    0,
    ...u16(ciphers.length),
    ...ciphers,
    1,
    0,
    ...u16(extensions.length),
    ...extensions,
  ];
  const message = [1, 0, ...u16(body.length), ...body];
  return Uint8Array.from([22, 3, 1, ...u16(message.length), ...message]);
}
