import assert from "node:assert/strict";
import { decodeReset } from "./decode.ts";
import { encodePing, encodeReset } from "./encode.ts";
import { ResetCode, StreamError } from "./errors.ts";
import { FrameType } from "./frame.ts";
import {
  dataFrame,
  endFrame,
  GET,
  greetedPair,
  headFrame,
  openFrame,
  readAll,
  sessionPair,
  turns,
} from "./testing.ts";

Deno.test("Session keeps the order of a stream: OPEN, DATA, END and HEAD, DATA, END", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  const stream = session.open(GET);
  for (let i = 0; i < 5; i++) stream.write(new Uint8Array(20_000).fill(i));
  stream.end();
  await turns();
  const mine = peer.frames.filter(({ id }) => id === 1);
  assert.equal(mine[0]?.type, "OPEN");
  const data = mine.filter(({ type }) => type === "DATA");
  const bytes = data.flatMap(({ payload }) => [...payload]);
  assert.equal(bytes.length, 65_536);
  assert.deepEqual(bytes, [...bytes].sort((a, b) => a - b));
  assert.equal(mine.some(({ type }) => type === "END"), false);
  peer.send(openFrame(2));
  await turns();
  const answer = streams[0]!;
  answer.sendHead({ status: 200, statusText: "OK", headers: [] });
  answer.write(new Uint8Array(10));
  answer.end();
  await turns();
  assert.deepEqual(
    peer.frames.filter(({ id }) => id === 2).map(({ type }) => type),
    ["HEAD", "DATA", "END"],
  );
  session.close(0, "");
  await turns();
});

Deno.test("Session lets only control frames jump the queue", async () => {
  const { session, peer } = await greetedPair("hub");
  peer.frames.length = 0;
  const first = session.open(GET);
  first.write(new Uint8Array(1000));
  const second = session.open(GET);
  await turns();
  peer.frames.length = 0;
  first.write(new Uint8Array(1000));
  first.end();
  session.ping().catch(() => {});
  second.reset(ResetCode.CANCEL, "enough");
  peer.send(encodePing(FrameType.PING, 1, 2));
  session.goAway({ code: 0, waitMs: 0, reason: "" });
  await turns();
  const types = peer.frames.map(({ type }) => type);
  assert.deepEqual(types.filter((type) => type === "DATA" || type === "END"), ["DATA", "END"]);
  const data = types.indexOf("DATA");
  for (const type of ["PING", "RESET", "GOAWAY"]) {
    assert.ok(types.indexOf(type) >= 0 && types.indexOf(type) < data, `${type} in ${types}`);
  }
  session.close(0, "");
  await turns();
});

Deno.test("Session drops the queue of a stream that is reset, on both sides", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  const stream = session.open(GET);
  await turns();
  const wait = stream.write(new Uint8Array(1_000_000));
  stream.reset(ResetCode.CANCEL, "not wanted");
  stream.reset(ResetCode.INTERNAL_ERROR, "again");
  await assert.rejects(wait!, { name: "StreamError", code: ResetCode.CANCEL, remote: false });
  await turns();
  assert.equal(peer.dataBytes(1), 0);
  assert.equal(peer.of("RESET", 1).length, 1);
  assert.deepEqual(decodeReset(peer.of("RESET", 1)[0]!.payload), {
    code: ResetCode.CANCEL,
    reason: "not wanted",
  });
  peer.send(openFrame(2), dataFrame(2, 5000), encodeReset(2, ResetCode.CANCEL, "gone"));
  await turns();
  await assert.rejects(streams[0]!.read(), {
    name: "StreamError",
    code: ResetCode.CANCEL,
    reason: "gone",
    remote: true,
  });
  assert.equal(session.streamCount, 0);
  session.close(0, "");
  await turns();
});

Deno.test("Session sends nothing of a stream that is reset before its OPEN went out", async () => {
  const { session, peer } = await greetedPair("hub");
  const stream = session.open(GET);
  stream.reset(ResetCode.CANCEL, "");
  const next = session.open(GET);
  await turns();
  assert.deepEqual(peer.of("OPEN").map(({ id }) => id), [3]);
  assert.equal(peer.of("RESET").length, 0);
  assert.equal(next.id, 3);
  session.close(0, "");
  await turns();
});

Deno.test("Session carries headers as ordered pairs, duplicates and all", async () => {
  const headers: [string, string][] = [
    ["x-b", "1"],
    ["X-A", "2"],
    ["x-b", "3"],
    ["set-cookie", "a=b; c"],
    ["empty", ""],
    ["latin", "caf\u00e9"],
  ];
  const { hub, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        assert.deepEqual(stream.head.headers, headers);
        assert.deepEqual(stream.head.identity, {
          user: "jane",
          uid: "u-1",
          groups: ["dev", "ops", "dev"],
          extra: [["a=b/c", "x"], ["a=b/c", "y=z"]],
        });
        stream.sendHead({ status: 203, statusText: "Fine", headers });
        stream.end();
      },
    },
  });
  const stream = hub.open({
    ...GET,
    upgrade: true,
    path: "/a%2Fb?x=%00&y",
    headers,
    identity: {
      user: "jane",
      uid: "u-1",
      groups: ["dev", "ops", "dev"],
      extra: [["a=b/c", "x"], ["a=b/c", "y=z"]],
    },
  });
  stream.end();
  assert.deepEqual(await stream.responseHead, { status: 203, statusText: "Fine", headers });
  assert.equal(await stream.read(), null);
  assert.equal(await stream.read(), null);
  await stream.closed;
  await close();
});

