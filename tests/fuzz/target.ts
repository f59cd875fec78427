/**
 * What is fuzzed: bytes go in, and what must hold whatever they are is checked.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** One thing to fuzz. */
export interface FuzzTarget {
  /** Its corpus is `corpus/<name>`. */
  readonly name: string;
  /** Largest input, in bytes. */
  readonly maxBytes: number;
  /** Bytes that mean something to it. */
  readonly dictionary: readonly Uint8Array[];
  /** Makes an input that looks right for the most part. */
  generate(random: Random): Uint8Array;
  /**
   * Feeds one input.
   *
   * @throws when anything that must hold does not
   */
  run(input: Uint8Array): void | Promise<void>;
}

const encoder = new TextEncoder();

/** Texts as a dictionary; each char is one byte where it can be. */
export function words(...texts: readonly string[]): Uint8Array[] {
  return texts.map((text) =>
    // deno-lint-ignore no-control-regex
    /^[\x00-\xff]*$/.test(text)
      ? Uint8Array.from(text, (char) => char.charCodeAt(0))
      : encoder.encode(text)
  );
}

/** Bytes as text, one char for each. */
export function latin1(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** Joins parts. */
export function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Reads an input bit by bit; past its end everything is 0. */
export class Input {
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return this.byte() * 256 + this.byte();
  }

  /** The next bytes, fewer at the end. */
  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return taken;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length);
  }
}
