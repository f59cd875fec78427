/**
 * What a rogue agent may send down its tunnel.
 *
 * @module
 */
import {
  encodeFrame,
  encodePing,
  encodeReset,
  encodeSync,
  encodeWindow,
  writeFrameHeader,
} from "../../shared/tunnel/encode.ts";
import { FrameType } from "../../shared/tunnel/frame.ts";
import { block, helloBlock } from "./frame_peer.ts";
import { wsFrame } from "./raw_websocket.ts";

/** One attack on a tunnel that was just opened. */
export interface HostileFrames {
  what: string;
  /** Sent first. @default {true: an honest HELLO} */
  hello?: boolean;
  /** WebSocket bytes, sent one after the other. */
  bytes: Iterable<Uint8Array>;
  /** WebSocket close codes, one of which ends it; none: the tunnel lives on. */
  codes: readonly number[];
}

const MIB = 1024 * 1024;
const NONE = new Uint8Array(0);
/** 4000 + PROTOCOL_ERROR, FLOW_CONTROL_ERROR, HELLO_TIMEOUT, FRAME_SIZE_ERROR, FLOOD, UNSUPPORTED */
const [BROKEN, CREDIT, SILENT, SIZE, FLOOD, UNKNOWN] = [4001, 4003, 4004, 4006, 4011, 4048];
/** RFC 6455, section 7.4.1: a rule of WebSocket itself. */
const WEBSOCKET = 1002;

/** One message of one or many frames. */
function message(...frames: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(frames.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const frame of frames) {
    all.set(frame, at);
    at += frame.length;
  }
  return wsFrame(all);
}

/** A frame whose header says something else. */
function announced(
  type: number,
  id: number,
  length: number,
  payload: Uint8Array = NONE,
): Uint8Array {
  const frame = new Uint8Array(9 + payload.length);
  writeFrameHeader(frame, 0, length, type, id);
  frame.set(payload, 9);
  return frame;
}

function* times(count: number, frame: (index: number) => Uint8Array): Iterable<Uint8Array> {
  const BATCH = 1_000;
  for (let at = 0; at < count; at += BATCH) {
    yield message(...Array.from({ length: Math.min(BATCH, count - at) }, (_, i) => frame(at + i)));
  }
}

const open = (id: number): Uint8Array =>
  encodeFrame(
    FrameType.OPEN,
    id,
    block([[":method", "GET"], [":target", "direct"], [":path", "/"]]),
  );
const hello = (pairs: [string, string][] = []): Uint8Array =>
  message(encodeFrame(FrameType.HELLO, 0, helloBlock("agent", pairs)));

