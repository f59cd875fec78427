/**
 * Greetings: HELLO payloads, and what a hub or a proxy answers to the agent's handshake.
 *
 * Input: one byte (what it is, role), then the payload or the answer's bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { DialError } from "../../agent/tunnel/dial_error.ts";
import { shakeHands } from "../../agent/tunnel/handshake.ts";
import { defaultConfig } from "../../shared/tunnel/config.ts";
import { HeadError, ProtocolError, SessionError } from "../../shared/tunnel/errors.ts";
import { encodeFrame } from "../../shared/tunnel/encode.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { decodePairs, encodePairs } from "../../shared/tunnel/head.ts";
import { decodeHello, encodeHello, type Role } from "../../shared/tunnel/hello.ts";
import { GET, rawPair, turns } from "../../shared/tunnel/testing.ts";
import type { Random } from "./random.ts";
import { type FuzzTarget, Input, join, words } from "./target.ts";

const U31 = 2 ** 31 - 1;
const LINES = [
  ...[
    "version",
    "role",
    "instance-id",
    "max-frame",
    "max-streams",
    "stream-window",
    "session-window",
  ],
  ...["ping-interval-ms", "dead-after-ms", "agent-version", "reconnect-spread-ms", "feature"],
  ...["required-feature", "unknown", "__proto__", "constructor", ""],
];
const VALUES = [
  ...[
    "1",
    "0",
    "-1",
    "01",
    "1e3",
    "0x10",
    " 1",
    "1.5",
    "NaN",
    "Infinity",
    "2147483647",
    "2147483648",
  ],
  ...[
    "4294967295",
    "999999999999999",
    "9999999999999999",
    "hub",
    "agent",
    "Hub",
    "",
    "\xff",
    "\r\n",
  ],
];
const ANSWERS = [
  ...[
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 403 Forbidden\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
  ],
  ...[
    "HTTP/1.1 503 X\r\n",
    "HTTP/1.1 302 Found\r\n",
    "Upgrade: websocket\r\n",
    "Connection: Upgrade\r\n",
  ],
  ...["Sec-WebSocket-Protocol: v1.tunnel.clusternet.io\r\n", "Sec-WebSocket-Extensions: x\r\n"],
  ...["Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo8=\r\n", "Sec-WebSocket-Accept: x\r\n"],
  ...[
    "Content-Type: application/json\r\n",
    "Content-Length: 40\r\n",
    "Transfer-Encoding: chunked\r\n",
  ],
  ...[
    "Retry-After: 999999999\r\n",
    "Retry-After: -1\r\n",
    "\r\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "28\r\n",
  ],
  ...[
    '{"kind":"Status","message":"no"}',
    '{"message":',
    "[".repeat(300),
    '{"a":'.repeat(300),
    "null",
  ],
  ...['{"message":{"toString":1}}', '{"__proto__":{"message":"x"}}', '"\\ud800"', "1e999"],
];
const TOKEN = "a-token-that-nobody-may-see";

function checkDecode(payload: Uint8Array, role: Role): void {
  try {
    const hello = decodeHello(payload, role, ["known"]);
    assert.equal(hello.version, 1);
    assert.notEqual(hello.role, role);
    const within = (value: number, min: number, max: number): void =>
      assert.ok(Number.isInteger(value) && value >= min && value <= max, `${value}`);
    within(hello.maxFrame, 1024, 0xffffff);
    within(hello.maxStreams, 0, 0xffffffff);
    within(hello.streamWindow, 0, U31);
    within(hello.sessionWindow, 0, U31);
    within(hello.pingIntervalMs, 1, U31);
    within(hello.deadAfterMs, 1, U31);
    within(hello.reconnectSpreadMs ?? 0, 0, U31);
    assert.ok(hello.requiredFeatures.every((feature) => feature === "known"));
    assert.deepEqual(Object.getPrototypeOf(hello), Object.prototype);
  } catch (error) {
    assert.ok(error instanceof ProtocolError || error instanceof HeadError, String(error));
    assert.ok(error.message.length < 500);
  }
  try {
    const pairs = decodePairs(payload);
    assert.deepEqual(decodePairs(encodePairs(pairs)), pairs);
  } catch (error) {
    assert.ok(error instanceof HeadError, String(error));
  }
}

/** A session that is greeted so ends with a code, or can be used. */
async function checkSession(payload: Uint8Array, role: Role): Promise<void> {
  const { session, peer, clock } = rawPair(role);
  let greeted = true;
  const hello = session.hello.catch((error) => {
    assert.ok(error instanceof SessionError, String(error));
    greeted = false;
  });
  peer.send(encodeFrame(FrameType.HELLO, 0, payload));
  await turns(4);
  if (session.usable) {
    await hello;
    assert.ok(greeted);
    for (let count = 0; count < 3; count++) {
      try {
        const stream = session.open(GET);
        stream.responseHead.catch(() => {});
        void stream.write(new Uint8Array(70_000));
        stream.end();
      } catch (error) {
        assert.ok(
          error instanceof SessionError && error.code === "too-many-streams",
          String(error),
        );
      }
    }
    await turns(4);
    const peerHello = await session.hello as Awaited<typeof session.hello>;
    const data = peer.of("DATA");
    assert.ok(data.every((frame) => frame.payload.length <= peerHello.maxFrame));
    assert.ok(peer.dataBytes() <= peerHello.sessionWindow);
    for (const { id } of peer.of("OPEN")) assert.ok(peer.dataBytes(id) <= peerHello.streamWindow);
    assert.ok(peer.of("OPEN").length <= peerHello.maxStreams);
  }
  session.close(0, "the case is over");
  const end = await session.closed;
  assert.ok(Number.isInteger(end.code) && end.code !== 2, `${end.code} ${end.reason}`);
  await hello;
  await turns(4);
  assert.equal(session.streamCount, 0);
  assert.equal(clock.pending, 0);
}

