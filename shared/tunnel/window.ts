/**
 * Credit that we give to the peer: how much it may send, when it gets more, and how a window grows
 * with the measured bandwidth-delay product out of a budget for the whole process.
 *
 * @module
 */

/**
 * Bytes that all windows of a process together may grow by. Windows start without it (64 KiB a
 * stream); only growth is taken out of it, and is given back when a stream ends or is idle.
 */
export class WindowBudget {
  /** Bytes in all. */
  readonly total: number;
  #used = 0;

  /**
   * Makes a full budget.
   *
   * @param total in bytes
   * @throws {RangeError} when that is no whole number, or below 0
   */
  constructor(total: number = 32 * 1024 * 1024) {
    if (!Number.isSafeInteger(total) || total < 0) {
      throw new RangeError(`Cannot use a window budget of ${total} bytes: give a whole number`);
    }
    this.total = total;
  }

  /** Bytes taken now. */
  get used(): number {
    return this.#used;
  }

  /**
   * Takes bytes out of the budget.
   *
   * @returns how many of them were granted; 0 to `bytes`
   */
  take(bytes: number): number {
    const granted = Math.min(bytes, this.total - this.#used);
    this.#used += granted;
    return granted;
  }

  /** Gives bytes back that {@linkcode WindowBudget.take} granted. */
  release(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Round trips as a window needs them, all in milliseconds. */
export interface RoundTrips {
  /** The time now. */
  now(): number;
  /** The last one measured; `undefined` before the first. */
  readonly lastRttMs: number | undefined;
  /** The shortest one of the session. */
  readonly minRttMs: number;
  /** Data flows that a window may be holding up: measure anew, if it is time to. */
  refresh(): void;
}

/** What a {@linkcode ReceiveWindow} needs. */
export interface ReceiveWindowOptions {
  /** Stream id; 0 for the session. */
  id: number;
  /** Credit at the start, in bytes. */
  base: number;
  /** It grows up to this, in bytes. */
  max: number;
  /** Where growth comes from. */
  budget: WindowBudget;
  /** Says how many bytes lie unread. */
  unread: { readonly bytes: number };
  /** Says how long a round trip is. */
  roundTrips: RoundTrips;
}

/**
 * The receiving side of one credit window.
 *
 * At any time: `allowed` (what the peer may still send) + what lies unread + `due` (read, not yet
 * returned) = `size`.
 */
export class ReceiveWindow {
  /** Stream id; 0 for the session. */
  readonly id: number;
  /** Whether a WINDOW for it waits in the scheduler. */
  queued = false;
  /** Whether data came since the last look for idle windows. */
  active = false;
  readonly #base: number;
  readonly #max: number;
  readonly #budget: WindowBudget;
  readonly #unread: { readonly bytes: number };
  readonly #roundTrips: RoundTrips;
  #size: number;
  #allowed: number;
  #due = 0;
  #closed = false;
  #shrinking = false;
  /** Best throughput at which growing has paid off so far, in bytes per millisecond. */
  #bestRate = 0;
  /** Since when `#taken` counts, in milliseconds. */
  #since: number;
  /** Bytes that were done with since then. */
  #taken = 0;

  constructor({ id, base, max, budget, unread, roundTrips }: ReceiveWindowOptions) {
    this.id = id;
    this.#base = base;
    this.#max = max;
    this.#budget = budget;
    this.#unread = unread;
    this.#roundTrips = roundTrips;
    this.#since = roundTrips.now();
    this.#size = base;
    this.#allowed = base;
  }

  /** The whole window, in bytes. */
  get size(): number {
    return this.#size;
  }

  /** Whether it is above what it started with. */
  get grown(): boolean {
    return this.#size > this.#base;
  }

  /** Books received payload. @returns `false` when the peer had no credit for it */
  receive(bytes: number): boolean {
    if (bytes > this.#allowed) return false;
    this.#allowed -= bytes;
    this.active = true;
    return true;
  }

  /** Books bytes that are done with. @returns whether a WINDOW should go out now */
  consume(bytes: number): boolean {
    this.#due += bytes;
    this.#taken += bytes;
    if (this.#taken >= this.#size / 4 && this.#size < this.#max) this.#measure();
    return !this.queued && !this.#closed && this.#due >= this.#size / 2;
  }

  /** Takes the credit that a WINDOW is about to return. @returns 0 when none is to be sent */
  takeDue(): number {
    this.queued = false;
    if (this.#closed) return 0;
    const due = this.#due;
    this.#due = 0;
    this.#allowed += due;
    return due;
  }

  /**
   * Looks, once a round trip at most, how much the application took in it, and doubles the window
   * where that can help: more than half of it was used in one round trip, little lies unread, and a
   * larger one may be faster. It may while the window is small, while it is below four times
   * bandwidth times the shortest round trip, or while growing has made it faster so far. A full link
   * passes none of these, however long its queues make the round trip.
   */
  #measure(): void {
    const { lastRttMs, minRttMs } = this.#roundTrips;
    if (lastRttMs === undefined) return;
    const now = this.#roundTrips.now();
    const passedMs = now - this.#since;
    if (passedMs < Math.max(lastRttMs, MIN_ROUND_TRIP_MS)) return;
    const rate = this.#taken / passedMs;
    this.#since = now;
    this.#taken = 0;
    const size = this.#size;
    const limited = rate * lastRttMs >= size / 2 && this.#unread.bytes <= size / 4;
    if (!limited || this.#closed || this.#shrinking) return;
    this.#roundTrips.refresh();
    if (size >= SMALL_WINDOW && size > 4 * rate * minRttMs && rate < this.#bestRate * 1.1) return;
    const granted = this.#budget.take(Math.min(size, this.#max - size));
    if (granted > 0) this.#bestRate = Math.max(rate, this.#bestRate);
    this.#size += granted;
    this.#due += granted;
  }

  /**
   * Begins to give growth back: the caller sends WINDOW with minus the returned number, then a
   * PING, and calls {@linkcode ReceiveWindow.finishShrink} at its PONG. Until then the peer may
   * have used the credit.
   *
   * @returns bytes; 0 when there is nothing to give back now
   */
  beginShrink(): number {
    if (this.#closed || this.#shrinking || !this.grown) return 0;
    this.#shrinking = true;
    return this.#size - this.#base;
  }

  /**
   * The peer has seen the shrinking of `bytes`.
   *
   * @returns whether a WINDOW should go out now: what was not worth one in a large window may be
   * all the credit of a small one
   */
  finishShrink(bytes: number): boolean {
    if (this.#closed) return false;
    this.#shrinking = false;
    this.#size -= bytes;
    this.#allowed -= bytes;
    this.#bestRate = 0;
    this.#budget.release(bytes);
    return !this.queued && this.#due >= this.#size / 2;
  }

  /** No more data will come or be returned: gives all growth back. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#budget.release(this.#size - this.#base);
  }
}

/** Up to here a window grows whenever it is in the way, in bytes. */
const SMALL_WINDOW = 512 * 1024;
/** A round trip counts as at least this, in milliseconds: below it one turn of the event loop decides. */
const MIN_ROUND_TRIP_MS = 0.2;
