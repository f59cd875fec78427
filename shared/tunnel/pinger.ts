/**
 * PINGs that wait for their PONG, and the round-trip time.
 *
 * @module
 */
import { encodePing } from "./encode.ts";
import { readUint32 } from "./decode.ts";
import { FrameType } from "./frame.ts";
import type { RoundTrips } from "./window.ts";

/** {@linkcode Pinger.refresh} measures at most so often, in milliseconds: far below a flood. */
const REFRESH_MS = 20;

/** Called with the round trip, in milliseconds. */
export type PingDone = (rttMs: number) => void;

interface Outstanding {
  sentAt: number;
  done: PingDone | undefined;
}

/** Sends PINGs and matches PONGs. */
export class Pinger implements RoundTrips {
  readonly #send: (frame: Uint8Array) => void;
  /** In milliseconds. */
  readonly now: () => number;
  readonly #outstanding = new Map<number, Outstanding>();
  #next = 1;
  #rttMs: number | undefined;
  #lastRttMs: number | undefined;
  #minRttMs = Infinity;
  #refreshedAt = -Infinity;
  #refreshing = false;

  /**
   * @param send queues a control frame
   * @param now in milliseconds
   */
  constructor(send: (frame: Uint8Array) => void, now: () => number) {
    this.#send = send;
    this.now = now;
  }

  /** Smoothed round-trip time, in milliseconds; `undefined` before the first PONG. */
  get rttMs(): number | undefined {
    return this.#rttMs;
  }

  /** The last round trip, in milliseconds; `undefined` before the first PONG. */
  get lastRttMs(): number | undefined {
    return this.#lastRttMs;
  }

  /** The shortest round trip, in milliseconds; `Infinity` before the first PONG. */
  get minRttMs(): number {
    return this.#minRttMs;
  }

  /** Measures anew, unless it did a moment ago or is doing so. */
  refresh(): void {
    const now = this.now();
    if (this.#refreshing || now - this.#refreshedAt < REFRESH_MS) return;
    this.#refreshing = true;
    this.#refreshedAt = now;
    this.ping(() => this.#refreshing = false);
  }

  /** PINGs without a PONG so far. */
  get outstanding(): number {
    return this.#outstanding.size;
  }

  /** Sends a PING. @param done called at its PONG */
  ping(done?: PingDone): void {
    const number = this.#next;
    this.#next = (this.#next % 0xffffffff) + 1;
    this.#outstanding.set(number, { sentAt: this.now(), done });
    this.#send(encodePing(FrameType.PING, 0, number));
  }

  /** A PONG came. @returns `false` when no PING waits for it */
  onPong(payload: Uint8Array): boolean {
    const number = readUint32(payload, 4);
    const found = this.#outstanding.get(number);
    if (found === undefined || readUint32(payload, 0) !== 0) return false;
    this.#outstanding.delete(number);
    const rttMs = Math.max(0, this.now() - found.sentAt);
    this.#rttMs = this.#rttMs === undefined ? rttMs : this.#rttMs * 0.875 + rttMs * 0.125;
    this.#minRttMs = Math.min(rttMs, this.#minRttMs);
    this.#lastRttMs = rttMs;
    found.done?.(rttMs);
    return true;
  }
}
