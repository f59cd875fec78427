import assert from "node:assert/strict";
import fc from "fast-check";
import { FRAME_HEADER_BYTES } from "./constants.ts";
import { decodeGoAway, decodeReset, decodeSync, decodeWindow, FrameDecoder } from "./decode.ts";
import {
  encodeFrame,
  encodeGoAway,
  encodePing,
  encodeReset,
  encodeSync,
  encodeWindow,
} from "./encode.ts";
import { ProtocolError, SessionCode } from "./errors.ts";
import { encodeRequestHead, encodeResponseHead } from "./head.ts";
import { FrameType, frameTypeName, MAX_PAYLOAD, MIN_PAYLOAD } from "./frame.ts";

const MAX_DATA = 32 * 1024;

interface Frame {
  type: number;
  id: number;
  payload: Uint8Array;
}

/** Feeds bytes in chunks of the given sizes (again and again) and returns what came out. */
function decode(bytes: Uint8Array, sizes: number[]): { frames: Frame[]; decoder: FrameDecoder } {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder(
    (type, id, payload) => frames.push({ type, id, payload: payload.slice() }),
    MAX_DATA,
    (type, length) => frames.push({ type, id: 0, payload: new Uint8Array(length) }),
  );
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % sizes.length] ?? bytes.length;
    decoder.push(bytes.subarray(at, at + size));
    at += size;
  }
  return { frames, decoder };
}

function concat(parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const streamId = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constant(2 ** 31 - 1));

const knownFrame = fc.integer({ min: 0, max: MAX_PAYLOAD.length - 1 }).chain((type) =>
  fc.record({
    type: fc.constant(type),
    id: streamId,
    payload: fc.uint8Array({
      minLength: MIN_PAYLOAD[type]!,
      maxLength: Math.min(MAX_PAYLOAD[type]!, 400),
    }),
  }, { noNullPrototype: true })
);

const unknownFrame = fc.record({
  type: fc.integer({ min: MAX_PAYLOAD.length, max: 255 }),
  id: fc.constant(0),
  payload: fc.nat({ max: 400 }).map((length) => new Uint8Array(length)),
}, { noNullPrototype: true });

const chunkSizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 20 });

Deno.test("FrameDecoder gives back what was encoded, however it is cut", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(knownFrame, unknownFrame)), chunkSizes, (frames, sizes) => {
      const bytes = concat(frames.map(({ type, id, payload }) => encodeFrame(type, id, payload)));
      const whole = decode(bytes, [bytes.length || 1]);
      assert.deepEqual(whole.frames, frames);
      assert.equal(whole.decoder.atBoundary, true);
      const cut = decode(bytes, sizes);
      assert.deepEqual(cut.frames, frames);
      assert.equal(cut.decoder.atBoundary, true);
    }),
  );
});

