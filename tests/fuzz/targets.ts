/**
 * All targets, in the order in which they run.
 *
 * @module
 */
import { frames } from "./frames_target.ts";
import { headers } from "./headers_target.ts";
import { hello } from "./hello_target.ts";
import { paths } from "./paths_target.ts";
import type { FuzzTarget } from "./target.ts";

/** See the module text. */
export const targets: readonly FuzzTarget[] = [frames, paths, headers, hello];
