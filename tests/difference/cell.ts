/**
 * One cell of the table: a request whose answers are compared, and what comes before it.
 *
 * @module
 */
import type { Json } from "./fixtures.ts";

/** How a request meets what is there. */
export const SITUATIONS = ["happy", "missing", "conflict", "invalid", "forbidden"] as const;
/** See {@linkcode SITUATIONS}. */
export type Situation = typeof SITUATIONS[number];

/** An answer. */
export interface Answer {
  status: number;
  /** Media type, without parameters. */
  type: string;
  /** Texts of `Warning` headers. */
  warnings: string[];
  /** JSON, or a list of JSON lines for a watch, or text. */
  body: Json;
}

/** A request. */
export interface Step {
  method: string;
  /** With query; a function of the answers so far where it needs a version of an earlier one. */
  path: string | ((seen: readonly Answer[]) => string);
  /** As JSON, or as it is when it is a text. */
  body?: Json | ((seen: readonly Answer[]) => Json);
  contentType?: string;
  accept?: string;
  /** Acts as this user. */
  as?: string;
  /** Groups of that user. */
  groups?: readonly string[];
  /** Repeated until the answer has this status, as where a controller has to act first. */
  until?: number;
  /** Removes what was made; never compared. */
  cleanup?: boolean;
}

/** See the module text. The last step is the one that is judged, with `setup` before it. */
export interface Cell {
  /** `verb/kind/situation`, or `feature/name`. */
  id: string;
  setup: readonly Step[];
  request: Step;
  /** Afterwards. */
  cleanup: readonly Step[];
}
