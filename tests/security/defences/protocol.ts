/**
 * Defences against abuse cases 13 to 24.
 *
 * @module
 */
import type { Defence } from "./defence.ts";

/** Each with the case that fails without it. */
export const PROTOCOL_DEFENCES: readonly Defence[] = [];
