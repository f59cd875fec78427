/**
 * What a session does by itself while nothing else happens: PING, SYNC, giving idle windows back,
 * and the check whether the peer is dead.
 *
 * @module
 */
import type { SessionConfig } from "./config.ts";
import { encodeSync, encodeWindow } from "./encode.ts";
import { Heartbeat, type SetTimer, Silence } from "./keepalive.ts";
import type { Pinger } from "./pinger.ts";
import type { Scheduler } from "./scheduler.ts";
import type { StreamTable } from "./streams.ts";
import type { ReceiveWindow } from "./window.ts";

/** What a {@linkcode Life} needs. */
export interface LifeOptions {
  config: SessionConfig;
  scheduler: Scheduler;
  streams: StreamTable;
  /** The session's. */
  window: ReceiveWindow;
  pinger: Pinger;
  /** Nothing came from the peer for too long. */
  onDead: () => void;
  /** In milliseconds. */
  now: () => number;
  /** 0 to 1. */
  random: () => number;
  setTimer: SetTimer;
}

/** PINGs that wait for an answer: more would not help. */
const MAX_OUTSTANDING = 64;

/** The timer of one session. */
export class Life {
  readonly #o: LifeOptions;
  readonly #silence: Silence;
  readonly #heartbeat: Heartbeat;
  #greeted = false;

  constructor(options: LifeOptions) {
    const { config, onDead, now, random, setTimer } = options;
    this.#o = options;
    const checkMs = Math.max(1, config.deadAfterMs / 15);
    this.#silence = new Silence(config.deadAfterMs, checkMs, now());
    // Not all sessions of a hub at once
    const spread = (ms: number): number => ms * (1 - 0.1 * random());
    this.#heartbeat = new Heartbeat(
      [
        { everyMs: spread(config.pingIntervalMs), run: this.#ping },
        { everyMs: checkMs, run: (now) => this.#silence.check(now) && onDead() },
        { everyMs: spread(config.syncIntervalMs), run: this.#sync },
        { everyMs: config.idleWindowMs, run: this.#shrinkIdle },
      ],
      now,
      setTimer,
    );
  }

  /** Something came from the peer. */
  heard(): void {
    this.#silence.heard();
  }

  /** The peer's HELLO came: PING and SYNC may go out. */
  greeted(): void {
    this.#greeted = true;
    this.#ping();
  }

  /** Clears the timer. */
  stop(): void {
    this.#heartbeat.stop();
  }

  readonly #ping = (): void => {
    const { pinger } = this.#o;
    if (this.#greeted && pinger.outstanding < MAX_OUTSTANDING) pinger.ping();
  };

  readonly #sync = (): void => {
    if (!this.#greeted) return;
    const { scheduler, streams } = this.#o;
    scheduler.control(encodeSync(streams.highestPeerId, [...streams.live.keys()]));
  };

  readonly #shrinkIdle = (): void => {
    this.#shrink(this.#o.window);
    for (const { window } of this.#o.streams.live.values()) this.#shrink(window);
  };

  #shrink(window: ReceiveWindow): void {
    const { pinger, scheduler } = this.#o;
    const active = window.active;
    window.active = false;
    if (active || pinger.outstanding >= MAX_OUTSTANDING) return;
    const bytes = window.beginShrink();
    if (bytes === 0) return;
    scheduler.control(encodeWindow(window.id, -bytes));
    pinger.ping(() => {
      if (window.finishShrink(bytes)) scheduler.window(window);
    });
  }
}
