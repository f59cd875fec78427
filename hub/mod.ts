/**
 * The hub as a library: {@linkcode startHub} and its flags.
 *
 * @module
 */
export { hubCommand, type HubFlags, parseHubFlags } from "./flags.ts";
export { type Hub, type HubOptions, startHub } from "./hub.ts";
