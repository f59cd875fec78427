/**
 * The kinds of frame. A frame is a 9-byte header (24-bit length, 8-bit type, 8-bit flags, reserved
 * bit and 31-bit stream id) and a payload; PROTOCOL.md, section 3. Where HTTP/2 has a frame of the
 * same meaning (RFC 9113, section 6), the number is the same.
 *
 * @module
 */
import { FRAME_HEADER_BYTES, MAX_HEAD_BYTES, MAX_HELLO_BYTES } from "./constants.ts";
import { MAX_MESSAGE_BYTES } from "./message_conn.ts";

/** Type numbers on the wire. */
export const FrameType = {
  /** Payload bytes of a stream; the only frame that costs credit. */
  DATA: 0x0,
  /** Response head; the acceptor sends one. */
  HEAD: 0x1,
  /** Request head; opens a stream. */
  OPEN: 0x2,
  /** Cuts a stream in both directions: code (32 bits), reason. */
  RESET: 0x3,
  /** First frame in each direction: header block of limits. */
  HELLO: 0x4,
  /** Half-close: no more DATA from this side. */
  END: 0x5,
  /** Asks for a PONG: 8 opaque bytes. */
  PING: 0x6,
  /** Opens no more streams: last id, code, wait (32 bits each), reason. */
  GOAWAY: 0x7,
  /** Changes credit: signed 32 bits; stream 0 is the session. */
  WINDOW: 0x8,
  /** Answers a PING with its 8 bytes. */
  PONG: 0x9,
  /** Highest peer id seen and live ids (32 bits each). */
  SYNC: 0xa,
} as const;

/** One of {@linkcode FrameType}. */
export type FrameType = typeof FrameType[keyof typeof FrameType];

/** The largest payload by type number, in bytes; the receiver's HELLO limits DATA further. */
export const MAX_PAYLOAD: readonly number[] = [
  MAX_MESSAGE_BYTES - FRAME_HEADER_BYTES,
  MAX_HEAD_BYTES,
  MAX_HEAD_BYTES,
  2048,
  MAX_HELLO_BYTES,
  0,
  8,
  MAX_HELLO_BYTES,
  4,
  8,
  MAX_MESSAGE_BYTES - FRAME_HEADER_BYTES,
];

/** The smallest payload by type number, in bytes. */
export const MIN_PAYLOAD: readonly number[] = [0, 1, 1, 4, 1, 0, 8, 12, 4, 8, 4];

/** @returns `DATA` for 0; `type 99` for a number that this version does not know */
export function frameTypeName(type: number): string {
  for (const [name, value] of Object.entries(FrameType)) if (value === type) return name;
  return `type ${type}`;
}
