/**
 * `kubectl outreach` and `deno task ctl`: the operator's program. Reads arguments and environment,
 * handles signals.
 *
 * @module
 */
import { taskCommand } from "../shared/task_command.ts";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { discoverCa } from "../shared/kube/ca_discovery.ts";
import { kubeTransport } from "../shared/kube/transport.ts";
import { createContext } from "./connect.ts";
import { agentRunner } from "./install/agent_process.ts";
import type { Machine } from "./install/machine.ts";
import { runCli } from "./program.ts";

/** A second Ctrl-C sooner than this is the same one: a terminal and a task runner both send it. */
const SAME_SIGNAL_MS = 1000;

/** Of the checkout. */
const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/[\\/]$/, "");

/** How the user called this: a plugin `kubectl-outreach` is `kubectl outreach`. */
function programName(env: Record<string, string>): string {
  if (env.CLUSTERNET_CTL_NAME) return env.CLUSTERNET_CTL_NAME;
  if (!Deno.build.standalone) return taskCommand("ctl", env);
  const name = basename(Deno.execPath()).replace(/\.exe$/, "");
  const plugin = /^kubectl-(.+)$/.exec(name)?.[1];
  return plugin === undefined
    ? name
    : `kubectl ${plugin.replaceAll("-", " ").replaceAll("_", "-")}`;
}

/** Writes all of it; a reader that went away (`| head`) ends the program, as it ends kubectl. */
function writer(stream: { writeSync(bytes: Uint8Array): number }): (text: string) => void {
  const encoder = new TextEncoder();
  return (text) => {
    const bytes = encoder.encode(text);
    try {
      for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) Deno.exit(1);
      throw error;
    }
  };
}

/** The first signal lets the command end by itself; the second ends the program. */
function stopOnSignals(stop: AbortController, kill: AbortController): void {
  let first: number | undefined;
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      const now = performance.now();
      first ??= now;
      if (!stop.signal.aborted) return stop.abort(new Error("interrupted", { cause: signal }));
      if (now - first < SAME_SIGNAL_MS) return;
      kill.abort();
      Deno.exit(130);
    });
  }
}

async function main(): Promise<number> {
  const env = Deno.env.toObject();
  // A task runs in the checkout; paths are meant from where the user is, kubectl's too
  if (!Deno.build.standalone && env.INIT_CWD && Deno.cwd() === ROOT) Deno.chdir(env.INIT_CWD);
  const stop = new AbortController();
  const kill = new AbortController();
  stopOnSignals(stop, kill);
  const context = createContext({
    program: programName(env),
    env,
    signal: stop.signal,
    terminal: { out: Deno.stdout.isTerminal(), err: Deno.stderr.isTerminal() },
    out: writer(Deno.stdout),
    err: writer(Deno.stderr),
    pathSeparator: Deno.build.os === "windows" ? ";" : ":",
  });
  const machine: Machine = {
    connectTo: kubeTransport,
    discoverCa,
    runAgent: Deno.build.standalone ? undefined : agentRunner({
      deno: Deno.execPath(),
      root: ROOT,
      kill: kill.signal,
    }),
  };
  return await runCli(Deno.args, context, machine);
}

if (import.meta.main) Deno.exit(await main());