/** A hub's answer is a 101 for this very handshake, or a `DialError` without the token. */
async function checkHandshake(answer: Uint8Array): Promise<void> {
  let at = 0;
  const conn = {
    read(into: Uint8Array): Promise<number | null> {
      if (at >= answer.length) return Promise.resolve(null);
      const part = answer.subarray(at, at + into.length);
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
    write: (bytes: Uint8Array) => Promise.resolve(bytes.length),
  } as unknown as Deno.Conn;
  try {
    const { answer: head, rest } = await shakeHands(conn, {
      url: new URL("https://hub.example/apis/x/attach"),
      token: TOKEN,
      userAgent: "fuzz",
      key: "dGhlIHNhbXBsZSBub25jZQ==",
      signal: NEVER_ABORTED,
    });
    assert.ok(head.startsWith("HTTP/1.1 101 ") && head.endsWith("\r\n\r\n"));
    assert.equal(head.split("\r\n").length, 7);
    assert.ok(rest.length <= answer.length);
  } catch (error) {
    assert.ok(error instanceof DialError, String(error));
    assert.ok(!error.message.includes(TOKEN));
    const { retryAfterMs } = error;
    assert.ok(retryAfterMs === undefined || (retryAfterMs > 0 && retryAfterMs <= 60_000));
  }
}
const NEVER_ABORTED = new AbortController().signal;

/** See the module text. */
export const hello: FuzzTarget = {
  name: "hello",
  maxBytes: 80 * 1024,
  dictionary: words(
    ...LINES.map((line) => `${line}\0`),
    ...VALUES.map((value) => `${value}\0`),
    ...ANSWERS,
    TOKEN,
    "\0",
  ),
  generate(random: Random): Uint8Array {
    const flags = random.below(256);
    if (flags % 3 === 2) {
      let text = random.pick(ANSWERS);
      for (let count = random.size(12); count > 0; count--) text += random.pick(ANSWERS);
      return join([Uint8Array.of(flags), ...words(text)]);
    }
    const role = (flags & 64) === 0 ? "agent" : "hub";
    const valid = encodeHello(role, "fuzz", defaultConfig, { features: ["a"] });
    const more: string[] = [];
    for (let count = random.size(6); count > 0; count--) {
      more.push(`${random.pick(LINES)}\0${random.pick(VALUES)}\0`);
    }
    // The first line of a name counts: what comes before changes the meaning
    const parts = words(more.join(""));
    return join([
      Uint8Array.of(flags),
      ...(random.oneIn(2) ? [...parts, valid] : [valid, ...parts]),
    ]);
  },
  async run(bytes: Uint8Array): Promise<void> {
    const input = new Input(bytes);
    const flags = input.byte();
    const payload = input.rest();
    const role: Role = (flags & 64) === 0 ? "hub" : "agent";
    if (flags % 3 === 2) return await checkHandshake(payload);
    checkDecode(payload, role);
    if (flags % 3 === 1 && payload.length < 0xffffff) await checkSession(payload, role);
  },
};
