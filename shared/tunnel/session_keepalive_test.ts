import assert from "node:assert/strict";
import { decodeGoAway, decodeSync } from "./decode.ts";
import { encodeGoAway, encodePing, encodeSync } from "./encode.ts";
import { ResetCode, SessionCode, SessionError } from "./errors.ts";
import { FrameType } from "./frame.ts";
import { memoryConnPair } from "./memory_conn.ts";
import {
  dataFrame,
  echo,
  endFrame,
  GET,
  greetedPair,
  headFrame,
  openFrame,
  RawPeer,
  readAll,
  sessionPair,
  turns,
} from "./testing.ts";
import { Session } from "./session.ts";

/** Answers every PING that came since the last call. */
function pong(peer: RawPeer): void {
  for (const { payload } of peer.of("PING")) {
    peer.send(encodePing(FrameType.PONG, 0, new DataView(payload.slice().buffer).getUint32(4)));
  }
  peer.frames.length = 0;
}

Deno.test("Session sends a PING every 15 s and measures the round trip", async () => {
  const { session, peer, clock } = await greetedPair("agent");
  assert.equal(peer.of("PING").length, 1);
  pong(peer);
  await turns();
  assert.equal(session.rttMs, 0);
  for (let i = 0; i < 3; i++) {
    await clock.advance(15_000);
    assert.equal(peer.of("PING").length, 1);
    pong(peer);
    await turns();
  }
  session.close(0, "");
  await turns();
  assert.equal(clock.pending, 0);
});

Deno.test("Session answers PING with its bytes, and ping() gives the round trip", async () => {
  const { session, peer } = await greetedPair("agent");
  peer.send(encodePing(FrameType.PING, 0xdeadbeef, 0x01020304));
  await turns();
  assert.deepEqual(
    [...peer.of("PONG")[0]!.payload],
    [0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4],
  );
  const rtt = session.ping();
  await turns();
  pong(peer);
  assert.equal(await rtt, 0);
  const lost = session.ping();
  session.close(0, "");
  await assert.rejects(lost, SessionError);
  await assert.rejects(session.ping(), SessionError);
  await turns();
});

Deno.test("Session takes a silent peer for dead after 45 s and within 50 s", async () => {
  const { session, peer, clock } = await greetedPair("hub");
  const stream = session.open(GET);
  await clock.advance(44_900);
  assert.equal(session.usable, true);
  await clock.advance(5_000);
  const end = await session.closed;
  assert.equal(end.code, SessionCode.PING_TIMEOUT);
  await assert.rejects(stream.responseHead, { code: ResetCode.SESSION_CLOSED });
  assert.equal(clock.pending, 0);
  await turns();
  assert.equal(peer.closed?.code, 1006);
});

Deno.test("Any frame is a sign of life", async () => {
  const { session, peer, clock, streams } = await greetedPair("agent");
  peer.send(openFrame(1));
  for (let i = 0; i < 20; i++) {
    await clock.advance(10_000);
    peer.send(dataFrame(1, 100));
    await turns();
    assert.equal(streams[0]!.readSync()?.length, 100);
  }
  assert.equal(session.usable, true);
  session.close(0, "");
  await turns();
});

Deno.test("Session does not take a peer for dead because its own process slept", async () => {
  let now = 0;
  let wake: (() => void) | undefined;
  const [a, b] = memoryConnPair();
  const session = new Session({
    role: "hub",
    conn: a,
    instanceId: "x",
    now: () => now,
    setTimer: (run, ms) => {
      if (ms !== 10_000) wake = run;
      return () => {};
    },
  });
  new RawPeer(b, "agent").hello();
  await session.hello;
  // Suspended for an hour, twice: the timer fires late, before the frames that wait are read
  for (let i = 0; i < 2; i++) {
    now += 3_600_000;
    wake?.();
    assert.equal(session.usable, true);
  }
  session.close(0, "");
  await turns();
});

Deno.test("Two sessions stay alive by their PINGs alone", async () => {
  const config = { pingIntervalMs: 20, deadAfterMs: 100 };
  const { hub, agent, close } = await sessionPair({ hub: { config }, agent: { config } });
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(hub.usable && agent.usable, true);
  assert.ok(hub.rttMs !== undefined && agent.rttMs !== undefined);
  await close();
});

Deno.test("SYNC lists live ids and the highest peer id seen", async () => {
  const { session, peer, clock } = await greetedPair("hub");
  session.open(GET);
  session.open(GET).reset(8, "");
  session.open(GET);
  peer.send(openFrame(2), openFrame(10));
  await turns();
  for (let i = 0; i < 6; i++) {
    await clock.advance(10_000);
    peer.send(encodePing(FrameType.PING, 0, 0));
  }
  const sync = decodeSync(peer.of("SYNC")[0]!.payload);
  assert.equal(sync.highestPeerId, 10);
  assert.deepEqual([...sync.liveIds].sort((a, b) => a - b), [1, 2, 5, 10]);
  session.close(0, "");
  await turns();
});

