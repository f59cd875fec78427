/**
 * Why a dial failed, in words that an operator can act on and without any secret.
 *
 * @module
 */
import { redact } from "../../shared/log.ts";

/** How far a dial came. */
export type DialStage =
  /** No TCP connection, or it broke. */
  | "connect"
  /** The HTTP proxy of `--proxy-url` refused. */
  | "proxy"
  /** The server's certificate was not accepted, or TLS failed otherwise. */
  | "tls"
  /** The server answered with another status than 101. */
  | "refused"
  /** The server does not speak the tunnel's protocol. */
  | "protocol"
  /** The deadline passed. */
  | "timeout"
  /** A wrong option: the next dial fails as well until it is mended. */
  | "config";

/** Options of {@linkcode DialError}. */
export interface DialErrorOptions extends ErrorOptions {
  /** HTTP status with which the server, or the proxy, refused. */
  status?: number;
  /** What the server asked for in `Retry-After`, in milliseconds. */
  retryAfterMs?: number;
  /** Texts that must not be in the message. */
  secrets?: readonly string[];
}

/** Longest message; a server's answer is part of it. */
const MAX_MESSAGE_LENGTH = 1024;

/** A tunnel that could not be opened. */
export class DialError extends Error {
  override readonly name = "DialError";
  /** How far it came. */
  readonly stage: DialStage;
  /** HTTP status of the refused handshake. */
  readonly status: number | undefined;
  /** What the server asked for in `Retry-After`, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  /** @param message tokens and other secrets in it are blanked */
  constructor(stage: DialStage, message: string, options: DialErrorOptions = {}) {
    super(clean(message, options.secrets ?? []), options);
    this.stage = stage;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Takes secrets and control characters out: the text may hold what a server sent. */
function clean(message: string, secrets: readonly string[]): string {
  let text = message;
  for (const secret of secrets) if (secret !== "") text = text.replaceAll(secret, "[redacted]");
  return redact(text).replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, " ").slice(0, MAX_MESSAGE_LENGTH);
}
