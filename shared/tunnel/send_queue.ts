/**
 * What one stream has to send, in order: its head, its data, its END.
 *
 * @module
 */
import { FRAME_HEADER_BYTES, MAX_WINDOW } from "./constants.ts";
import { writeFrameHeader } from "./encode.ts";
import { StreamError } from "./errors.ts";
import { FrameType } from "./frame.ts";

/** A message under construction. */
export interface OutMessage {
  /** Where it is written; longer than `limit`. */
  readonly buffer: Uint8Array;
  /** Bytes written so far. */
  length: number;
  /** It should not become longer. */
  limit: number;
  /** The session's credit that is left, in bytes. */
  credit: number;
  /** Frames written so far. */
  frames: number;
}

/** What {@linkcode SendQueue.fill} left behind. */
export const Fill = {
  /** Nothing to send, or no credit of the stream: it waits for `write`, `end` or WINDOW. */
  IDLE: 0,
  /** It had its turn and has more. */
  MORE: 1,
  /** Only the session's credit is missing. */
  NO_SESSION_CREDIT: 2,
  /** The next frame does not fit into this message. */
  FULL: 3,
  /** END was written: this direction is done. */
  ENDED: 4,
} as const;

/** One of {@linkcode Fill}. */
export type Fill = typeof Fill[keyof typeof Fill];

/** Do not begin a frame of less data than this at the end of a message, in bytes. */
const MIN_TAIL_BYTES = 1024;

/**
 * A caller of `write` that does not wait when it is asked to is stopped when so many times the
 * queue's mark wait.
 */
const OVERRUN_FACTOR = 16;

/** One stream's outgoing side. */
export class SendQueue {
  /** Stream id. */
  readonly id: number;
  /** Whether the scheduler has it in a list. */
  scheduled = false;
  /** Bytes of data that wait. */
  bytes = 0;
  /** What the peer lets this stream send, in bytes; below 0 after the peer took some back. */
  credit: number;
  readonly #maxFrame: number;
  readonly #highWater: number;
  #headType: FrameType = FrameType.OPEN;
  #head: Uint8Array | undefined;
  #chunks: Uint8Array[] = [];
  /** Index of the first chunk that waits. */
  #first = 0;
  /** Bytes of that chunk that are already sent. */
  #sent = 0;
  #ending = false;
  #ended = false;
  #error: StreamError | undefined;
  #waiter: PromiseWithResolvers<void> | undefined;

  /**
   * @param credit at OPEN, in bytes
   * @param maxFrame the largest DATA payload that the peer takes, in bytes
   * @param highWater `push` asks to wait when more lies here, in bytes
   */
  constructor(id: number, credit: number, maxFrame: number, highWater: number) {
    this.id = id;
    this.credit = credit;
    this.#maxFrame = maxFrame;
    this.#highWater = highWater;
  }

  /** Whether `end` was called. */
  get ending(): boolean {
    return this.#ending;
  }

  /** Whether END was put into a message. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Whether the head was queued and has not been put into a message yet. */
  get headWaits(): boolean {
    return this.#head !== undefined;
  }

  /** Whether there is something that could be sent, were there credit of the session. */
  get ready(): boolean {
    return this.#head !== undefined || (this.bytes > 0 ? this.credit > 0 : this.#endWaits);
  }

