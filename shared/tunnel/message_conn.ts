/**
 * The one interface between the mux and the network: whole binary messages in order, both ways.
 *
 * The mux knows nothing of WebSockets, TLS or relays; it sees a `MessageConn`. There is one in
 * memory ({@linkcode memoryConnPair}) and one over a WebSocket.
 *
 * @module
 */

/** A message larger than this ends the connection, in bytes. PROTOCOL.md, section 2. */
export const MAX_MESSAGE_BYTES: number = 256 * 1024;

/**
 * The mux never calls {@linkcode MessageConn.send} when more than this would then wait in the
 * connection, in bytes.
 */
export const MAX_BUFFERED_BYTES: number = 256 * 1024;

/** {@linkcode MessageConn.drained} resolves at or below this, in bytes. */
export const LOW_WATER_BYTES: number = 128 * 1024;

/** Why and how a connection ended. */
export interface CloseInfo {
  /**
   * A WebSocket close code (RFC 6455, section 7.4). 1000 is a regular end; 1006 means that the
   * connection broke without a close handshake; 4000 + n carries the tunnel's own code n.
   */
  code: number;
  /** What the one who closed said, at most 123 bytes of UTF-8; may be empty. */
  reason: string;
  /** Whether a close handshake took place. */
  clean: boolean;
}

/** What a connection tells its owner. */
export interface MessageHandler {
  /**
   * One whole binary message. The bytes belong to the handler from here on: the connection
   * neither reads nor changes them again, so views of them may be kept.
   */
  message(data: Uint8Array): void;
  /** Exactly once, and the last call: nothing comes after it. */
  close(info: CloseInfo): void;
}

/**
 * A connection that carries whole binary messages, reliably and in order.
 *
 * What every implementation keeps to (`message_conn_suite.ts` checks it):
 * - no handler call happens inside `start`, `send`, `close` or `abort`: they come in a later turn;
 * - a text message, or one above {@linkcode MAX_MESSAGE_BYTES}, ends the connection;
 * - after `close` was delivered no timer and no listener is left.
 */
export interface MessageConn {
  /**
   * Starts delivery. Called once; messages that came earlier are kept until then (bounded), and
   * a connection that has ended meanwhile reports its `close` to the handler all the same.
   *
   * @throws {TypeError} at the second call
   */
  start(handler: MessageHandler): void;
  /**
   * Queues one binary message; never blocks; does nothing after the end. The bytes are copied
   * (or written) before it returns: the caller may use its buffer again at once.
   */
  send(message: Uint8Array): void;
  /**
   * Bytes that `send` accepted and that are not yet written to the network, to the best of the
   * implementation's knowledge; 0 after the end.
   */
  readonly bufferedAmount: number;
  /**
   * Resolves when {@linkcode MessageConn.bufferedAmount} is at or below
   * {@linkcode LOW_WATER_BYTES} (at once if it is already), or the connection has ended; never
   * rejects.
   */
  drained(): Promise<void>;
  /**
   * Regular end: what was sent before is delivered, then the close handshake, then, after a short
   * deadline at the latest, hard destruction. Does nothing after the end.
   *
   * @param code 1000, or 3000 to 4999 (all that a native WebSocket may send)
   * @param reason cut to 123 bytes of UTF-8
   */
  close(code: number, reason: string): void;
  /** Destroys at once; what waits is dropped; the own handler gets `close` with code 1006. */
  abort(reason: string): void;
}
