import assert from "node:assert/strict";
import { defaultConfig } from "./config.ts";
import { decodeGoAway } from "./decode.ts";
import { encodeFrame } from "./encode.ts";
import { SessionCode, SessionError } from "./errors.ts";
import { FrameType } from "./frame.ts";
import { decodePairs, encodePairs } from "./head.ts";
import { Session } from "./session.ts";
import { GET, greetedPair, openFrame, rawPair, sessionPair, turns } from "./testing.ts";
import { memoryConnPair } from "./memory_conn.ts";

Deno.test("Session sends HELLO first and unasked, with its limits", async () => {
  const { session, peer } = rawPair("hub", { hello: { reconnectSpreadMs: 30_000 } });
  await turns();
  assert.equal(peer.frames[0]?.type, "HELLO");
  const lines = new Map(decodePairs(peer.frames[0].payload));
  assert.equal(lines.get("version"), "1");
  assert.equal(lines.get("role"), "hub");
  assert.equal(lines.get("instance-id"), "tested");
  assert.equal(lines.get("max-frame"), "32768");
  assert.equal(lines.get("max-streams"), "1024");
  assert.equal(lines.get("stream-window"), "65536");
  assert.equal(lines.get("ping-interval-ms"), "15000");
  assert.equal(lines.get("dead-after-ms"), "45000");
  assert.equal(lines.get("reconnect-spread-ms"), "30000");
  session.close(0, "");
  await turns();
});

Deno.test("Session gives the peer's HELLO to its owner", async () => {
  const { hub, agent, close } = await sessionPair({
    hub: { hello: { reconnectSpreadMs: 5000, features: ["x"] } },
    agent: { hello: { agentVersion: "1.2.3" }, config: { maxStreams: 7 } },
  });
  const seen = await agent.hello;
  assert.equal(seen.instanceId, "hub-1");
  assert.equal(seen.reconnectSpreadMs, 5000);
  assert.deepEqual(seen.features, ["x"]);
  const agentHello = await hub.hello;
  assert.equal(agentHello.agentVersion, "1.2.3");
  assert.equal(agentHello.maxStreams, 7);
  await close();
});

Deno.test("Session ends when no HELLO comes within 10 s", async () => {
  const { session, peer, clock } = rawPair("hub");
  await clock.advance(9_999);
  assert.equal(peer.of("GOAWAY").length, 0);
  await clock.advance(2);
  const end = await session.closed;
  assert.equal(end.code, SessionCode.HELLO_TIMEOUT);
  assert.equal(end.clean, false);
  await assert.rejects(session.hello, SessionError);
  assert.equal(peer.closed?.code, 4004);
  assert.equal(clock.pending, 0);
});

Deno.test("Session opens no stream before the peer's HELLO", async () => {
  const { session } = rawPair("hub");
  assert.throws(() => session.open(GET), { name: "SessionError", code: "no-hello" });
  session.close(0, "");
  assert.throws(() => session.open(GET), { name: "SessionError", code: "closed" });
  await turns();
});

Deno.test("Session ends when a frame comes before HELLO", async () => {
  for (
    const frame of [openFrame(2), encodeFrame(99 as FrameType, 0, new Uint8Array(3))]
  ) {
    const { session, peer } = rawPair("hub");
    peer.send(frame);
    const end = await session.closed;
    assert.equal(end.code, SessionCode.PROTOCOL_ERROR);
    assert.match(end.reason, /before its HELLO/);
    await turns();
  }
});

Deno.test("Session ends at a second HELLO", async () => {
  const { session, peer } = await greetedPair("hub");
  peer.hello();
  assert.equal((await session.closed).code, SessionCode.PROTOCOL_ERROR);
  await turns();
});

Deno.test("Session skips frames of an unknown type by their length", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  peer.send(
    encodeFrame(0x42 as FrameType, 7, new Uint8Array(1000).fill(0xff)),
    openFrame(2),
    encodeFrame(0xff as FrameType, 0, new Uint8Array(0)),
    openFrame(4),
  );
  await turns();
  assert.deepEqual(streams.map(({ id }) => id), [2, 4]);
  session.close(0, "");
  await turns();
});

