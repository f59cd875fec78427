import assert from "node:assert/strict";
import { defaultConfig } from "./config.ts";
import { decodeWindow } from "./decode.ts";
import { encodeReset, encodeWindow } from "./encode.ts";
import { ResetCode, SessionCode } from "./errors.ts";
import {
  dataFrame,
  echo,
  endFrame,
  GET,
  greetedPair,
  headFrame,
  openFrame,
  type RawPair,
  readAll,
  sessionPair,
  turns,
  until,
} from "./testing.ts";
import type { TunnelStream } from "./stream.ts";

const KIB = 1024;

/** Sum of the credit that the session under test returned. */
function returned({ peer }: RawPair, id: number): number {
  return peer.of("WINDOW", id).reduce((sum, { payload }) => sum + decodeWindow(payload), 0);
}

Deno.test("Credit counts DATA payload only: 64 KiB at OPEN, heads and END are free", async () => {
  const { session, peer } = await greetedPair("hub");
  const stream = session.open({ ...GET, headers: [["x", "y".repeat(60_000)]] });
  stream.write(new Uint8Array(64 * KIB));
  stream.end();
  await turns();
  assert.equal(peer.dataBytes(1), 64 * KIB);
  assert.equal(peer.of("END", 1).length, 1);
  const other = session.open(GET);
  other.write(new Uint8Array(64 * KIB + 1));
  other.end();
  await turns();
  assert.equal(peer.dataBytes(3), 64 * KIB);
  assert.equal(peer.of("END", 3).length, 0);
  peer.send(encodeWindow(3, 1));
  await turns();
  assert.equal(peer.dataBytes(3), 64 * KIB + 1);
  assert.equal(peer.of("END", 3).length, 1);
  session.close(0, "");
  await turns();
});

Deno.test("Stream credit returns when read() hands the bytes over, not before", async () => {
  const pair = await greetedPair("agent");
  const { session, peer, streams } = pair;
  peer.send(openFrame(1), dataFrame(1, 32 * KIB), dataFrame(1, 32 * KIB));
  await turns();
  assert.equal(returned(pair, 1), 0);
  assert.equal((await streams[0]!.read())?.length, 32 * KIB);
  await turns();
  assert.equal(returned(pair, 1), 32 * KIB);
  await streams[0]!.read();
  await turns();
  assert.equal(returned(pair, 1), 64 * KIB);
  session.close(0, "");
  await turns();
});

Deno.test("Session credit returns when bytes reach the stream's buffer, and after RESET", async () => {
  const pair = await greetedPair("agent");
  const { session, peer, streams } = pair;
  for (let i = 0; i < 8; i++) {
    const id = 1 + 2 * i;
    peer.send(openFrame(id), dataFrame(id, 32 * KIB), dataFrame(id, 32 * KIB));
  }
  await turns();
  assert.equal(returned(pair, 0), 512 * KIB);
  const [first] = streams;
  first!.reset(ResetCode.CANCEL, "");
  // Sent before the peer saw the RESET: thrown away, but the session must not lose the credit
  for (let i = 0; i < 16; i++) peer.send(dataFrame(1, 32 * KIB));
  await turns();
  assert.equal(returned(pair, 0), 1024 * KIB);
  assert.equal(returned(pair, 1), 0);
  session.close(0, "");
  await turns();
});

Deno.test("Stalled streams can never hold the session's credit", async () => {
  const stalled: TunnelStream[] = [];
  const { hub, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        if (stream.head.path === "/stall") stalled.push(stream);
        else void echo(stream);
      },
    },
  });
  for (let i = 0; i < 40; i++) {
    hub.open({ ...GET, path: "/stall" }).write(new Uint8Array(256 * KIB));
  }
  const body = new Uint8Array(500_000).fill(3);
  const stream = hub.open(GET);
  stream.write(body)?.then(() => stream.end());
  assert.deepEqual(await readAll(stream), body);
  assert.equal(stalled.length, 40);
  await until(() => hub.stats().queued === 40 * 192 * KIB);
  await turns();
  assert.equal(stalled.every(({ unreadBytes }) => unreadBytes === 64 * KIB), true);
  await close();
});

Deno.test("A slow reader stalls itself alone, and its memory is bounded", async () => {
  const { hub, agent, close } = await sessionPair({
    agent: {
      onStream: async (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: [] });
        for (let i = 0; i < 400; i++) await stream.write(new Uint8Array(10_000));
        stream.end();
      },
    },
  });
  const slow = hub.open(GET);
  slow.end();
  const fast = hub.open(GET);
  fast.end();
  assert.equal((await readAll(fast)).length, 4_000_000);
  assert.equal(slow.unreadBytes, 64 * KIB);
  assert.ok(agent.stats().queued <= 2 * defaultConfig.sendQueueBytes);
  assert.equal((await readAll(slow)).length, 4_000_000);
  await close();
});

Deno.test("Session ends with FLOW_CONTROL_ERROR when the peer sends beyond its credit", async () => {
  const first = await greetedPair("agent");
  first.peer.send(openFrame(1));
  for (let i = 0; i < 2; i++) first.peer.send(dataFrame(1, 32 * KIB));
  await turns();
  assert.equal(first.session.streamCount, 1);
  first.peer.send(dataFrame(1, 1));
  const end = await first.session.closed;
  assert.equal(end.code, SessionCode.FLOW_CONTROL_ERROR);
  assert.match(end.reason, /stream 1/);

  const second = await greetedPair("agent", { config: { sessionWindow: 16 * KIB } });
  second.peer.send(openFrame(1), dataFrame(1, 16 * KIB + 1));
  assert.match((await second.session.closed).reason, /the session/);
  await turns();
});

