/**
 * Tunnel messages from a hostile peer: the decoder in any cut, and a whole session in either role.
 *
 * Input: one byte (role, whether the peer greets, whether the application reads), then messages,
 * each with its length (16 bits) before it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { FrameDecoder } from "../../shared/tunnel/decode.ts";
import {
  encodeFrame,
  encodeGoAway,
  encodePing,
  encodeReset,
  encodeSync,
  encodeWindow,
} from "../../shared/tunnel/encode.ts";
import {
  ProtocolError,
  SessionCode,
  SessionError,
  StreamError,
} from "../../shared/tunnel/errors.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { MAX_BUFFERED_BYTES } from "../../shared/tunnel/message_conn.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import {
  dataFrame,
  endFrame,
  GET,
  headFrame,
  openFrame,
  rawPair,
  turns,
} from "../../shared/tunnel/testing.ts";
import { WindowBudget } from "../../shared/tunnel/window.ts";
import type { Random } from "./random.ts";
import { type FuzzTarget, Input, join, words } from "./target.ts";

const ROLE = 1;
const GREETED = 2;
const READS = 4;
const SILENT = 8;
/** What our own end writes in each stream: more than its credit. */
const WRITTEN = 100_000;
const OWN_STREAMS = 3;
const CODES: ReadonlySet<number> = new Set(Object.values(SessionCode));

/** The message that ends a stream of bytes into frames, in whatever cut. */
function framesOf(bytes: Uint8Array, cut: number): unknown[] {
  const seen: unknown[] = [];
  const decoder = new FrameDecoder(
    (type, id, payload) => seen.push([type, id, payload.slice()]),
    32 * 1024,
    (type, length) => seen.push(["unknown", type, length]),
  );
  try {
    for (let at = 0; at < bytes.length; at += cut) decoder.push(bytes.subarray(at, at + cut));
    seen.push(decoder.atBoundary);
  } catch (error) {
    assert.ok(error instanceof ProtocolError, String(error));
    seen.push(error.message);
  }
  return seen;
}

/** Uses a stream as a server or a client would; only `StreamError` may come of it. */
async function use(stream: TunnelStream, opened: boolean, reads: boolean): Promise<void> {
  try {
    if (!opened) stream.sendHead({ status: 200, statusText: "", headers: [] });
    void stream.write(new Uint8Array(WRITTEN))?.catch(() => {});
    if (opened) await stream.responseHead;
    if (!reads) return;
    for (; (await stream.read()) !== null;);
    stream.end();
  } catch (error) {
    assert.ok(error instanceof StreamError, String(error));
  }
}

async function runSession(flags: number, messages: readonly Uint8Array[]): Promise<void> {
  const role = (flags & ROLE) === 0 ? "hub" : "agent";
  const reads = (flags & READS) !== 0;
  const budget = new WindowBudget();
  const uses: Promise<void>[] = [];
  const faults: string[] = [];
  const { session, peer, clock } = rawPair(role, {
    budget,
    onStream: (stream) => void uses.push(use(stream, false, reads)),
    log: {
      debug: () => {},
      warn: (text, properties) => faults.push(`${text} ${JSON.stringify(properties)}`),
    },
  });
  session.hello.catch((error) => assert.ok(error instanceof SessionError));
  if ((flags & GREETED) !== 0) {
    peer.hello();
    await session.hello;
    for (let count = 0; count < OWN_STREAMS; count++) {
      uses.push(use(session.open(GET), true, reads));
    }
    await turns(2);
  }
  let sent = 0;
  for (const message of messages) {
    sent += message.length;
    peer.conn.send(message);
  }
  await turns(6);
  const { unread, queued, bytesOut, streams, receiveWindow } = session.stats();
  assert.ok(unread <= sent && unread <= receiveWindow + 8 * 1024 * 1024, `${unread} unread`);
  assert.ok(streams <= 1024 + OWN_STREAMS, `${streams} streams`);
  // What we wrote ourselves, and at most 1 MiB of answers to control frames
  assert.ok(queued <= (streams + uses.length) * WRITTEN + 1024 * 1024, `${queued} queued`);
  assert.ok(bytesOut >= 0 && budget.used <= budget.total);
  assert.ok(peer.conn.bufferedAmount <= MAX_BUFFERED_BYTES + sent);
  if ((flags & SILENT) !== 0) {
    // A peer that says nothing more is found dead, or closes what it owes
    await clock.advance(60_000);
    assert.equal((await session.closed).code >= 0, true);
  } else session.close(0, "the case is over");
  const end = await session.closed;
  assert.ok(Number.isInteger(end.code) && end.code !== SessionCode.INTERNAL_ERROR, end.reason);
  if (peer.closed === undefined && end.clean) assert.ok(CODES.has(end.code), `${end.code}`);
  await Promise.all(uses);
  await turns(3);
  assert.equal(session.streamCount, 0);
  assert.equal(clock.pending, 0);
  assert.deepEqual(faults.filter((text) => !text.includes("does not know")), []);
  const after = session.stats();
  assert.equal(after.queued, 0);
}

