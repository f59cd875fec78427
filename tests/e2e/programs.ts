/**
 * Hub and agent as processes, with the very permissions that `deno task hub` and `agent` give.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };
import type { Cluster } from "../cluster/cluster.ts";
import { ManagedProcess } from "../cluster/process.ts";

/** Root of the checkout. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Options of {@linkcode programProcess}. */
export interface ProgramOptions {
  /** Names log and pid record. */
  name: string;
  /** Its flags, without `--health-addr`. */
  args: readonly string[];
  /** Port of its plain health endpoint. */
  healthPort: number;
  /** Which endpoint says that it is up. */
  readyPath: "/livez" | "/readyz";
  env?: Record<string, string>;
  /** Opens its inspector there, for a test that collects its garbage. */
  inspectPort?: number | undefined;
}

/** How a program is run otherwise than its task says. */
export interface ProgramChange {
  /** Makes the words between `deno` and the program's flags from the task's. */
  words?: (task: readonly string[]) => readonly string[];
  env?: Record<string, string>;
}

const changes = new AsyncLocalStorage<Partial<Record<"hub" | "agent", ProgramChange>>>();

/**
 * Changes how hubs and agents are run that `body` makes.
 *
 * @returns what `body` returns
 */
export async function withPrograms<T>(
  change: Partial<Record<"hub" | "agent", ProgramChange>>,
  body: () => Promise<T>,
): Promise<T> {
  return await changes.run(change, body);
}

/**
 * A hub or agent that is not started yet.
 *
 * @param cluster keeps its log, and kills it when the test dies
 * @returns the process
 */
export function programProcess(
  program: "hub" | "agent",
  cluster: Pick<Cluster, "dir" | "warden">,
  options: ProgramOptions,
): ManagedProcess {
  const { words = (task) => task, env: changedEnv }: ProgramChange =
    changes.getStore()?.[program] ?? {};
  const [run = "run", ...denoArgs] = words(config.tasks[program].command.split(" ").slice(1));
  const inspect = options.inspectPort === undefined
    ? []
    : [`--inspect=127.0.0.1:${options.inspectPort}`];
  return new ManagedProcess({
    name: options.name,
    command: Deno.execPath(),
    args: [
      run,
      ...inspect,
      ...denoArgs,
      ...options.args,
      `--health-addr=127.0.0.1:${options.healthPort}`,
    ],
    dir: cluster.dir,
    warden: cluster.warden,
    cwd: ROOT,
    env: {
      PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
      HOME: Deno.env.get("HOME") ?? cluster.dir,
      ...(Deno.env.get("DENO_DIR") === undefined ? {} : { DENO_DIR: Deno.env.get("DENO_DIR")! }),
      NO_COLOR: "1",
      DENO_NO_UPDATE_CHECK: "1",
      ...options.env,
      ...changedEnv,
    },
    clearEnv: true,
    ready: (signal) => healthy(options.healthPort, options.readyPath, signal),
  });
}

/** @returns whether the plain health endpoint answers 200 */
export async function healthy(
  port: number,
  path: string,
  signal: AbortSignal = AbortSignal.timeout(5000),
): Promise<boolean> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { client, signal });
  await response.body?.cancel();
  return response.ok;
}

/**
 * Reads a metric.
 *
 * @param name may carry one label selection as it stands in the text, `name\\{type="Timeout"\\}`
 * @returns its value, summed over its labels; `undefined` when it is absent
 */
export async function metric(port: number, name: string): Promise<number | undefined> {
  using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(`http://127.0.0.1:${port}/metrics`, {
    client,
    signal: AbortSignal.timeout(5000),
  });
  const pattern = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.e+-]+)$`, "gm");
  const values = [...(await response.text()).matchAll(pattern)].map((match) => Number(match[1]));
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
}
