/**
 * What may be set about a session, with its defaults and its limits.
 *
 * @module
 */
import { MAX_WINDOW } from "./constants.ts";
import { MAX_MESSAGE_BYTES } from "./message_conn.ts";

/** Everything that may be set about a session. Both ends may differ. */
export interface SessionConfig {
  /** The largest DATA payload we accept, in bytes. */
  maxFrame: number;
  /** Streams that the peer may have open at once. */
  maxStreams: number;
  /** Credit of a stream at OPEN, in bytes of DATA payload. */
  streamWindow: number;
  /** Credit of the whole session at HELLO, in bytes of DATA payload. */
  sessionWindow: number;
  /** A stream's window grows up to this, out of the process's budget, in bytes. */
  maxStreamWindow: number;
  /** The session's window grows up to this, out of the process's budget, in bytes. */
  maxSessionWindow: number;
  /** The peer's HELLO must come within this, in milliseconds. */
  helloTimeoutMs: number;
  /** A PING goes out so often, in milliseconds. */
  pingIntervalMs: number;
  /** A peer from which nothing came for so long is dead, in milliseconds. */
  deadAfterMs: number;
  /** A SYNC goes out so often, in milliseconds. */
  syncIntervalMs: number;
  /** A grown window that saw no data for so long is given back, in milliseconds. */
  idleWindowMs: number;
  /** Frames are put together into messages of at most about this size, in bytes. */
  messageBytes: number;
  /** `write` asks to wait when more than this waits in a stream's queue, in bytes. */
  sendQueueBytes: number;
  /** OPEN frames that the peer may send in a second; the burst is the same. */
  opensPerSecond: number;
  /** RESET frames, and OPENs we refuse, that the peer may send in a second; see `resetBurst`. */
  resetsPerSecond: number;
  /** RESET frames, and OPENs we refuse, that the peer may send at once. */
  resetBurst: number;
  /** PING frames and unasked PONGs that the peer may send in a second; the burst is the same. */
  pingsPerSecond: number;
  /** SYNC frames that the peer may send in a minute; the burst is the same. */
  syncsPerMinute: number;
  /** Empty DATA frames and unknown frames that the peer may send in a second. */
  emptyFramesPerSecond: number;
}

/** The defaults. */
export const defaultConfig: Readonly<SessionConfig> = {
  maxFrame: 32 * 1024,
  maxStreams: 1024,
  streamWindow: 64 * 1024,
  sessionWindow: 1024 * 1024,
  maxStreamWindow: 4 * 1024 * 1024,
  maxSessionWindow: 8 * 1024 * 1024,
  helloTimeoutMs: 10_000,
  pingIntervalMs: 15_000,
  deadAfterMs: 45_000,
  syncIntervalMs: 60_000,
  idleWindowMs: 10_000,
  messageBytes: 65 * 1024,
  sendQueueBytes: 128 * 1024,
  opensPerSecond: 50_000,
  resetsPerSecond: 500,
  resetBurst: 4096,
  pingsPerSecond: 500,
  syncsPerMinute: 60,
  emptyFramesPerSecond: 10_000,
};

const DAY_MS = 24 * 60 * 60 * 1000;

/** Smallest and largest allowed value of each field, in its unit. */
const LIMITS: Readonly<Record<keyof SessionConfig, readonly [min: number, max: number]>> = {
  // The largest frame leaves room in a message for its header and for a few others
  maxFrame: [1024, 128 * 1024],
  // Twice as many ids, of 4 bytes, must fit into one SYNC of 64 KiB
  maxStreams: [0, 8_191],
  streamWindow: [1024, MAX_WINDOW],
  sessionWindow: [16 * 1024, MAX_WINDOW],
  maxStreamWindow: [1024, MAX_WINDOW],
  maxSessionWindow: [16 * 1024, MAX_WINDOW],
  helloTimeoutMs: [1, DAY_MS],
  pingIntervalMs: [1, DAY_MS],
  deadAfterMs: [1, DAY_MS],
  syncIntervalMs: [1, DAY_MS],
  idleWindowMs: [1, DAY_MS],
  // Half of what a message may hold: a header block of 64 KiB always fits behind it
  messageBytes: [1024, MAX_MESSAGE_BYTES / 2],
  sendQueueBytes: [1024, 16 * 1024 * 1024],
  opensPerSecond: [1, 1_000_000],
  resetsPerSecond: [1, 1_000_000],
  resetBurst: [1, 1_000_000],
  pingsPerSecond: [1, 1_000_000],
  syncsPerMinute: [1, 1_000_000],
  emptyFramesPerSecond: [1, 1_000_000],
};

/**
 * Fills in the defaults and checks every field.
 *
 * @throws {RangeError} naming the first field that is no whole number in its limits, or that
 * contradicts another
 *
 * @example
 * ```ts
 * import { verifyConfig } from "./config.ts";
 * const config = verifyConfig({ pingIntervalMs: 5_000 });
 * config.deadAfterMs; // 45_000
 * ```
 */
export function verifyConfig(partial: Partial<SessionConfig> = {}): SessionConfig {
  const config: SessionConfig = { ...defaultConfig };
  for (const name of Object.keys(LIMITS) as (keyof SessionConfig)[]) {
    const value = partial[name];
    if (value === undefined) continue;
    const [min, max] = LIMITS[name];
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new RangeError(
        `Cannot use ${name} = ${value} for a tunnel session: it must be a whole number from ${min} to ${max}`,
      );
    }
    config[name] = value;
  }
  atLeast(config, "maxStreamWindow", "streamWindow");
  atLeast(config, "maxSessionWindow", "sessionWindow");
  atLeast(config, "deadAfterMs", "pingIntervalMs");
  return config;
}

function atLeast(
  config: SessionConfig,
  larger: keyof SessionConfig,
  smaller: keyof SessionConfig,
): void {
  if (config[larger] < config[smaller]) {
    throw new RangeError(
      `Cannot use ${larger} = ${
        config[larger]
      } for a tunnel session: it must be at least ${smaller} = ${config[smaller]}`,
    );
  }
}