Deno.test("Session refuses an unknown required feature with a reason that names it", async () => {
  const { session, peer } = rawPair("hub");
  peer.hello({ requiredFeatures: ["teleport"] });
  const end = await session.closed;
  assert.equal(end.code, SessionCode.UNSUPPORTED);
  assert.match(end.reason, /"teleport"/);
  await turns();
  const told = decodeGoAway(peer.of("GOAWAY")[0]!.payload);
  assert.equal(told.code, SessionCode.UNSUPPORTED);
  assert.match(told.reason, /"teleport"/);
  assert.equal(peer.closed?.code, 4000 + SessionCode.UNSUPPORTED);
});

Deno.test("Session accepts a required feature that it has, and unknown optional ones", async () => {
  const { close } = await sessionPair({
    hub: { hello: { requiredFeatures: ["a"], features: ["b"] } },
    agent: { hello: { features: ["a"] } },
  });
  await close();
});

Deno.test("Session refuses another version, its own role and limits out of range", async () => {
  const good: [string, string][] = [
    ["version", "1"],
    ["role", "agent"],
    ["instance-id", "x"],
    ["max-frame", "32768"],
    ["max-streams", "10"],
    ["stream-window", "65536"],
    ["session-window", "65536"],
    ["ping-interval-ms", "1"],
    ["dead-after-ms", "1"],
    ["some-line-of-the-future", "x"],
  ];
  const cases: [change: [string, string][], code: number][] = [
    [[["version", "2"]], SessionCode.UNSUPPORTED],
    [[["role", "hub"]], SessionCode.PROTOCOL_ERROR],
    [[["max-frame", "0"]], SessionCode.PROTOCOL_ERROR],
    [[["max-frame", "1e3"]], SessionCode.PROTOCOL_ERROR],
    [[["stream-window", "-1"]], SessionCode.PROTOCOL_ERROR],
    [[["session-window", "2147483648"]], SessionCode.PROTOCOL_ERROR],
    [[["max-streams", ""]], SessionCode.PROTOCOL_ERROR],
  ];
  for (const [change, code] of cases) {
    const { session, peer } = rawPair("hub");
    const lines = new Map([...good, ...change]);
    peer.send(encodeFrame(FrameType.HELLO, 0, encodePairs(lines)));
    assert.equal((await session.closed).code, code, JSON.stringify(change));
    await turns();
  }
  const { session, peer } = rawPair("hub");
  peer.send(encodeFrame(FrameType.HELLO, 0, encodePairs(good)));
  assert.equal((await session.hello).maxStreams, 10);
  session.close(0, "");
  await turns();
});

Deno.test("Session refuses a HELLO that is no header block", async () => {
  const { session, peer } = rawPair("hub");
  peer.send(encodeFrame(FrameType.HELLO, 0, new Uint8Array([0xff, 0xfe, 0])));
  assert.equal((await session.closed).code, SessionCode.PROTOCOL_ERROR);
  await turns();
});

Deno.test("Session does not take a configuration out of its limits", () => {
  const [conn] = memoryConnPair();
  const make = (): Session =>
    new Session({ role: "hub", conn, instanceId: "x", config: { maxFrame: 1 } });
  assert.throws(make, { name: "RangeError", message: /maxFrame = 1 / });
});

Deno.test("A peer cannot ask for frames so small that their headers are most of what we send", async () => {
  for (const maxFrame of [0, 1, 1023]) {
    const { session, peer } = rawPair("hub");
    peer.hello({}, { ...defaultConfig, maxFrame });
    const { code, reason } = await session.closed;
    assert.equal(code, SessionCode.PROTOCOL_ERROR);
    assert.match(reason, /max-frame from 1024/);
    await turns();
  }
});
