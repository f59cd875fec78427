import assert from "node:assert/strict";
import { encodeFrame, encodePing, encodeReset, encodeSync } from "./encode.ts";
import { SessionCode } from "./errors.ts";
import { FrameType } from "./frame.ts";
import { MAX_BUFFERED_BYTES, MAX_MESSAGE_BYTES, type MessageConn } from "./message_conn.ts";
import { memoryConnPair } from "./memory_conn.ts";
import { Session } from "./session.ts";
import { dataFrame, GET, greetedPair, openFrame, RawPeer, sessionPair, turns } from "./testing.ts";

Deno.test("Session serves streams round-robin", async () => {
  const { session, peer } = await greetedPair("hub");
  const streams = Array.from({ length: 5 }, () => session.open(GET));
  for (const stream of streams) stream.write(new Uint8Array(64 * 1024));
  const late = session.open(GET);
  late.write(new Uint8Array(10));
  late.end();
  await turns();
  const order = peer.of("DATA").map(({ id }) => id);
  // One frame for each before the second of any
  assert.deepEqual([...new Set(order.slice(0, 6))].sort((a, b) => a - b), [1, 3, 5, 7, 9, 11]);
  session.close(0, "");
  await turns();
});

Deno.test("A small stream overtakes a bulk stream", async () => {
  const { hub, close } = await sessionPair({
    conn: { bandwidth: 20_000_000 },
    agent: {
      onStream: async (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        const bulk = stream.head.path === "/bulk";
        for (let i = 0; i < (bulk ? 200 : 1); i++) {
          await stream.write(new Uint8Array(bulk ? 50_000 : 100));
        }
        stream.end();
      },
    },
  });
  const bulk = hub.open({ ...GET, path: "/bulk" });
  bulk.end();
  let got = 0;
  const reading = (async () => {
    for (let chunk; (chunk = await bulk.read()) !== null;) got += chunk.length;
  })();
  await bulk.responseHead;
  for (let i = 0; i < 3; i++) {
    const small = hub.open(GET);
    small.end();
    for (; (await small.read()) !== null;);
  }
  assert.ok(got < 8_000_000, `${got}`);
  await reading;
  assert.equal(got, 10_000_000);
  await close();
});

Deno.test("Session sends what one turn queues as one message", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  peer.messageSizes.length = 0;
  for (let i = 0; i < 3; i++) session.open(GET).end();
  await turns();
  assert.equal(peer.messageSizes.length, 1);
  peer.send(openFrame(2), openFrame(4));
  await turns();
  for (const stream of streams) {
    stream.sendHead({ status: 200, statusText: "OK", headers: [] });
    stream.write(new Uint8Array(100));
    stream.write(new Uint8Array(100));
    stream.end();
  }
  await turns();
  assert.equal(peer.messageSizes.length, 2);
  const answer = peer.frames.filter(({ id }) => id === 2);
  assert.deepEqual(answer.map(({ type }) => type), ["HEAD", "DATA", "END"]);
  assert.equal(answer[1]!.payload.length, 200);
  session.close(0, "");
  await turns();
});

