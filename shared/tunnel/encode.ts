/**
 * Frames to bytes. Layouts: PROTOCOL.md, section 4. Frames that carry data are written straight
 * into the outgoing message ({@linkcode writeFrameHeader}); the small ones are made whole here.
 *
 * @module
 */
import { FRAME_HEADER_BYTES, MAX_REASON_BYTES } from "./constants.ts";
import { FrameType } from "./frame.ts";

const encoder = new TextEncoder();

/** Writes the 9 bytes of a frame header at `at`. */
export function writeFrameHeader(
  out: Uint8Array,
  at: number,
  length: number,
  type: number,
  id: number,
): void {
  out[at] = length >>> 16;
  out[at + 1] = length >>> 8;
  out[at + 2] = length;
  out[at + 3] = type;
  out[at + 4] = 0;
  out[at + 5] = id >>> 24;
  out[at + 6] = id >>> 16;
  out[at + 7] = id >>> 8;
  out[at + 8] = id;
}

/** Writes a 32-bit number, big-endian; negative ones in two's complement. */
export function writeUint32(out: Uint8Array, at: number, value: number): void {
  out[at] = value >>> 24;
  out[at + 1] = value >>> 16;
  out[at + 2] = value >>> 8;
  out[at + 3] = value;
}

/** @returns a frame of any type with this payload */
export function encodeFrame(type: number, id: number, payload: Uint8Array): Uint8Array {
  const frame = emptyFrame(type, id, payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** @returns PING or PONG with 8 opaque bytes, given as two 32-bit numbers */
export function encodePing(type: number, high: number, low: number): Uint8Array {
  const frame = emptyFrame(type, 0, 8);
  writeUint32(frame, FRAME_HEADER_BYTES, high);
  writeUint32(frame, FRAME_HEADER_BYTES + 4, low);
  return frame;
}

/** @returns RESET; a reason above 1 KiB of UTF-8 is cut */
export function encodeReset(id: number, code: number, reason: string): Uint8Array {
  const text = encodeReason(reason);
  const frame = emptyFrame(FrameType.RESET, id, 4 + text.length);
  writeUint32(frame, FRAME_HEADER_BYTES, code);
  frame.set(text, FRAME_HEADER_BYTES + 4);
  return frame;
}

/** What GOAWAY says. */
export interface GoAwayPayload {
  /** Streams of the receiver above this id were not looked at: they may be sent again. */
  lastId: number;
  /** See `SessionCode`. */
  code: number;
  /** How long the receiver should wait before it dials anew, in milliseconds. */
  waitMs: number;
  /** For a human. */
  reason: string;
}

/** @returns GOAWAY; a reason above 1 KiB of UTF-8 is cut */
export function encodeGoAway({ lastId, code, waitMs, reason }: GoAwayPayload): Uint8Array {
  const text = encodeReason(reason);
  const frame = emptyFrame(FrameType.GOAWAY, 0, 12 + text.length);
  writeUint32(frame, FRAME_HEADER_BYTES, lastId);
  writeUint32(frame, FRAME_HEADER_BYTES + 4, code);
  writeUint32(frame, FRAME_HEADER_BYTES + 8, waitMs);
  frame.set(text, FRAME_HEADER_BYTES + 12);
  return frame;
}

/** @returns WINDOW; a negative delta takes credit back */
export function encodeWindow(id: number, delta: number): Uint8Array {
  const frame = emptyFrame(FrameType.WINDOW, id, 4);
  writeUint32(frame, FRAME_HEADER_BYTES, delta);
  return frame;
}

/** @returns SYNC with the highest peer id seen and the live ids */
export function encodeSync(highestPeerId: number, liveIds: readonly number[]): Uint8Array {
  const frame = emptyFrame(FrameType.SYNC, 0, 4 + 4 * liveIds.length);
  writeUint32(frame, FRAME_HEADER_BYTES, highestPeerId);
  let at = FRAME_HEADER_BYTES + 4;
  for (const id of liveIds) {
    writeUint32(frame, at, id);
    at += 4;
  }
  return frame;
}

function emptyFrame(type: number, id: number, length: number): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + length);
  writeFrameHeader(frame, 0, length, type, id);
  return frame;
}

function encodeReason(reason: string): Uint8Array {
  const text = new Uint8Array(MAX_REASON_BYTES);
  // encodeInto never splits a character
  return text.subarray(0, encoder.encodeInto(reason, text).written);
}
