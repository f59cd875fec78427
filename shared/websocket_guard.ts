/**
 * Watches the frame headers of a WebSocket's bytes before the runtime gets them.
 *
 * The runtime's own WebSocket keeps up to 64 MiB of one message before it hands it over, and looks
 * at sizes when they are there, not when they are announced. Both ends pass the bytes through a
 * copy of their own, so this looks at each header in passing and says stop before a payload comes.
 * Payloads are skipped by their length: nothing is copied or unmasked.
 *
 * Source: RFC 6455, section 5; `shared/tunnel/PROTOCOL.md`, section 2.
 *
 * @module
 */
import { CLOSE_CODE_BASE } from "./tunnel/constants.ts";
import { SessionCode } from "./tunnel/errors.ts";
import { MAX_MESSAGE_BYTES } from "./tunnel/message_conn.ts";

/** Options of {@linkcode WebSocketGuard}. */
export interface WebSocketGuardOptions {
  /** Whether the sender is the client, whose frames are masked (RFC 6455, section 5.1). */
  masked: boolean;
  /** The largest message, fragments added up, in bytes. @default {MAX_MESSAGE_BYTES} */
  maxMessageBytes?: number;
  /**
   * Frames from one message's end to the next: fragments and control frames. No tunnel of ours
   * sends more than one; each costs the runtime a call and an allocation.
   * @default {128}
   */
  maxFrames?: number;
}

/** What a peer did that no peer of ours does. */
export interface GuardViolation {
  /**
   * WebSocket close code: 4000 + {@linkcode SessionCode} for a rule of the tunnel, 1002 for one of
   * RFC 6455.
   */
  code: number;
  /** At most 123 bytes of ASCII; holds nothing that the peer chose but numbers. */
  reason: string;
}

/** What of a chunk may go on to the runtime; see {@linkcode WebSocketGuard.admit}. */
export interface Admitted {
  /** Goes first: the start of a header that was kept back. */
  head: Uint8Array | undefined;
  /** A view of the chunk; may be empty. */
  body: Uint8Array;
  /** The peer broke a rule right behind `body`. Nothing may follow. */
  violation: GuardViolation | undefined;
}

/** Flags, length in 7 bits, in 16 or 64 bits, mask: RFC 6455, section 5.2. */
const MAX_HEADER_BYTES = 14;
const MAX_CONTROL_BYTES = 125;
const CLOSE = 0x8;
const PONG = 0xa;
const PROTOCOL_ERROR = 1002;

/** One direction of one WebSocket. */
export class WebSocketGuard {
  readonly #masked: boolean;
  readonly #maxMessageBytes: number;
  readonly #maxFrames: number;
  /** The header under way. */
  readonly #header = new Uint8Array(MAX_HEADER_BYTES);
  #have = 0;
  #need = 2;
  /** Length of the frame under way. */
  #length = 0;
  /** Bytes of a payload that are still to come. */
  #skip = 0;
  /** Bytes of the message under way; -1 between messages. */
  #message = -1;
  #frames = 0;
  #violation: GuardViolation | undefined;

  /** Expects the first byte after the handshake's head. */
  constructor({ masked, maxMessageBytes, maxFrames }: WebSocketGuardOptions) {
    this.#masked = masked;
    this.#maxMessageBytes = maxMessageBytes ?? MAX_MESSAGE_BYTES;
    this.#maxFrames = maxFrames ?? 128;
  }

  /** What the peer did; nothing is admitted after it. */
  get violation(): GuardViolation | undefined {
    return this.#violation;
  }