Deno.test("FrameDecoder ends hostile bytes with a ProtocolError or goes on", () => {
  const hostile = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.array(knownFrame, { minLength: 1, maxLength: 4 }).chain((frames) => {
      const bytes = concat(frames.map(({ type, id, payload }) => encodeFrame(type, id, payload)));
      return fc.tuple(
        fc.nat({ max: bytes.length - 1 }),
        fc.nat({ max: 255 }),
        fc.nat({ max: bytes.length }),
      ).map(([at, value, length]) => {
        const mutated = bytes.slice();
        mutated[at] = value;
        return mutated.subarray(0, length);
      });
    }),
  );
  fc.assert(
    fc.property(hostile, chunkSizes, (bytes, sizes) => {
      try {
        decode(bytes, sizes);
      } catch (error) {
        assert.ok(error instanceof ProtocolError, String(error));
        assert.equal(error.code, SessionCode.FRAME_SIZE_ERROR);
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("FrameDecoder refuses wrong sizes at the header and stores nothing of them", () => {
  const sizes: [type: FrameType, length: number][] = [
    [FrameType.DATA, MAX_DATA + 1],
    [FrameType.HEAD, 0],
    [FrameType.OPEN, 65_537],
    [FrameType.RESET, 3],
    [FrameType.END, 1],
    [FrameType.PING, 7],
    [FrameType.PONG, 9],
    [FrameType.WINDOW, 5],
    [FrameType.GOAWAY, 11],
    [FrameType.SYNC, 3],
    [FrameType.HELLO, 2 ** 24 - 1],
  ];
  for (const [type, length] of sizes) {
    const header = new Uint8Array([length >> 16, length >> 8, length, type, 0, 0, 0, 0, 1]);
    assert.throws(() => decode(header, [header.length]), {
      name: "ProtocolError",
      code: SessionCode.FRAME_SIZE_ERROR,
      message: new RegExp(frameTypeName(type)),
    });
  }
});

Deno.test("FrameDecoder skips an unknown frame of 16 MiB without storing it", () => {
  const header = new Uint8Array([0xff, 0xff, 0xff, 0xaa, 0, 0, 0, 0, 0]);
  const rest = new Uint8Array(0xffffff);
  const { frames, decoder } = decode(
    concat([header, rest, encodeWindow(3, -5)]),
    [100_000],
  );
  assert.equal(frames.length, 2);
  assert.equal(decodeWindow(frames[1]!.payload), -5);
  assert.equal(decoder.atBoundary, true);
});

Deno.test("FrameDecoder ignores flags and the reserved bit", () => {
  const frame = encodeWindow(5, 9);
  frame[4] = 0xff;
  frame[5]! |= 0x80;
  assert.equal(decode(frame, [frame.length]).frames[0]?.id, 5);
});

Deno.test("FrameDecoder gives views, not copies, of frames in one piece", () => {
  const bytes = encodeFrame(FrameType.DATA, 1, new Uint8Array(100));
  let seen: Uint8Array | undefined;
  new FrameDecoder((_type, _id, payload) => seen = payload, MAX_DATA).push(bytes);
  assert.equal(seen?.buffer, bytes.buffer);
});

Deno.test("Payloads of control frames come back as they were", () => {
  const body = (frame: Uint8Array): Uint8Array => frame.subarray(FRAME_HEADER_BYTES);
  fc.assert(
    fc.property(
      fc.nat({ max: 0xffffffff }),
      fc.integer(),
      fc.string({ unit: "grapheme", maxLength: 100 }),
      fc.uniqueArray(fc.nat()),
      (number, delta, reason, ids) => {
        const text = reason.toWellFormed();
        assert.deepEqual(decodeReset(body(encodeReset(1, number, text))), {
          code: number,
          reason: text,
        });
        const goAway = { lastId: number >>> 1, code: number, waitMs: number, reason: text };
        assert.deepEqual(decodeGoAway(body(encodeGoAway(goAway))), goAway);
        assert.equal(decodeWindow(body(encodeWindow(1, delta))), delta);
        assert.deepEqual(decodeSync(body(encodeSync(number, ids))), {
          highestPeerId: number,
          liveIds: new Set(ids),
        });
      },
    ),
  );
});

Deno.test("Frames look as PROTOCOL.md says", () => {
  const hex = (frame: Uint8Array): string => frame.toHex();
  assert.equal(hex(encodePing(FrameType.PING, 0, 1)), "000008060000000000" + "0000000000000001");
  assert.equal(hex(encodeWindow(1, 32_768)), "000004080000000001" + "00008000");
  assert.equal(hex(encodeWindow(0, -65_536)), "000004080000000000" + "ffff0000");
  assert.equal(hex(encodeReset(3, 8, "gone")), "000008030000000003" + "00000008" + "676f6e65");
  assert.equal(
    hex(encodeGoAway({ lastId: 2, code: 53, waitMs: 500, reason: "" })),
    "00000c070000000000" + "00000002" + "00000035" + "000001f4",
  );
  assert.equal(
    hex(encodeSync(4, [1, 4])),
    "00000c0a0000000000" + "00000004" + "00000001" + "00000004",
  );
  const head = { method: "GET", target: "direct", path: "/version", upgrade: false, headers: [] };
  assert.equal(
    hex(encodeFrame(FrameType.OPEN, 1, encodeRequestHead(head))),
    "00002a020000000001" + "3a6d6574686f640047455400" + "3a7461726765740064697265637400" +
      "3a70617468002f76657273696f6e00",
  );
  assert.equal(
    hex(encodeFrame(
      FrameType.HEAD,
      1,
      encodeResponseHead({ status: 200, statusText: "", headers: [] }),
    )),
    "00000c010000000001" + "3a7374617475730032303000",
  );
});

Deno.test("encodeReset() cuts a long reason between two characters", () => {
  const { reason } = decodeReset(
    encodeReset(1, 8, "\u20ac".repeat(1000)).subarray(FRAME_HEADER_BYTES),
  );
  assert.equal(reason, "\u20ac".repeat(341));
});
