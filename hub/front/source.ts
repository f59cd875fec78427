/**
 * A value that changes while the process runs, such as a certificate that is renewed.
 *
 * @module
 */

/** Read side: the value as it is now, and a call at each change. */
export interface Source<T> {
  /** The value as it is now. */
  readonly value: T;
  /**
   * Calls the listener at each change.
   *
   * @returns ends the subscription
   */
  subscribe(listener: (value: T) => void): () => void;
}

/**
 * A {@linkcode Source} that is set by hand.
 *
 * @example
 * ```ts
 * import { ValueSource } from "./source.ts";
 * const source = new ValueSource(1);
 * const stop = source.subscribe((value) => value satisfies number);
 * source.set(2);
 * stop();
 * ```
 */
export class ValueSource<T> implements Source<T> {
  readonly #listeners = new Set<(value: T) => void>();
  #value: T;

  /**
   * Starts with a value.
   *
   * @param value the first one
   */
  constructor(value: T) {
    this.#value = value;
  }

  /** The value as it is now. */
  get value(): T {
    return this.#value;
  }

  /** Changes the value and tells every subscriber. */
  set(value: T): void {
    this.#value = value;
    for (const listener of [...this.#listeners]) listener(value);
  }

  /**
   * Calls the listener at each change.
   *
   * @returns ends the subscription
   */
  subscribe(listener: (value: T) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
