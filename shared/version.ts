/**
 * The version of this build; `deno.json` carries the same, and a test compares them.
 *
 * @module
 */

/** Semantic version of hub and agent. */
export const VERSION = "0.1.0";
