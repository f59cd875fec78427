/**
 * How much a store may hold: everything is kept in memory, and read again at each start.
 *
 * @module
 */
import { ObjectTooLargeError, StoreFullError } from "./types.ts";

/** Characters of JSON of all objects together; etcd's quota is of the same order. */
export const MAX_STORE_CHARS = 512 * 1024 * 1024;
/** Characters of JSON of one object, its managed fields included; as etcd's requests. */
export const MAX_OBJECT_CHARS = 1.5 * 1024 * 1024;

/** Counts what is kept, written or about to be. */
export class Quota {
  #used: number;

  /**
   * Begins with what stands there.
   *
   * @param used characters of JSON
   * @param limit of all objects together
   */
  constructor(used: number, readonly limit: number = MAX_STORE_CHARS) {
    this.#used = used;
  }

  /** Characters of JSON now. */
  get used(): number {
    return this.#used;
  }

  /**
   * Takes a write into account. What shrinks an object, or removes it, always passes.
   *
   * @param before characters that stand there
   * @param after characters that will
   * @throws {ObjectTooLargeError} when one object grows too large
   * @throws {StoreFullError} when all together do
   */
  take(before: number, after: number): void {
    if (after > before) {
      if (after > MAX_OBJECT_CHARS) throw new ObjectTooLargeError();
      if (this.#used + after - before > this.limit) throw new StoreFullError(this.limit);
    }
    this.#used += after - before;
  }

  /** Takes back a write that failed. */
  giveBack(before: number, after: number): void {
    this.#used -= after - before;
  }
}