  /**
   * Looks at the next bytes, however they are cut. An unfinished header at the end of a chunk is
   * kept back until it is whole, so that what was admitted always ends inside a payload or at a
   * frame's border: a violation leaves room for a close frame.
   *
   * @param chunk not changed and not kept
   */
  admit(chunk: Uint8Array): Admitted {
    if (this.#violation !== undefined) return this.#admitted(undefined, chunk, 0);
    const before = this.#have;
    const kept = before === 0 ? undefined : this.#header.slice(0, before);
    // Where the header under way begins; below 0 in an earlier chunk
    let start = -before;
    for (let at = 0; at < chunk.length;) {
      if (this.#skip > 0) {
        const step = Math.min(this.#skip, chunk.length - at);
        this.#skip -= step;
        at += step;
        continue;
      }
      if (this.#have === 0) start = at;
      this.#header[this.#have++] = chunk[at++]!;
      this.#violation = this.#look();
      if (this.#violation !== undefined) break;
      if (this.#have < this.#need) continue;
      this.#skip = this.#length;
      this.#have = 0;
      this.#need = 2;
      start = at;
    }
    const open = this.#have > 0;
    const end = open ? Math.max(0, start) : chunk.length;
    return this.#admitted(open && start < 0 ? undefined : kept, chunk, end);
  }

  #admitted(head: Uint8Array | undefined, chunk: Uint8Array, end: number): Admitted {
    const body = end === chunk.length ? chunk : chunk.subarray(0, end);
    return { head, body, violation: this.#violation };
  }

  /** Looks at what the newest byte of the header tells. */
  #look(): GuardViolation | undefined {
    switch (this.#have) {
      case 1:
        return this.#lookAtKind(this.#header[0]!);
      case 2:
        return this.#lookAtLength(this.#header[1]!);
      case 4:
        return (this.#header[1]! & 0x7f) === 126 ? this.#lookAtLong(2) : undefined;
      case 10:
        return (this.#header[1]! & 0x7f) === 127 ? this.#lookAtLong(8) : undefined;
    }
    return undefined;
  }

  #lookAtKind(first: number): GuardViolation | undefined {
    const opcode = first & 0x0f;
    const final = (first & 0x80) !== 0;
    if ((first & 0x70) !== 0) return broken("reserved bits are set: no extension was negotiated");
    if (++this.#frames > this.#maxFrames) {
      return {
        code: CLOSE_CODE_BASE + SessionCode.FLOOD,
        reason: `more than ${this.#maxFrames} WebSocket frames without a whole message`,
      };
    }
    if (opcode >= CLOSE) {
      if (opcode > PONG) return broken(`reserved opcode ${opcode}`);
      return final ? undefined : broken("a control frame in fragments");
    }
    switch (opcode) {
      case 0:
        return this.#message < 0 ? broken("a continuation without a start") : undefined;
      case 1:
        return {
          code: CLOSE_CODE_BASE + SessionCode.PROTOCOL_ERROR,
          reason: "text messages are not part of the protocol",
        };
      case 2:
        if (this.#message >= 0) return broken("a message inside another");
        this.#message = 0;
        return undefined;
    }
    return broken(`reserved opcode ${opcode}`);
  }

  #lookAtLength(second: number): GuardViolation | undefined {
    const length = second & 0x7f;
    const masked = (second & 0x80) !== 0;
    if (masked !== this.#masked) return broken(masked ? "a masked frame" : "an unmasked frame");
    const control = (this.#header[0]! & 0x08) !== 0;
    if (control && length > MAX_CONTROL_BYTES) return broken("a control frame above 125 bytes");
    this.#need = 2 + (length === 126 ? 2 : length === 127 ? 8 : 0) + (masked ? 4 : 0);
    return length > MAX_CONTROL_BYTES ? undefined : this.#lookAtSize(length);
  }

  #lookAtLong(bytes: 2 | 8): GuardViolation | undefined {
    if (bytes === 8 && this.#header[2]! >= 0x80) return broken("a negative length");
    let length = 0;
    // Above 2^53 it is not exact, and far above every limit
    for (let i = 2; i < 2 + bytes; i++) length = length * 256 + this.#header[i]!;
    if (length < (bytes === 2 ? 126 : 65_536)) return broken("a length in too many bytes");
    return this.#lookAtSize(length);
  }

  #lookAtSize(length: number): GuardViolation | undefined {
    this.#length = length;
    const first = this.#header[0]!;
    if ((first & 0x08) !== 0) return undefined;
    const message = this.#message + length;
    if (message > this.#maxMessageBytes) {
      return {
        code: CLOSE_CODE_BASE + SessionCode.FRAME_SIZE_ERROR,
        reason: `message of ${message} bytes or more, the limit is ${this.#maxMessageBytes}`,
      };
    }
    const final = (first & 0x80) !== 0;
    this.#message = final ? -1 : message;
    if (final) this.#frames = 0;
    return undefined;
  }
}

function broken(what: string): GuardViolation {
  return { code: PROTOCOL_ERROR, reason: `WebSocket: ${what}` };
}

/**
 * Makes the close frame that tells the runtime of a violation, as if the peer had closed: the
 * session then ends with the code and the reason, and the runtime's answer tells the peer.
 *
 * @param masked whether it takes the place of a client's frame; the masking key is 0
 * @returns the frame
 */
export function closeFrame({ code, reason }: GuardViolation, masked: boolean): Uint8Array {
  const text = new TextEncoder().encode(reason).subarray(0, MAX_CONTROL_BYTES - 2);
  const payload = [code >> 8, code & 0xff, ...text];
  const mask = masked ? [0, 0, 0, 0] : [];
  return new Uint8Array([0x80 | CLOSE, (masked ? 0x80 : 0) | payload.length, ...mask, ...payload]);
}
