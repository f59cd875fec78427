/**
 * The tunnel: many streams over one WebSocket, with credit windows. PROTOCOL.md is its law.
 *
 * @module
 */
export * from "./config.ts";
export { SUBPROTOCOL } from "./constants.ts";
export * from "./errors.ts";
export type { CallerIdentity, HeaderPairs, RequestHead, ResponseHead } from "./head.ts";
export type { HelloOptions, PeerHello, Role } from "./hello.ts";
export type { SetTimer } from "./keepalive.ts";
export * from "./memory_conn.ts";
export * from "./message_conn.ts";
export * from "./session.ts";
export { TunnelStream } from "./stream.ts";
export type { StreamCounts } from "./streams.ts";
export { WindowBudget } from "./window.ts";