  get #endWaits(): boolean {
    return this.#ending && !this.#ended;
  }

  /** Queues the head; it goes before all data. */
  pushHead(type: FrameType, block: Uint8Array): void {
    this.#headType = type;
    this.#head = block;
  }

  /**
   * Queues data by reference.
   *
   * @returns a promise when the caller should wait; it rejects with StreamError when the stream
   * is cut, and never shows up as an unhandled rejection
   */
  push(chunk: Uint8Array): Promise<void> | undefined {
    if (this.#error !== undefined) return rejected(this.#error);
    if (this.#ending) return rejected(new TypeError("Cannot write to a stream after end()"));
    if (this.bytes > this.#highWater * OVERRUN_FACTOR) {
      return rejected(
        new TypeError(
          `Cannot write: ${this.bytes} bytes wait already. Wait for the promise that write() returned`,
        ),
      );
    }
    if (chunk.length > 0) {
      this.#chunks.push(chunk);
      this.bytes += chunk.length;
    }
    if (this.bytes <= this.#highWater) return undefined;
    if (this.#waiter === undefined) {
      this.#waiter = Promise.withResolvers();
      this.#waiter.promise.catch(() => {});
    }
    return this.#waiter.promise;
  }

  /** Queues END behind everything. */
  finish(): void {
    this.#ending = true;
  }

  /** Throws away what waits; from now on writing fails with `error`. */
  drop(error: StreamError): void {
    this.#error = error;
    this.#head = undefined;
    this.#chunks = [];
    this.#first = 0;
    this.#sent = 0;
    this.bytes = 0;
    this.#ended = true;
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  /** Books a WINDOW. @returns `false` when the credit would leave its limits */
  addCredit(delta: number): boolean {
    this.credit += delta;
    return this.credit <= MAX_WINDOW && this.credit >= -MAX_WINDOW;
  }

  /** Writes one turn's worth of frames: the head, at most `maxFrame` bytes of data, END. */
  fill(out: OutMessage): Fill {
    if (this.#error !== undefined) return Fill.IDLE;
    const head = this.#head;
    if (head !== undefined) {
      if (out.length > 0 && out.length + FRAME_HEADER_BYTES + head.length > out.limit) {
        return Fill.FULL;
      }
      writeFrameHeader(out.buffer, out.length, head.length, this.#headType, this.id);
      out.buffer.set(head, out.length + FRAME_HEADER_BYTES);
      out.length += FRAME_HEADER_BYTES + head.length;
      out.frames++;
      this.#head = undefined;
    }
    if (this.bytes > 0) {
      if (this.credit <= 0) return Fill.IDLE;
      if (out.credit <= 0) return Fill.NO_SESSION_CREDIT;
      const wanted = Math.min(this.bytes, this.#maxFrame, this.credit, out.credit);
      const room = out.limit - out.length - FRAME_HEADER_BYTES;
      if (room < wanted && room < MIN_TAIL_BYTES && out.length > 0) return Fill.FULL;
      this.#writeData(out, Math.max(1, Math.min(wanted, room)));
      if (this.bytes > 0) return this.credit > 0 ? Fill.MORE : Fill.IDLE;
    }
    if (!this.#endWaits) return Fill.IDLE;
    if (out.length > 0 && out.length + FRAME_HEADER_BYTES > out.limit) return Fill.FULL;
    writeFrameHeader(out.buffer, out.length, 0, FrameType.END, this.id);
    out.length += FRAME_HEADER_BYTES;
    out.frames++;
    this.#ended = true;
    return Fill.ENDED;
  }

  #writeData(out: OutMessage, length: number): void {
    writeFrameHeader(out.buffer, out.length, length, FrameType.DATA, this.id);
    let at = out.length + FRAME_HEADER_BYTES;
    let left = length;
    while (left > 0) {
      const chunk = this.#chunks[this.#first]!;
      const rest = chunk.length - this.#sent;
      if (rest <= left) {
        out.buffer.set(this.#sent === 0 ? chunk : chunk.subarray(this.#sent), at);
        at += rest;
        left -= rest;
        this.#sent = 0;
        this.#shift();
      } else {
        out.buffer.set(chunk.subarray(this.#sent, this.#sent + left), at);
        at += left;
        this.#sent += left;
        left = 0;
      }
    }
    out.length = at;
    out.frames++;
    out.credit -= length;
    this.credit -= length;
    this.bytes -= length;
    if (this.#waiter !== undefined && this.bytes <= this.#highWater / 2) {
      this.#waiter.resolve();
      this.#waiter = undefined;
    }
  }

  #shift(): void {
    this.#first++;
    if (this.#first === this.#chunks.length) {
      this.#chunks.length = 0;
      this.#first = 0;
    } else if (this.#first >= 64) {
      this.#chunks.splice(0, this.#first);
      this.#first = 0;
    }
  }
}

function rejected(error: Error): Promise<void> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}
