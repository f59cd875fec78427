/**
 * Lines out of chunks that are cut anywhere.
 *
 * @module
 */

/** Thrown when a line is longer than it may be. */
export class LineTooLongError extends Error {
  override readonly name = "LineTooLongError";
}

const NEWLINE = 10;

/** Cuts a byte stream at newlines; holds at most one unfinished line. */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Uint8Array[] = [];
  #length = 0;

  /** @param maxBytes longest line, in bytes, without its newline */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Takes a chunk.
   *
   * @returns the lines it finishes, without newline; empty lines are left out
   * @throws {LineTooLongError} when a line passes the bound
   */
  *push(chunk: Uint8Array): Generator<Uint8Array> {
    let start = 0;
    while (true) {
      const end = chunk.indexOf(NEWLINE, start);
      const part = chunk.subarray(start, end === -1 ? chunk.length : end);
      if (this.#length + part.length > this.#maxBytes) {
        throw new LineTooLongError(`Cannot read a line of more than ${this.#maxBytes} bytes`);
      }
      if (part.length > 0) {
        this.#parts.push(part);
        this.#length += part.length;
      }
      if (end === -1) return;
      if (this.#length > 0) yield this.rest();
      start = end + 1;
    }
  }

  /** @returns the unfinished line, and forgets it */
  rest(): Uint8Array {
    const parts = this.#parts;
    const length = this.#length;
    this.#parts = [];
    this.#length = 0;
    if (parts.length === 1) return parts[0]!;
    const whole = new Uint8Array(length);
    let offset = 0;
    for (const part of parts) {
      whole.set(part, offset);
      offset += part.length;
    }
    return whole;
  }
}
