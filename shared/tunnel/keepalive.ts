/**
 * What a session does from time to time, on one timer: PING, the check whether the peer is dead,
 * SYNC, giving idle windows back.
 *
 * @module
 */

/** Sets one timer. @returns a function that clears it */
export type SetTimer = (run: () => void, ms: number) => () => void;

/** The real timers. */
export const realTimer: SetTimer = (run, ms) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** One thing to do again and again. */
export interface HeartbeatTask {
  /** In milliseconds. */
  everyMs: number;
  /** Must not throw. */
  run: (now: number) => void;
}

/** Runs tasks at their times on one timer. */
export class Heartbeat {
  readonly #tasks: (HeartbeatTask & { due: number })[];
  readonly #now: () => number;
  readonly #setTimer: SetTimer;
  #clear: (() => void) | undefined;
  #stopped = false;

  constructor(tasks: HeartbeatTask[], now: () => number, setTimer: SetTimer) {
    const start = now();
    this.#tasks = tasks.map((task) => ({ ...task, due: start + task.everyMs }));
    this.#now = now;
    this.#setTimer = setTimer;
    this.#arm(start);
  }

  /** Clears the timer. */
  stop(): void {
    this.#stopped = true;
    this.#clear?.();
    this.#clear = undefined;
  }

  #arm(now: number): void {
    let due = Infinity;
    for (const task of this.#tasks) due = Math.min(due, task.due);
    this.#clear = this.#setTimer(this.#beat, Math.max(0, due - now));
  }

  readonly #beat = (): void => {
    const now = this.#now();
    for (const task of this.#tasks) {
      if (this.#stopped) return;
      // Timers may fire a little early
      if (task.due > now + 1) continue;
      task.due = now + task.everyMs;
      task.run(now);
    }
    if (!this.#stopped) this.#arm(now);
  };
}

/**
 * Tells a dead peer from a process that was itself asleep: silence counts only while this process
 * looked for frames.
 */
export class Silence {
  readonly #limitMs: number;
  readonly #stepMs: number;
  #heard = true;
  #silentMs = 0;
  #lastCheck: number;

  /**
   * @param limitMs silence of so long means dead
   * @param stepMs {@linkcode Silence.check} is called so often
   * @param now in milliseconds
   */
  constructor(limitMs: number, stepMs: number, now: number) {
    this.#limitMs = limitMs;
    this.#stepMs = stepMs;
    this.#lastCheck = now;
  }

  /** A frame came; any frame is a sign of life. */
  heard(): void {
    this.#heard = true;
  }

  /** @returns whether the peer is dead */
  check(now: number): boolean {
    // A check that comes late means that we stood still (a stopped process, a suspended machine):
    // frames may wait unread, so no more than one step counts
    const passed = Math.min(now - this.#lastCheck, 2 * this.#stepMs);
    this.#lastCheck = now;
    if (this.#heard) {
      this.#heard = false;
      this.#silentMs = 0;
      return false;
    }
    this.#silentMs += passed;
    return this.#silentMs >= this.#limitMs;
  }
}
