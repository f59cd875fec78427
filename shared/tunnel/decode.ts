/**
 * Bytes to frames. Payloads are views of what was fed wherever a frame lies in one piece, so
 * nothing is copied on the usual way (a WebSocket message holds whole frames).
 *
 * @module
 */
import { FRAME_HEADER_BYTES } from "./constants.ts";
import type { GoAwayPayload } from "./encode.ts";
import { ProtocolError, SessionCode } from "./errors.ts";
import { FrameType, frameTypeName, MAX_PAYLOAD, MIN_PAYLOAD } from "./frame.ts";

/** Called for each frame of a known type; the payload is a view of what was fed. */
export type OnFrame = (type: FrameType, id: number, payload: Uint8Array) => void;

/** Called for each frame of an unknown type, once its header was read. */
export type OnUnknown = (type: number, length: number) => void;

/**
 * Cuts a byte stream into frames. Chunks may be cut anywhere. Frames of an unknown type are
 * skipped by their length and never stored.
 */
export class FrameDecoder {
  readonly #onFrame: OnFrame;
  readonly #onUnknown: OnUnknown | undefined;
  readonly #maxData: number;
  /** Bytes of a header that was cut by a chunk's end. */
  readonly #header = new Uint8Array(FRAME_HEADER_BYTES);
  #headerBytes = 0;
  /** Bytes of an unknown frame's payload that are still to come. */
  #skip = 0;
  #type = 0;
  #id = 0;
  /** Payload that was cut by a chunk's end. */
  #payload: Uint8Array | undefined;
  #payloadBytes = 0;

  /**
   * @param maxData the largest DATA payload allowed, in bytes
   * @param onUnknown told of frames that are skipped
   */
  constructor(onFrame: OnFrame, maxData: number, onUnknown?: OnUnknown) {
    this.#onFrame = onFrame;
    this.#maxData = maxData;
    this.#onUnknown = onUnknown;
  }

  /** Whether all that was fed so far ended with a whole frame. */
  get atBoundary(): boolean {
    return this.#headerBytes === 0 && this.#payload === undefined && this.#skip === 0;
  }

  /**
   * Feeds bytes and calls back for each frame that they complete.
   *
   * @param chunk must not change while views of it are in use
   * @throws {ProtocolError} when a known frame has a wrong size; what comes after is undefined.
   * What a callback throws comes through too
   */
  push(chunk: Uint8Array): void {
    const end = chunk.length;
    let at = 0;
    while (at < end) {
      if (this.#skip > 0) {
        const take = Math.min(this.#skip, end - at);
        this.#skip -= take;
        at += take;
        continue;
      }
      if (this.#payload !== undefined) {
        at += this.#continuePayload(this.#payload, chunk, at);
        continue;
      }
      let header = chunk;
      let headerAt = at;
      if (this.#headerBytes > 0 || end - at < FRAME_HEADER_BYTES) {
        const take = Math.min(FRAME_HEADER_BYTES - this.#headerBytes, end - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerBytes);
        this.#headerBytes += take;
        at += take;
        if (this.#headerBytes < FRAME_HEADER_BYTES) return;
        this.#headerBytes = 0;
        header = this.#header;
        headerAt = 0;
      } else at += FRAME_HEADER_BYTES;
      const length = this.#readHeader(header, headerAt);
      if (this.#type >= MAX_PAYLOAD.length) {
        this.#skip = length;
        this.#onUnknown?.(this.#type, length);
      } else if (length <= end - at) {
        const payload = chunk.subarray(at, at + length);
        at += length;
        this.#onFrame(this.#type as FrameType, this.#id, payload);
      } else {
        this.#payload = new Uint8Array(length);
        this.#payloadBytes = 0;
      }
    }
  }

  /** Sets type and id, checks the size, returns the length. */
  #readHeader(header: Uint8Array, at: number): number {
    // A multiplication: `<< 24` would make large numbers negative
    const length = header[at]! * 0x10000 + (header[at + 1]! << 8) + header[at + 2]!;
    const type = header[at + 3]!;
    this.#type = type;
    this.#id = readUint32(header, at + 5) & 0x7fffffff;
    if (type < MAX_PAYLOAD.length) {
      const max = type === FrameType.DATA ? this.#maxData : MAX_PAYLOAD[type]!;
      if (length > max || length < MIN_PAYLOAD[type]!) {
        throw new ProtocolError(
          SessionCode.FRAME_SIZE_ERROR,
          `The peer sent ${frameTypeName(type)} with ${length} bytes; ${
            MIN_PAYLOAD[type]
          } to ${max} are allowed`,
        );
      }
    }
    return length;
  }

  #continuePayload(payload: Uint8Array, chunk: Uint8Array, at: number): number {
    const take = Math.min(payload.length - this.#payloadBytes, chunk.length - at);
    payload.set(chunk.subarray(at, at + take), this.#payloadBytes);
    this.#payloadBytes += take;
    if (this.#payloadBytes === payload.length) {
      this.#payload = undefined;
      this.#onFrame(this.#type as FrameType, this.#id, payload);
    }
    return take;
  }
}

const reasonDecoder = new TextDecoder();

/** @returns the 32-bit number at `at`, big-endian, unsigned */
export function readUint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** @returns what a RESET payload (at least 4 bytes) says */
export function decodeReset(payload: Uint8Array): { code: number; reason: string } {
  return { code: readUint32(payload, 0), reason: reasonDecoder.decode(payload.subarray(4)) };
}

/** @returns what a GOAWAY payload (at least 12 bytes) says */
export function decodeGoAway(payload: Uint8Array): GoAwayPayload {
  return {
    lastId: readUint32(payload, 0) & 0x7fffffff,
    code: readUint32(payload, 4),
    waitMs: readUint32(payload, 8),
    reason: reasonDecoder.decode(payload.subarray(12)),
  };
}

/** @returns the signed change of credit of a WINDOW payload (4 bytes) */
export function decodeWindow(payload: Uint8Array): number {
  return readUint32(payload, 0) | 0;
}

/**
 * @returns what a SYNC payload says
 * @throws {ProtocolError} when its length is no multiple of 4
 */
export function decodeSync(payload: Uint8Array): { highestPeerId: number; liveIds: Set<number> } {
  if (payload.length % 4 !== 0) {
    throw new ProtocolError(
      SessionCode.FRAME_SIZE_ERROR,
      `The peer sent SYNC with ${payload.length} bytes; that is no list of stream ids`,
    );
  }
  const liveIds = new Set<number>();
  for (let at = 4; at < payload.length; at += 4) liveIds.add(readUint32(payload, at));
  return { highestPeerId: readUint32(payload, 0), liveIds };
}
