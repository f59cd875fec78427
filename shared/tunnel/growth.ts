/**
 * Measures the bandwidth-delay product: a PING goes out while data flows, and what comes in until
 * its PONG is what one round trip carries, queues included.
 *
 * @module
 */
import type { ReceiveWindow } from "./window.ts";

/** Samples of one session are at least so far apart, in milliseconds. */
const MIN_GAP_MS = 5;

/** What a {@linkcode GrowthSampler} needs. */
export interface GrowthSamplerOptions {
  /** Sends a PING and calls back at its PONG with the round trip and the shortest one so far, in ms. */
  ping: (done: (rttMs: number, minRttMs: number) => void) => void;
  /** The window has grown: its credit should go out. */
  onGrown: (window: ReceiveWindow) => void;
  /** In milliseconds. */
  now: () => number;
}

/** One for each session; at most one sample runs at a time. */
export class GrowthSampler {
  readonly #ping: GrowthSamplerOptions["ping"];
  readonly #onGrown: GrowthSamplerOptions["onGrown"];
  readonly #now: () => number;
  #number = 0;
  #running = false;
  #notBefore = 0;
  #windows: ReceiveWindow[] = [];

  constructor({ ping, onGrown, now }: GrowthSamplerOptions) {
    this.#ping = ping;
    this.#onGrown = onGrown;
    this.#now = now;
  }

  /** Data came in on a window. Begins a sample where one is worth it. */
  onData(window: ReceiveWindow, bytes: number, now: number): void {
    if (!this.#running) {
      if (now < this.#notBefore || !window.worthSampling(now)) return;
      this.#begin();
    }
    if (window.sampleNumber !== this.#number) {
      window.sampleNumber = this.#number;
      window.sampled = 0;
      this.#windows.push(window);
    }
    window.sampled += bytes;
  }

  #begin(): void {
    this.#running = true;
    this.#number++;
    this.#ping((rttMs, minRttMs) => {
      const now = this.#now();
      this.#running = false;
      this.#notBefore = now + MIN_GAP_MS;
      const windows = this.#windows;
      this.#windows = [];
      for (const window of windows) {
        if (window.endSample(rttMs, minRttMs, now)) this.#onGrown(window);
      }
    });
  }
}