/** @returns all of them */
export function hostileFrames(): HostileFrames[] {
  const data = (size: number): Uint8Array => new Uint8Array(size);
  const first = (what: string, bytes: Uint8Array[], codes: number[]): HostileFrames => ({
    what,
    hello: false,
    bytes,
    codes,
  });
  const then = (what: string, bytes: Iterable<Uint8Array>, codes: number[]): HostileFrames => ({
    what,
    bytes,
    codes,
  });
  return [
    // HELLO
    first("no HELLO", [], [SILENT]),
    first("OPEN before HELLO", [message(open(2))], [BROKEN]),
    first("random bytes", [wsFrame(crypto.getRandomValues(data(2_000)))], [BROKEN, SIZE]),
    first("a HELLO of 1 MiB", [wsFrame(announced(FrameType.HELLO, 0, MIB, data(MIB)))], [SIZE]),
    first("a HELLO that says 1 MiB", [message(announced(FrameType.HELLO, 0, MIB))], [SIZE]),
    first("a HELLO of 100 KiB", [message(encodeFrame(FrameType.HELLO, 0, data(102_400)))], [SIZE]),
    first("a HELLO of NULs", [message(encodeFrame(FrameType.HELLO, 0, data(8_000)))], [BROKEN]),
    first("a HELLO of deep JSON", [
      message(encodeFrame(FrameType.HELLO, 0, new TextEncoder().encode("[".repeat(8_000)))),
    ], [BROKEN]),
    first("a hub's HELLO", [
      message(encodeFrame(FrameType.HELLO, 0, helloBlock("hub"))),
    ], [BROKEN]),
    first("a HELLO that asks for more", [hello([["required-feature", "root"]])], [UNKNOWN]),
    first("a HELLO with 2,000 lines", [
      hello(Array.from({ length: 2_000 }, (): [string, string] => ["a", ""])),
    ], []),
    then("a second HELLO", [hello()], [BROKEN]),
    // Frames
    then("an unknown type", [message(encodeFrame(200, 7, data(1_000)))], []),
    then("an unknown type of 200 KiB", [message(encodeFrame(0xff, 0, data(200_000)))], []),
    then("DATA for a stream that never was", [
      message(encodeFrame(FrameType.DATA, 9, data(10))),
    ], [BROKEN]),
    then("END for a stream that never was", [message(encodeFrame(FrameType.END, 9, NONE))], [
      BROKEN,
    ]),
    then("WINDOW for a stream that never was", [message(encodeWindow(9, 1))], [BROKEN]),
    then("RESET for a stream that never was", [message(encodeReset(9, 8, ""))], [BROKEN]),
    then("DATA for stream 0", [message(encodeFrame(FrameType.DATA, 0, data(10)))], [BROKEN]),
    then("an id of the hub's", [message(open(1))], [BROKEN]),
    then("the same id twice", [message(open(2), open(2))], [BROKEN]),
    then("an OPEN that is no head", [message(encodeFrame(FrameType.OPEN, 2, data(64)))], []),
    then("the largest length", [message(announced(FrameType.DATA, 1, 2 ** 24 - 1))], [SIZE]),
    then("a PING of 9 bytes", [message(encodeFrame(FrameType.PING, 0, data(9)))], [SIZE]),
    then("a RESET of no bytes", [message(encodeFrame(FrameType.RESET, 1, NONE))], [SIZE]),
    then("a truncated frame", [message(announced(FrameType.PING, 0, 8, data(3)))], [BROKEN, SIZE]),
    then("a truncated header", [wsFrame(data(5))], [BROKEN, SIZE]),
    then("a WINDOW of 0", [message(encodeWindow(0, 0))], [BROKEN]),
    then("a WINDOW beyond the limit", [
      message(encodeWindow(0, 2 ** 31 - 1), encodeWindow(0, 2 ** 31 - 1)),
    ], [CREDIT]),
    // Floods
    then("a flood of OPEN", times(6_000, (i) => open(2 + 2 * i)), [FLOOD]),
    then(
      "OPEN and RESET",
      function* (): Iterable<Uint8Array> {
        for (let i = 0; i < 6; i++) {
          yield* times(2_000, (j) => {
            const id = 2 + 2 * (i * 1_000 + (j >> 1));
            return j % 2 === 0 ? open(id) : encodeReset(id, 8, "");
          });
        }
      }(),
      [FLOOD],
    ),
    then("a flood of PING", times(5_000, (i) => encodePing(FrameType.PING, 0, i)), [FLOOD]),
    then("a flood of PONG", times(5_000, (i) => encodePing(FrameType.PONG, 0, i)), [FLOOD]),
    then("a flood of SYNC", times(500, () => encodeSync(0, [])), [FLOOD]),
    then("long SYNCs", [
      ...times(1, () => encodeSync(1, Array.from({ length: 60_000 }, (_, i) => i))),
    ], []),
    then("a flood of unknown frames", times(60_000, () => encodeFrame(99, 0, NONE)), [FLOOD]),
    then("a flood of empty messages", [
      ...Array.from({ length: 30 }, () => wsMany(1_000)),
    ], [FLOOD]),
    // WebSocket
    then("text", [wsFrame(data(5).fill(97), { opcode: 1 })], [BROKEN]),
    then("100 MiB announced", [wsFrame(data(1_000), { length: 100 * MIB })], [SIZE]),
    then("100 MiB sent", [wsFrame(data(MIB), { length: 100 * MIB }), ...megabytes(99)], [SIZE]),
    then("100 MiB in fragments", [
      wsFrame(data(100_000), { fin: false }),
      ...Array.from({ length: 1_000 }, () => wsFrame(data(100_000), { opcode: 0, fin: false })),
    ], [SIZE]),
    then("a million small fragments", [
      wsFrame(NONE, { fin: false }),
      ...Array.from({ length: 100 }, () => wsMany(1_000, { opcode: 0, fin: false })),
    ], [FLOOD]),
    then("a compressed bomb", [wsFrame(data(200_000), { rsv: 0x40 })], [WEBSOCKET]),
    then("RSV2", [wsFrame(NONE, { rsv: 0x20 })], [WEBSOCKET]),
    then("a negative length", [wsFrame(NONE, { length: -1, lengthBytes: 8 })], [WEBSOCKET]),
    then("a length in too many bytes", [wsFrame(data(5), { lengthBytes: 8 })], [WEBSOCKET]),
    then("no mask", [wsFrame(data(5), { masked: false })], [WEBSOCKET]),
    then("an unknown opcode", [wsFrame(NONE, { opcode: 3 })], [WEBSOCKET]),
    then("a long ping", [wsFrame(data(200), { opcode: 9 })], [WEBSOCKET]),
    then("a continuation of nothing", [wsFrame(NONE, { opcode: 0 })], [WEBSOCKET]),
    then("a flood of WebSocket pings", [
      ...Array.from({ length: 30 }, () => wsMany(1_000, { opcode: 9 })),
    ], [FLOOD]),
  ];
}

/** Many empty frames in one piece. */
function wsMany(count: number, options: Parameters<typeof wsFrame>[1] = {}): Uint8Array {
  const frame = wsFrame(NONE, options);
  const all = new Uint8Array(count * frame.length);
  for (let i = 0; i < count; i++) all.set(frame, i * frame.length);
  return all;
}

function* megabytes(count: number): Iterable<Uint8Array> {
  for (let i = 0; i < count; i++) yield new Uint8Array(MIB);
}
