/**
 * The last changes, so that a watch can resume and a list can go back.
 *
 * @module
 */
import { type Change, VersionExpiredError } from "./types.ts";

/** Options of {@linkcode History}. */
export interface HistoryOptions {
  /** So many changes are kept. */
  limit: number;
  /** So many characters of JSON are kept, those of the previous states among them. */
  maxChars: number;
  /** Version of the newest change that is not kept. */
  compacted: number;
}

function charsOf({ object, previous }: Change): number {
  return object.json.length + (previous?.json.length ?? 0);
}

/** Bounded by number and by size; the newest change is always kept. */
export class History {
  readonly #limit: number;
  readonly #maxChars: number;
  #changes: Change[] = [];
  #head = 0; // Those before it are gone
  #chars = 0;
  #compacted: number;

  /**
   * Makes an empty one.
   *
   * @param options its bounds
   */
  constructor({ limit, maxChars, compacted }: HistoryOptions) {
    this.#limit = Math.max(1, limit);
    this.#maxChars = maxChars;
    this.#compacted = compacted;
  }

  /** Version of the newest change that is not kept any more: what came after it is all here. */
  get compacted(): number {
    return this.#compacted;
  }

  /** How many changes are kept. */
  get size(): number {
    return this.#changes.length - this.#head;
  }

  /** Adds a change, which is newer than all, and drops what is too much. */
  add(change: Change): void {
    this.#changes.push(change);
    this.#chars += charsOf(change);
    while (this.size > 1 && (this.size > this.#limit || this.#chars > this.#maxChars)) {
      const dropped = this.#changes[this.#head++]!;
      this.#chars -= charsOf(dropped);
      this.#compacted = dropped.object.version;
    }
    // Dropped ones stay in the array for a while: moving it for each change would cost more
    if (this.#head > 256 && this.#head > this.#changes.length / 8) {
      this.#changes = this.#changes.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * Finds the changes of a resource after a version.
   *
   * @param namespace absent: all
   * @returns oldest first
   * @throws {VersionExpiredError} when some of them are gone
   */
  since(version: number, resource: string, namespace?: string): Change[] {
    if (version < this.#compacted) throw new VersionExpiredError(version, this.#compacted);
    let low = this.#head, high = this.#changes.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#changes[middle]!.object.version <= version) low = middle + 1;
      else high = middle;
    }
    const found: Change[] = [];
    for (let i = low; i < this.#changes.length; i++) {
      const { object } = this.#changes[i]!;
      if (object.resource !== resource) continue;
      if (namespace === undefined || object.namespace === namespace) found.push(this.#changes[i]!);
    }
    return found;
  }
}
