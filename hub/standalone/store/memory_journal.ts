/**
 * The journal of a store that lives in memory alone: it keeps nothing.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Journal } from "./journal.ts";

/**
 * Makes a journal for `:memory:`.
 *
 * @returns says yes to everything, in the next turn of the event loop: who writes much lets others in
 */
export function memoryJournal(): Journal {
  return {
    state: {
      version: 1,
      compacted: 1,
      uuid: crypto.randomUUID(),
      journalMode: "memory",
      synchronous: 0,
    },
    write: () => new Promise((resolve) => setImmediate(resolve)),
    close: () => Promise.resolve(),
  };
}
