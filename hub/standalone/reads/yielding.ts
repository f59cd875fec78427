/**
 * Long work in slices, so that one caller does not hold up the others.
 *
 * @module
 */
import { setImmediate } from "node:timers";

/** So many characters of JSON are parsed or joined in one turn: 2 to 5 ms. */
export const SLICE_CHARS = 256 * 1024;

/** Lets timers and sockets have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