/** A connection whose network is stuck until it is told to go on. */
class StuckConn implements MessageConn {
  bufferedAmount = 0;
  most = 0;
  messages = 0;
  largest = 0;
  #wake: (() => void)[] = [];
  start(): void {}
  send(message: Uint8Array): void {
    this.messages++;
    this.largest = Math.max(this.largest, message.length);
    this.bufferedAmount += message.length;
    this.most = Math.max(this.most, this.bufferedAmount);
  }
  drained(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
  flow(): void {
    this.bufferedAmount = 0;
    for (const wake of this.#wake.splice(0)) wake();
  }
  close(): void {}
  abort(): void {}
}

Deno.test("At most 256 KiB wait in the socket, and messages stay below 256 KiB", async () => {
  const conn = new StuckConn();
  let deliver: ((message: Uint8Array) => void) | undefined;
  conn.start = ((handler: { message: (data: Uint8Array) => void }) => {
    deliver = handler.message;
  }) as () => void;
  const session = new Session({ role: "hub", conn, instanceId: "x" });
  const [a, b] = memoryConnPair();
  const peer = new RawPeer(a, "agent");
  b.start({ message: (data) => deliver?.(data), close: () => {} });
  peer.hello();
  await session.hello;
  for (let i = 0; i < 30; i++) {
    const stream = session.open({ ...GET, headers: [["x", "y".repeat(i * 2000)]] });
    stream.write(new Uint8Array(64 * 1024));
    stream.end();
  }
  for (let i = 0; i < 40; i++) {
    await turns(3);
    assert.ok(conn.most <= MAX_BUFFERED_BYTES, `${conn.most}`);
    if (i % 3 === 0) conn.flow();
  }
  assert.ok(session.stats().bytesOut > 1_000_000);
  assert.ok(conn.largest <= MAX_MESSAGE_BYTES);
  session.close(0, "");
  a.close(1000, "");
  await turns();
});

Deno.test("Session ends when the peer asks much and reads nothing", async () => {
  const conn = new StuckConn();
  let deliver: ((message: Uint8Array) => void) | undefined;
  conn.start = ((handler: { message: (data: Uint8Array) => void }) => {
    deliver = handler.message;
  }) as () => void;
  const session = new Session({
    role: "hub",
    conn,
    instanceId: "x",
    config: { pingsPerSecond: 1_000_000 },
  });
  const [a, b] = memoryConnPair();
  const peer = new RawPeer(a, "agent");
  b.start({ message: (data) => deliver?.(data), close: () => {} });
  peer.hello();
  await session.hello;
  const pings = Array.from({ length: 1000 }, () => encodePing(FrameType.PING, 0, 0));
  for (let i = 0; i < 100 && session.streamCount === 0; i++) peer.send(...pings);
  const end = await session.closed;
  assert.equal(end.code, SessionCode.FLOOD);
  assert.match(end.reason, /does not read/);
  a.close(1000, "");
  await turns();
});

Deno.test("Session ends at a message above 256 KiB", async () => {
  const { session, peer } = await greetedPair("hub");
  // The connection's own limit is the first fence; the session has one too
  const [a, b] = memoryConnPair();
  a.abort("");
  await turns();
  void b;
  const frames: Uint8Array[] = [];
  for (let i = 0; i < 9; i++) frames.push(encodeFrame(200 as FrameType, 0, new Uint8Array(30_000)));
  peer.send(...frames);
  const end = await session.closed;
  assert.notEqual(end.code, SessionCode.NO_ERROR);
  await turns();
});

Deno.test("Session ends when a message stops inside a frame", async () => {
  const { session, peer } = await greetedPair("hub");
  peer.send(openFrame(2).subarray(0, 20));
  assert.match((await session.closed).reason, /inside a frame/);
  await turns();
});

Deno.test("Session ends at a flood of OPEN, RESET, PING, SYNC or empty frames", async () => {
  const floods: [
    name: string,
    limits: Record<string, number>,
    frame: (i: number) => Uint8Array[],
  ][] = [
    ["OPEN", { opensPerSecond: 20 }, (i) => [openFrame(2 + 2 * i)]],
    ["RESET", { resetBurst: 20 }, (i) => [openFrame(2 + 2 * i), encodeReset(2 + 2 * i, 8, "")]],
    ["RESET", { resetBurst: 20, maxStreams: 0 }, (i) => [openFrame(2 + 2 * i)]],
    ["PING", { pingsPerSecond: 20 }, (i) => [encodePing(FrameType.PING, 0, i)]],
    ["PING", { pingsPerSecond: 20 }, (i) => [encodePing(FrameType.PONG, 9, i)]],
    ["SYNC", { syncsPerMinute: 20 }, () => [encodeSync(0, [])]],
    [
      "empty",
      { emptyFramesPerSecond: 20 },
      () => [encodeFrame(77 as FrameType, 0, new Uint8Array(0))],
    ],
    ["empty", { emptyFramesPerSecond: 20 }, (i) => i === 0 ? [openFrame(2)] : [dataFrame(2, 0)]],
  ];
  for (const [name, config, frames] of floods) {
    const { session, peer, clock } = await greetedPair("hub", { config });
    for (let i = 0; i < 15; i++) peer.send(...frames(i));
    await turns();
    assert.equal(session.usable, true, `${name}: 15 of 20`);
    // A bucket refills: the same rate over a longer time is no flood
    await clock.advance(name === "SYNC" ? 40_000 : 1000);
    for (let i = 15; i < 20; i++) peer.send(...frames(i));
    await turns();
    assert.equal(session.usable, true, `${name}: refilled`);
    for (let i = 20; i < 50; i++) peer.send(...frames(i));
    const end = await session.closed;
    assert.equal(end.code, SessionCode.FLOOD);
    assert.match(end.reason, new RegExp(name));
    await turns();
  }
});

Deno.test("Session takes tens of thousands of small streams in a row", async () => {
  const { hub, agent, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        stream.end();
      },
    },
  });
  for (let round = 0; round < 20; round++) {
    const streams = Array.from({ length: 1000 }, () => {
      const stream = hub.open(GET);
      stream.end();
      return stream;
    });
    for (const stream of streams) assert.equal(await stream.read(), null);
    await Promise.all(streams.map(({ closed }) => closed));
  }
  assert.equal(hub.streamCount, 0);
  assert.equal(agent.streamCount, 0);
  assert.equal(agent.stats().accepted, 20_000);
  await close();
});

Deno.test("Session refuses more streams than the peer allows, on both sides", async () => {
  const { hub, close } = await sessionPair({
    agent: { config: { maxStreams: 3 }, onStream: () => {} },
  });
  const streams = [1, 2, 3].map(() => hub.open(GET));
  assert.throws(() => hub.open(GET), { name: "SessionError", code: "too-many-streams" });
  streams[0]!.reset(8, "");
  hub.open(GET);
  await close();
  const { session, peer } = await greetedPair("agent", { config: { maxStreams: 1 } });
  peer.send(openFrame(1), openFrame(3));
  await turns();
  assert.deepEqual(peer.of("RESET").map(({ id }) => id), [3]);
  assert.equal(session.streamCount, 1);
  session.close(0, "");
  await turns();
});

Deno.test("Session cuts a stream whose handler throws, and goes on", async () => {
  let count = 0;
  const { hub, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        if (count++ === 0) throw new Error("a fault");
        stream.sendHead({ status: 204, statusText: "", headers: [] });
        stream.end();
      },
    },
  });
  const first = hub.open(GET);
  await assert.rejects(first.responseHead, { name: "StreamError", code: 2, remote: true });
  const second = hub.open(GET);
  assert.equal((await second.responseHead).status, 204);
  await close();
});
