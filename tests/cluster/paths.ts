/**
 * Where the test bed keeps things: programs in a cache that survives checkouts, the state of
 * `deno task cluster up`, and the directories of clusters that tests start.
 *
 * @module
 */
import { fileURLToPath } from "node:url";

/** Reads one environment variable; an empty one counts as not set. */
export type Env = (name: string) => string | undefined;

const processEnv: Env = (name) => Deno.env.get(name) || undefined;

/** @returns `${XDG_CACHE_HOME:-~/.cache}/clusternet-testbed` */
export function cacheRoot(env: Env = processEnv): string {
  return `${env("XDG_CACHE_HOME") ?? `${env("HOME") ?? "/tmp"}/.cache`}/clusternet-testbed`;
}

/** @returns where `deno task cluster up` keeps its clusters */
export function upDir(env: Env = processEnv): string {
  const state = env("XDG_STATE_HOME");
  return `${state === undefined ? cacheRoot(env) : `${state}/clusternet-testbed`}/up`;
}

/** @returns the parent directory of all clusters that this user's tests start */
export function runRoot(env: Env = processEnv): string {
  const tmp = (env("TMPDIR") ?? "/tmp").replace(/\/+$/, "");
  return `${tmp}/clusternet-testbed-${Deno.uid() ?? 0}`;
}

/** @returns the directory of a Go module below `tests/cluster/modules` */
export function moduleDir(module: string): string {
  return fileURLToPath(new URL(`./modules/${module}`, import.meta.url));
}