const id = (random: Random): number =>
  random.oneIn(30) ? random.u32() & 0x7fffffff : random.below(14);
const number = (random: Random): number => random.oneIn(4) ? random.u32() : random.below(20);

/** One frame, whole and mostly of a size that is allowed. */
function frame(random: Random): Uint8Array {
  switch (random.below(12)) {
    case 0:
    case 1:
      return openFrame(id(random));
    case 2:
      return headFrame(id(random));
    case 3:
    case 4:
      return dataFrame(id(random), random.size(random.oneIn(10) ? 33_000 : 600));
    case 5:
      return endFrame(id(random));
    case 6:
      return encodeReset(id(random), number(random), "fuzz");
    case 7:
      return encodeWindow(id(random), random.u32() | 0);
    case 8:
      return encodePing(
        random.oneIn(2) ? FrameType.PING : FrameType.PONG,
        number(random),
        number(random),
      );
    case 9: {
      const live = Array.from({ length: random.size(12) }, () => id(random));
      return encodeSync(number(random), live);
    }
    case 10:
      return encodeGoAway({
        lastId: id(random),
        code: number(random),
        waitMs: number(random),
        reason: "fuzz",
      });
    default:
      return encodeFrame(random.below(256), id(random), random.bytes(random.size(40)));
  }
}

/** A message with its length before it. */
function lengthed(message: Uint8Array): Uint8Array {
  const cut = message.subarray(0, 0xffff);
  return join([Uint8Array.of(cut.length >> 8, cut.length & 0xff), cut]);
}

/** See the module text. */
export const frames: FuzzTarget = {
  name: "frames",
  maxBytes: 256 * 1024,
  dictionary: [
    ...words("\0\0\0", "\x7f\xff\xff\xff", "\x80\0\0\0", ":method\0GET\0", ":path\0/\0", ":user\0"),
    ...words(":group\0", ":extra\0=\0", ":status\x00101\0", ":upgrade\x001\0", ":target\0direct\0"),
    openFrame(1),
    openFrame(2),
    headFrame(1),
    endFrame(1),
    dataFrame(2, 1),
    encodeReset(1, 8, ""),
    encodeWindow(0, -1),
  ],
  generate(random: Random): Uint8Array {
    const flags = random.below(16) | (random.oneIn(8) ? 0 : GREETED);
    const parts: Uint8Array[] = [Uint8Array.of(flags)];
    for (let count = 1 + random.size(10); count > 0; count--) {
      const all: Uint8Array[] = [];
      for (let more = random.size(8); more >= 0; more--) all.push(frame(random));
      parts.push(lengthed(join(all)));
    }
    return join(parts);
  },
  async run(bytes: Uint8Array): Promise<void> {
    const input = new Input(bytes);
    const flags = input.byte();
    const messages: Uint8Array[] = [];
    while (!input.done && messages.length < 500) messages.push(input.take(input.u16()));
    const all = join(messages);
    const cut = 1 + (bytes.length % 37);
    if (all.length < 16 * 1024) {
      assert.deepEqual(framesOf(all, cut), framesOf(all, all.length || 1));
    }
    await runSession(flags, messages);
  },
};