Deno.test("Session resets only older streams that are missing twice in SYNC", async () => {
  const { session, peer } = await greetedPair("hub");
  const known = session.open(GET);
  const lost = session.open(GET);
  peer.send(openFrame(2), openFrame(4));
  await turns();
  const young = session.open(GET);
  peer.send(encodeSync(3, [1, 2]));
  await turns();
  assert.equal(session.streamCount, 5);
  // Found again: the count begins anew
  peer.send(encodeSync(3, [1, 2, 3]));
  await turns();
  peer.send(encodeSync(3, [1, 2]));
  await turns();
  assert.equal(String(lost.resetError), "undefined");
  assert.equal(session.streamCount, 4);
  peer.send(encodeSync(3, [1, 2]));
  await turns();
  assert.equal(lost.resetError?.code, ResetCode.UNKNOWN_STREAM);
  assert.equal(known.resetError, undefined);
  assert.equal(young.resetError, undefined);
  assert.deepEqual(peer.of("RESET").map(({ id }) => id).sort((a, b) => a - b), [3, 4]);
  session.close(0, "");
  await turns();
});

Deno.test("Busy sessions never reset a stream by SYNC", async () => {
  const config = { syncIntervalMs: 2, syncsPerMinute: 1_000_000 };
  const { hub, agent, close } = await sessionPair({
    conn: { latencyMs: 1 },
    hub: { config },
    agent: { config, onStream: (stream) => void echo(stream) },
  });
  for (let round = 0; round < 10; round++) {
    await Promise.all(Array.from({ length: 20 }, async () => {
      const stream = hub.open(GET);
      stream.write(new Uint8Array(5000));
      stream.end();
      assert.equal((await readAll(stream)).length, 5000);
    }));
  }
  assert.equal(hub.stats().resetsIn + hub.stats().resetsOut, 0);
  assert.equal(agent.streamCount, 0);
  await close();
});

Deno.test("GOAWAY refuses new streams on both sides and lets open ones finish", async () => {
  let told: unknown;
  const { hub, agent, close } = await sessionPair({
    agent: {
      onStream: (stream) => void echo(stream),
      onGoAway: (info) => told = info,
    },
    hub: { onStream: (stream) => void echo(stream) },
  });
  const stream = hub.open(GET);
  await turns();
  hub.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 1500, reason: "the hub restarts" });
  assert.throws(() => hub.open(GET), { code: "going-away" });
  await turns();
  assert.deepEqual(told, {
    code: SessionCode.SHUTTING_DOWN,
    waitMs: 1500,
    reason: "the hub restarts",
  });
  assert.throws(() => agent.open(GET), { code: "going-away" });
  let drained = false;
  const draining = hub.drained().then(() => drained = true);
  stream.write(new Uint8Array(1000));
  await turns();
  assert.equal(drained, false);
  stream.end();
  assert.equal((await readAll(stream)).length, 1000);
  await draining;
  await hub.drained();
  await close();
});

Deno.test("GOAWAY gives back streams above its last id: they may be sent again", async () => {
  const { session, peer, clock } = await greetedPair("hub");
  const first = session.open(GET);
  const second = session.open(GET);
  await turns();
  peer.send(encodeGoAway({ lastId: 1, code: 0, waitMs: 0, reason: "bye" }));
  await assert.rejects(second.responseHead, { code: ResetCode.REFUSED_STREAM });
  assert.equal(first.resetError, undefined);
  assert.equal(peer.of("RESET").length, 0);
  peer.send(headFrame(1), endFrame(1));
  assert.equal((await readAll(first)).length, 0);
  session.close(0, "");
  await turns();
  assert.equal(clock.pending, 0);
});

Deno.test("Session that has sent GOAWAY refuses OPEN with REFUSED_STREAM", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  peer.send(openFrame(2));
  await turns();
  session.goAway({ code: 0, waitMs: 0, reason: "" });
  peer.send(openFrame(4));
  await turns();
  assert.equal(decodeGoAway(peer.of("GOAWAY")[0]!.payload).lastId, 2);
  assert.equal(streams.length, 1);
  assert.deepEqual(peer.of("RESET").map(({ id }) => id), [4]);
  session.close(0, "");
  await turns();
});

Deno.test("close() tells the peer code and reason and leaves nothing behind", async () => {
  const { session, peer, clock } = await greetedPair("hub");
  const stream = session.open(GET);
  const reading = stream.read();
  const writing = stream.write(new Uint8Array(1_000_000));
  session.close(SessionCode.REVOKED, "the cluster's registration was revoked");
  session.close(SessionCode.NO_ERROR, "again");
  assert.deepEqual(await session.closed, {
    code: SessionCode.REVOKED,
    reason: "the cluster's registration was revoked",
    clean: false,
  });
  await assert.rejects(reading, { code: ResetCode.SESSION_CLOSED });
  await assert.rejects(writing!, { code: ResetCode.SESSION_CLOSED });
  await turns();
  assert.equal(decodeGoAway(peer.of("GOAWAY")[0]!.payload).code, SessionCode.REVOKED);
  assert.equal(peer.closed?.code, 4052);
  assert.equal(clock.pending, 0);
});

Deno.test("Session says how its peer ended", async () => {
  const cases: [close: (peer: RawPeer) => void, code: number, clean: boolean, reason: RegExp][] = [
    [({ conn }) => conn.close(1000, ""), 0, true, /closed/],
    [({ conn }) => conn.close(4050, "a newer one"), SessionCode.REPLACED, false, /a newer one/],
    [({ conn }) => conn.abort(""), SessionCode.CONNECT_ERROR, false, /1006/],
  ];
  for (const [close, code, clean, reason] of cases) {
    const { session, peer, clock } = await greetedPair("agent");
    close(peer);
    const end = await session.closed;
    assert.equal(end.code, code);
    assert.equal(end.clean, clean);
    assert.match(end.reason, reason);
    assert.equal(clock.pending, 0);
    await turns();
  }
});
