/**
 * What came in on one stream and was not read yet.
 *
 * @module
 */
import type { StreamError } from "./errors.ts";

/** Payloads below this are put together, in bytes: an object for each would cost more than it. */
const MERGE_BYTES = 256;
/** Size up to which small payloads are put together, in bytes. */
const TAIL_BYTES = 16 * 1024;

const ENDED = Promise.resolve(null);

/**
 * Buffers chunks until they are read. Its memory stays near the bytes it holds, whatever the frames
 * looked like: views that would keep a much larger message alive are copied, small ones are merged.
 */
export class ReceiveQueue {
  /** Bytes that wait. */
  bytes = 0;
  #chunks: Uint8Array[] = [];
  #first = 0;
  /** A buffer of ours behind the chunks, filled up to `#tailLength`. */
  #tail: Uint8Array | undefined;
  #tailLength = 0;
  #ended = false;
  #error: StreamError | undefined;
  #reader: PromiseWithResolvers<Uint8Array | null> | undefined;

  /** Whether the peer's END came. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Why reading fails, if it does. */
  get error(): StreamError | undefined {
    return this.#error;
  }

  /**
   * Takes one payload.
   *
   * @param payload a view of the received message; kept
   * @returns bytes that went straight to a waiting reader
   */
  push(payload: Uint8Array): number {
    const { length } = payload;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(payload);
      return length;
    }
    this.bytes += length;
    const wasteful = length < MERGE_BYTES || length * 2 < payload.buffer.byteLength;
    if (wasteful && length <= TAIL_BYTES) this.#append(payload);
    else {
      this.#flushTail();
      this.#chunks.push(wasteful ? payload.slice() : payload);
    }
    return 0;
  }

  /** The peer's END came: after what waits there is nothing more. */
  end(): void {
    this.#ended = true;
    this.#reader?.resolve(null);
    this.#reader = undefined;
  }

  /** Throws away what waits; from now on reading fails. */
  fail(error: StreamError): void {
    this.#error = error;
    this.#chunks = [];
    this.#first = 0;
    this.#tail = undefined;
    this.bytes = 0;
    this.#reader?.reject(error);
    this.#reader = undefined;
  }

  /**
   * @returns the next chunk, `null` at the end, `undefined` when nothing is there yet
   * @throws {StreamError} after {@linkcode ReceiveQueue.fail}
   */
  shift(): Uint8Array | null | undefined {
    if (this.#error !== undefined) throw this.#error;
    if (this.bytes === 0) return this.#ended ? null : undefined;
    let chunk: Uint8Array;
    if (this.#first < this.#chunks.length) {
      chunk = this.#chunks[this.#first]!;
      this.#first++;
      if (this.#first === this.#chunks.length) {
        this.#chunks.length = 0;
        this.#first = 0;
      } else if (this.#first >= 64) {
        this.#chunks.splice(0, this.#first);
        this.#first = 0;
      }
    } else {
      chunk = this.#tail!.subarray(0, this.#tailLength);
      this.#tail = undefined;
    }
    this.bytes -= chunk.length;
    return chunk;
  }

  /** Waits for the next chunk; call it after {@linkcode ReceiveQueue.shift} gave `undefined`. */
  wait(): Promise<Uint8Array | null> {
    if (this.#ended) return ENDED;
    if (this.#reader !== undefined) {
      return Promise.reject(
        new TypeError("Cannot read: another read() of this stream is waiting"),
      );
    }
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  #append(payload: Uint8Array): void {
    const { length } = payload;
    if (this.#tail === undefined) {
      this.#tail = payload.slice();
      this.#tailLength = length;
      return;
    }
    const total = this.#tailLength + length;
    if (total > this.#tail.length) {
      if (total > TAIL_BYTES) {
        this.#flushTail();
        this.#tail = payload.slice();
        this.#tailLength = length;
        return;
      }
      const larger = new Uint8Array(Math.min(2 * total, TAIL_BYTES));
      larger.set(this.#tail.subarray(0, this.#tailLength));
      this.#tail = larger;
    }
    this.#tail.set(payload, this.#tailLength);
    this.#tailLength = total;
  }

  #flushTail(): void {
    if (this.#tail === undefined) return;
    this.#chunks.push(this.#tail.subarray(0, this.#tailLength));
    this.#tail = undefined;
  }
}
