/**
 * What `join` and its relatives need of the machine beside the terminal.
 *
 * @module
 */
import type { HubAccess } from "../preflight/hub.ts";
import type { RunAgent } from "./agent_process.ts";

/** See the module text. */
export interface Machine extends HubAccess {
  /** Starts an agent here; absent in a compiled program, which does not carry one. */
  runAgent?: RunAgent | undefined;
}
