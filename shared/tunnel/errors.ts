/**
 * What can go wrong, as numbers on the wire and as error classes in the program. The numbers are
 * HTTP/2's where HTTP/2 has one (RFC 9113, section 7); our own start at 32.
 *
 * @module
 */

/** Why a stream was cut (RESET), or why the peer could not go on with it. */
export const ResetCode = {
  /** Nothing is wrong: the answer is complete and the rest of the request is not needed. */
  NO_ERROR: 0,
  /** The peer broke the protocol on this stream. */
  PROTOCOL_ERROR: 1,
  /** Something of ours failed. */
  INTERNAL_ERROR: 2,
  /** The peer sent more than its credit. */
  FLOW_CONTROL_ERROR: 3,
  /** A frame came after the peer's END. */
  STREAM_CLOSED: 5,
  /** Refused before any work was done: the request may be sent again. */
  REFUSED_STREAM: 7,
  /** The one who wanted the stream does not want it any more. */
  CANCEL: 8,
  /** The connection behind the stream broke. */
  CONNECT_ERROR: 10,
  /** The agent's policy does not allow this target. */
  TARGET_DENIED: 32,
  /** No answer in time. */
  TIMEOUT: 33,
  /** The caller's identity cannot be carried to the target. */
  IDENTITY_DENIED: 34,
  /** The peer does not know this stream (found by SYNC). */
  UNKNOWN_STREAM: 35,
  /** The session that carried the stream is gone. */
  SESSION_CLOSED: 36,
} as const;

/** One of {@linkcode ResetCode}. */
export type ResetCode = typeof ResetCode[keyof typeof ResetCode];

/** Why a session ends (GOAWAY, and the WebSocket close code 4000 + n). */
export const SessionCode = {
  /** A regular end. */
  NO_ERROR: 0,
  /** The peer broke the protocol. */
  PROTOCOL_ERROR: 1,
  /** Something of ours failed. */
  INTERNAL_ERROR: 2,
  /** The peer sent more than its credit. */
  FLOW_CONTROL_ERROR: 3,
  /** No HELLO in time. */
  HELLO_TIMEOUT: 4,
  /** A frame or a message of a wrong size. */
  FRAME_SIZE_ERROR: 6,
  /** The network connection is gone. */
  CONNECT_ERROR: 10,
  /** The peer floods us (HTTP/2: ENHANCE_YOUR_CALM). */
  FLOOD: 11,
  /** The peer requires a feature, or a version, that we do not have. */
  UNSUPPORTED: 48,
  /** Nothing came from the peer for too long. */
  PING_TIMEOUT: 49,
  /** A newer session of the same cluster took over. */
  REPLACED: 50,
  /** Two agents claim the same cluster. */
  DUPLICATE_AGENT: 51,
  /** The cluster's registration was revoked. */
  REVOKED: 52,
  /** This process ends. */
  SHUTTING_DOWN: 53,
} as const;

/** One of {@linkcode SessionCode}. */
export type SessionCode = typeof SessionCode[keyof typeof SessionCode];

const RESET_NAMES = namesByCode(ResetCode);
const SESSION_NAMES = namesByCode(SessionCode);

function namesByCode(codes: Record<string, number>): Map<number, string> {
  return new Map(Object.entries(codes).map(([name, code]) => [code, name]));
}

/** Names a code of RESET: `CANCEL` for 8, `code 99` for a number without a name. */
export function resetCodeName(code: number): string {
  return RESET_NAMES.get(code) ?? `code ${code}`;
}

/** Names a code of GOAWAY: `REPLACED` for 50, `code 99` for a number without a name. */
export function sessionCodeName(code: number): string {
  return SESSION_NAMES.get(code) ?? `code ${code}`;
}

/** A stream that did not end regularly: it was reset, or its session ended. */
export class StreamError extends Error {
  /** Always `StreamError`. */
  override readonly name = "StreamError";
  /** Mostly one of {@linkcode ResetCode}; a newer peer may send others. */
  readonly code: number;
  /** What the one who cut it said; may be empty. */
  readonly reason: string;
  /** Whether the peer cut it (RESET came in), not we. */
  readonly remote: boolean;

  /**
   * Makes the error of a cut stream.
   *
   * @param code see {@linkcode ResetCode}
   * @param reason for a human
   * @param remote whether the peer cut it
   */
  constructor(code: number, reason: string, remote = false) {
    super(
      `The tunnel stream was cut by ${remote ? "the peer" : "this side"}: ${resetCodeName(code)}` +
        (reason === "" ? "" : `, ${reason}`),
    );
    this.code = code;
    this.reason = reason;
    this.remote = remote;
  }
}

/** Why {@linkcode Session.open} gave no stream. */
export type SessionErrorCode = "going-away" | "too-many-streams" | "closed" | "no-hello";

/** A session that cannot do what was asked now. */
export class SessionError extends Error {
  /** Always `SessionError`. */
  override readonly name = "SessionError";
  /**
   * `going-away`: a GOAWAY was sent or received, use the next session; `too-many-streams`: the
   * peer's limit, or no id is left; `closed`: the session has ended; `no-hello`: the peer's HELLO
   * has not come yet.
   */
  readonly code: SessionErrorCode;

  /** Makes the error; `code` says why. */
  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The peer broke the protocol; carries what the GOAWAY tells it. Ends the session. */
export class ProtocolError extends Error {
  /** Always `ProtocolError`. */
  override readonly name = "ProtocolError";
  /** See {@linkcode SessionCode}. */
  readonly code: number;

  /** Makes the error; `code` is what the peer is told. */
  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** A header block that cannot be written or read. Ends the stream it belongs to. */
export class HeadError extends Error {
  /** Always `HeadError`. */
  override readonly name = "HeadError";
}
