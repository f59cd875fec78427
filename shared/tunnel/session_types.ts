/**
 * What a session is given and what it tells.
 *
 * @module
 */
import type { SessionConfig } from "./config.ts";
import type { HelloOptions, Role } from "./hello.ts";
import type { SetTimer } from "./keepalive.ts";
import type { MessageConn } from "./message_conn.ts";
import type { TunnelStream } from "./stream.ts";
import type { StreamCounts } from "./streams.ts";
import type { WindowBudget } from "./window.ts";

/** The part of a log that a session writes to. */
export interface SessionLog {
  /** For the one who looks for a fault. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** The peer broke a rule, or a handler of ours failed. */
  warn(message: string, properties?: Record<string, unknown>): void;
}

/** What GOAWAY told us. */
export interface GoAwayInfo {
  /** See `SessionCode`. */
  code: number;
  /** How long to wait before dialling anew, in milliseconds. */
  waitMs: number;
  /** For a human. */
  reason: string;
}

/** How a session ended. */
export interface SessionEnd {
  /** See `SessionCode`. */
  code: number;
  /** For a human. */
  reason: string;
  /** Whether it ended on purpose: NO_ERROR, with a close handshake or by `close`. */
  clean: boolean;
}

/** Figures of a session. */
export interface SessionStats extends StreamCounts {
  /** Live streams. */
  streams: number;
  /** Frames that came in. */
  framesIn: number;
  /** Frames that were put into messages. */
  framesOut: number;
  /** Messages that came in. */
  messagesIn: number;
  /** Messages that were given to the connection. */
  messagesOut: number;
  /** Bytes that came in, headers included. */
  bytesIn: number;
  /** Bytes that were given to the connection, headers included. */
  bytesOut: number;
  /** Bytes that came in and were not read yet. */
  unread: number;
  /** Bytes that wait to be sent, without those in the connection. */
  queued: number;
  /** Credit left for sending, in bytes. */
  sendCredit: number;
  /** Size of the session's receive window now, in bytes. */
  receiveWindow: number;
}

/** What a {@linkcode Session} needs. */
export interface SessionOptions {
  /** Which end this is. */
  role: Role;
  /** The session owns it from here on. */
  conn: MessageConn;
  /** Names this process; not empty. */
  instanceId: string;
  /** See {@linkcode SessionConfig}. */
  config?: Partial<SessionConfig>;
  /** One for each process. @default {a budget of its own, 32 MiB} */
  budget?: WindowBudget;
  /** What to add to HELLO. */
  hello?: HelloOptions;
  /**
   * Takes streams that the peer opens; called at once, so that it must not block. Without it all
   * are refused.
   */
  onStream?: (stream: TunnelStream) => void;
  /** The peer sent GOAWAY: dial anew; streams that are open go on. */
  onGoAway?: (info: GoAwayInfo) => void;
  /** Told of broken rules and of handlers that fail. @default {none} */
  log?: SessionLog;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
  /** Spreads the timers of many sessions; 0 to 1. @default {Math.random} */
  random?: () => number;
  /** Sets timers. @default {setTimeout} */
  setTimer?: SetTimer;
}
