/**
 * Numbers fixed by the protocol: no configuration changes them. PROTOCOL.md explains each.
 *
 * @module
 */

/** The WebSocket subprotocol that both ends ask for and answer with. */
export const SUBPROTOCOL = "v1.tunnel.clusternet.io";

/** The protocol version in HELLO. */
export const PROTOCOL_VERSION = 1;

/** Length (24 bits), type (8), flags (8), reserved bit and stream id (32): 9 bytes, as HTTP/2. */
export const FRAME_HEADER_BYTES = 9;

/** The largest payload that the length field can say. */
export const MAX_FRAME_LENGTH: number = 2 ** 24 - 1;

/** The largest header block of OPEN and HEAD, in bytes. */
export const MAX_HEAD_BYTES: number = 64 * 1024;

/** The largest payload of HELLO and of GOAWAY, in bytes. */
export const MAX_HELLO_BYTES: number = 8 * 1024;

/** The largest reason text in RESET and GOAWAY, in bytes of UTF-8; longer ones are cut. */
export const MAX_REASON_BYTES = 1024;

/** The largest window of a stream or a session, in bytes (as HTTP/2). */
export const MAX_WINDOW: number = 2 ** 31 - 1;

/** The largest stream id. */
export const MAX_STREAM_ID: number = 2 ** 31 - 1;

/** Added to a session code to make a WebSocket close code. */
export const CLOSE_CODE_BASE = 4000;
