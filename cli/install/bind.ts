/**
 * A context whose methods may be handed on one by one.
 *
 * @module
 */
import type { CliContext } from "../context.ts";

/** The functions of a context that are handed on, and its plain parts. */
export type Bound = Pick<
  CliContext,
  "program" | "signal" | "out" | "err" | "now" | "randomBytes" | "readTextFile"
>;

/**
 * Binds a context's methods to it.
 *
 * @returns a view of it
 */
export function bind(context: CliContext): Bound {
  return {
    program: context.program,
    signal: context.signal,
    out: (text) => context.out(text),
    err: (text) => context.err(text),
    now: () => context.now(),
    randomBytes: (length) => context.randomBytes(length),
    readTextFile: (path) => context.readTextFile(path),
  };
}
