/**
 * The hub as a library: {@linkcode startHub} and its options.
 *
 * @module
 */
export type { HubFlags } from "./flags.ts";
export { type Hub, type HubOptions, startHub } from "./hub.ts";