Deno.test("Session carries a header block of nearly 64 KiB and refuses a larger one", async () => {
  const { hub, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        stream.sendHead({ status: 200, statusText: "", headers: stream.head.headers });
        stream.end();
      },
    },
  });
  const headers: [string, string][] = [["x", "y".repeat(65_000)]];
  const stream = hub.open({ ...GET, headers });
  stream.end();
  assert.deepEqual((await stream.responseHead).headers, headers);
  assert.throws(
    () => hub.open({ ...GET, headers: [["x", "y".repeat(65_600)]] }),
    { name: "HeadError", message: /64|65536/ },
  );
  await close();
});

Deno.test("Session resets a stream whose head is broken, and goes on", async () => {
  const { session, peer, streams } = await greetedPair("hub");
  const bad = openFrame(2);
  bad[bad.length - 1] = 65;
  peer.send(bad, openFrame(4));
  const mine = session.open(GET);
  await turns();
  const badHead = headFrame(1);
  badHead[12] = 0xff;
  peer.send(badHead);
  await turns();
  assert.deepEqual(streams.map(({ id }) => id), [4]);
  assert.deepEqual(peer.of("RESET").map(({ id }) => id), [2, 1]);
  await assert.rejects(mine.responseHead, { code: ResetCode.PROTOCOL_ERROR });
  session.close(0, "");
  await turns();
});

Deno.test("Session resets a stream that breaks the order of frames", async () => {
  const cases: [frames: (id: number) => Uint8Array[], code: number][] = [
    [(id) => [dataFrame(id, 1)], ResetCode.PROTOCOL_ERROR],
    [(id) => [endFrame(id)], ResetCode.PROTOCOL_ERROR],
    [(id) => [headFrame(id), headFrame(id)], ResetCode.PROTOCOL_ERROR],
    [(id) => [headFrame(id), endFrame(id), dataFrame(id, 1)], ResetCode.STREAM_CLOSED],
    [(id) => [headFrame(id), endFrame(id), endFrame(id)], ResetCode.STREAM_CLOSED],
    [(id) => [headFrame(id), endFrame(id), headFrame(id)], ResetCode.PROTOCOL_ERROR],
  ];
  const { session, peer } = await greetedPair("hub");
  for (const [frames, code] of cases) {
    const stream = session.open(GET);
    await turns();
    peer.send(...frames(stream.id));
    await stream.closed;
    await turns();
    assert.equal(stream.resetError?.code, code);
    assert.equal(decodeReset(peer.of("RESET", stream.id)[0]!.payload).code, code);
  }
  const last = session.open(GET);
  await turns();
  peer.send(headFrame(last.id), endFrame(last.id));
  last.end();
  assert.equal((await readAll(last)).length, 0);
  session.close(0, "");
  await turns();
});

Deno.test("Session ignores RESET after END from both", async () => {
  const { session, peer } = await greetedPair("hub");
  const stream = session.open(GET);
  stream.end();
  await turns();
  peer.send(headFrame(1), dataFrame(1, 100), endFrame(1));
  peer.send(encodeReset(1, ResetCode.CANCEL, "late"));
  await turns();
  await stream.closed;
  assert.equal(stream.resetError, undefined);
  assert.equal((await readAll(stream)).length, 100);
  stream.reset(ResetCode.CANCEL, "late too");
  assert.equal(await stream.read(), null);
  assert.equal(peer.of("RESET").length, 0);
  session.close(0, "");
  await turns();
});

Deno.test("Session carries early answers: NO_ERROR after END stops only the upload", async () => {
  const body = new Uint8Array(300_000).fill(7);
  const { hub, agent, close } = await sessionPair({
    agent: {
      onStream: (stream) => {
        stream.sendHead({ status: 413, statusText: "", headers: [] });
        stream.write(body);
        stream.end();
        stream.reset(ResetCode.NO_ERROR, "too large");
      },
    },
  });
  const stream = hub.open(GET);
  const wait = stream.write(new Uint8Array(1_000_000));
  const refused = assert.rejects(wait!, { name: "StreamError", code: ResetCode.NO_ERROR });
  assert.equal((await stream.responseHead).status, 413);
  assert.deepEqual(await readAll(stream), body);
  await refused;
  assert.equal(stream.resetError, undefined);
  assert.ok(stream.write(new Uint8Array(1)) instanceof Promise);
  assert.equal(agent.streamCount, 0);
  assert.equal(hub.streamCount, 0);
  await close();
});

Deno.test("A stream that is cut after HEAD rejects and never looks complete", async () => {
  const { session, peer } = await greetedPair("hub");
  const cut = session.open(GET);
  const lost = session.open(GET);
  await turns();
  peer.send(headFrame(1), dataFrame(1, 10), headFrame(3), dataFrame(3, 10));
  peer.send(encodeReset(1, ResetCode.CONNECT_ERROR, "the child went away"));
  await turns();
  await assert.rejects(cut.read(), { name: "StreamError", code: ResetCode.CONNECT_ERROR });
  assert.equal((await lost.read())?.length, 10);
  const waiting = lost.read();
  peer.conn.abort("cable pulled");
  await assert.rejects(waiting, { name: "StreamError", code: ResetCode.SESSION_CLOSED });
  await assert.rejects(lost.read(), StreamError);
  assert.equal((await lost.responseHead).status, 200);
  await lost.closed;
  assert.equal(lost.resetError?.code, ResetCode.SESSION_CLOSED);
  assert.equal((await session.closed).clean, false);
});