Deno.test("Session ends at a frame above the size it takes", async () => {
  const { session, peer } = await greetedPair("agent");
  peer.send(openFrame(1), dataFrame(1, 32 * KIB + 1));
  assert.equal((await session.closed).code, SessionCode.FRAME_SIZE_ERROR);
  await turns();
});

Deno.test("Session ends at a WINDOW of 0 and at credit out of its limits", async () => {
  const cases: [id: number, deltas: number[], code: number][] = [
    [0, [0], SessionCode.PROTOCOL_ERROR],
    [1, [0], SessionCode.PROTOCOL_ERROR],
    [1, [2 ** 31 - 1], SessionCode.FLOW_CONTROL_ERROR],
    [0, [2 ** 31 - 1], SessionCode.FLOW_CONTROL_ERROR],
    [1, [-(2 ** 31), -(2 ** 31)], SessionCode.FLOW_CONTROL_ERROR],
    [3, [1], SessionCode.PROTOCOL_ERROR],
  ];
  for (const [id, deltas, code] of cases) {
    const { session, peer } = await greetedPair("hub");
    session.open(GET);
    await turns();
    for (const delta of deltas) peer.send(encodeWindow(id, delta));
    assert.equal((await session.closed).code, code, `${id} ${deltas}`);
    await turns();
  }
});

Deno.test("Session keeps to credit that the peer took back", async () => {
  const { session, peer } = await greetedPair("hub");
  const stream = session.open(GET);
  await turns();
  peer.send(encodeWindow(1, -60 * KIB));
  await turns();
  stream.write(new Uint8Array(64 * KIB));
  await turns();
  assert.equal(peer.dataBytes(1), 4 * KIB);
  peer.send(encodeWindow(1, -2 * KIB));
  peer.send(encodeWindow(1, 2 * KIB));
  await turns();
  assert.equal(peer.dataBytes(1), 4 * KIB);
  peer.send(encodeWindow(1, 1));
  await turns();
  assert.equal(peer.dataBytes(1), 4 * KIB + 1);
  session.close(0, "");
  await turns();
});

Deno.test("Session waits for the peer's session credit and wakes every stream", async () => {
  const { session, peer } = await greetedPair("hub");
  const streams = Array.from({ length: 20 }, () => session.open(GET));
  for (const stream of streams) {
    stream.write(new Uint8Array(64 * KIB));
    stream.end();
  }
  await turns();
  assert.equal(peer.of("OPEN").length, 20);
  assert.equal(peer.dataBytes(), 1024 * KIB);
  const late = session.open(GET);
  late.end();
  await turns();
  // Frames that cost no credit still go
  assert.equal(peer.of("END", late.id).length, 1);
  peer.send(encodeWindow(0, 1024 * KIB));
  await turns();
  assert.equal(peer.dataBytes(), 20 * 64 * KIB);
  assert.equal(peer.of("END").length, 21);
  session.close(0, "");
  await turns();
});

Deno.test("write() asks to wait beyond its mark and refuses who does not", async () => {
  const { session, peer } = await greetedPair("hub", { config: { sendQueueBytes: 10_000 } });
  const stream = session.open(GET);
  assert.equal(stream.write(new Uint8Array(10_000)), undefined);
  const wait = stream.write(new Uint8Array(100_000));
  assert.ok(wait instanceof Promise);
  await turns();
  assert.equal(peer.dataBytes(1), 64 * KIB);
  peer.send(encodeWindow(1, 100_000));
  await wait;
  stream.write(new Uint8Array(300_000));
  await turns();
  await assert.rejects(stream.write(new Uint8Array(1))!, TypeError);
  stream.reset(ResetCode.CANCEL, "");
  await assert.rejects(stream.write(new Uint8Array(1))!, { name: "StreamError" });
  session.close(0, "");
  await turns();
});

Deno.test("Many tiny frames and views of large messages do not take much memory", async () => {
  const { session, peer, streams } = await greetedPair("agent");
  peer.send(openFrame(1));
  for (let i = 0; i < 100; i++) {
    const one = dataFrame(1, 1);
    one[9] = i;
    const other = openFrame(3 + 2 * i, { ...GET, headers: [["x", "y".repeat(10_000)]] });
    peer.send(one, other, encodeReset(3 + 2 * i, ResetCode.CANCEL, ""));
  }
  peer.send(endFrame(1));
  await turns();
  const chunk = streams[0]!.readSync();
  assert.equal(chunk?.length, 100);
  assert.ok(chunk.buffer.byteLength < 1024);
  assert.deepEqual([...chunk], Array.from({ length: 100 }, (_, i) => i));
  assert.equal(streams[0]!.readSync(), null);
  session.close(0, "");
  await turns();
});

Deno.test("read() waits once at a time, and readSync() says that nothing is there", async () => {
  const { session, peer } = await greetedPair("hub");
  const stream = session.open(GET);
  await turns();
  assert.equal(stream.readSync(), undefined);
  const first = stream.read();
  await assert.rejects(stream.read(), TypeError);
  peer.send(headFrame(1), dataFrame(1, 3), dataFrame(1, 0), dataFrame(1, 4), endFrame(1));
  assert.equal((await first)?.length, 3);
  assert.equal((await stream.read())?.length, 4);
  assert.equal(await stream.read(), null);
  session.close(0, "");
  await turns();
});
