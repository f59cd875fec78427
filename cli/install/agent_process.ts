/**
 * An agent as a child process of this program.
 *
 * @module
 */
import { dirname } from "node:path";
import config from "../../deno.json" with { type: "json" };

/** A running agent; disposing it ends the process and removes its private files. */
export interface RunningAgent extends AsyncDisposable {
  /** Its exit code: 0 stopped, 1 a fault, 2 a wrong flag, 3 the hub said no for good. */
  readonly ended: Promise<number>;
  /** Asks it to let streams finish and end; once is enough. */
  stop(): void;
}

/** What to run. */
export interface AgentRun {
  /** Private files, by name: 0600 in a directory of their own (0700). */
  files: Readonly<Record<string, string>>;
  /** Makes the agent's flags, given that directory. */
  args: (dir: string) => readonly string[];
  /** Whether it may run programs: a kubeconfig with an exec plugin needs that. */
  mayRun: boolean;
}

/** Starts an agent on this terminal. */
export type RunAgent = (run: AgentRun) => Promise<RunningAgent>;

/** Options of {@linkcode agentRunner}. */
export interface AgentRunnerOptions {
  /** Path of deno. */
  deno: string;
  /** Root of the checkout, without a slash at its end. */
  root: string;
  /** Kills the agent at once. */
  kill: AbortSignal;
}

/**
 * The words of `deno task agent` between `deno` and the program. What stands behind the permission
 * set replaces its list: the agent writes only where its private files lie, as other agents of this
 * machine look there for the lock of its name. A plugin has to be run, with the whole environment.
 */
function denoWords(writable: string, mayRun: boolean): string[] {
  const [, ...words] = config.tasks.agent.command.split(" ").slice(0, -1);
  return [
    ...words,
    `--allow-write=${writable}`,
    ...(mayRun ? ["--allow-run", "--allow-env"] : []),
  ];
}

/**
 * Runs the agent of this checkout.
 *
 * It gets a process group of its own: at Ctrl-C a terminal signals its whole foreground group, and
 * an agent that is signalled twice ends without letting its streams finish. So only `stop` reaches
 * it.
 *
 * @returns what starts it
 */
export function agentRunner({ deno, root, kill }: AgentRunnerOptions): RunAgent {
  return async ({ files, args, mayRun }) => {
    const dir = await Deno.makeTempDir({ prefix: "clusternet-join-" });
    const remove = (): Promise<void> => Deno.remove(dir, { recursive: true }).catch(() => {});
    let child: Deno.ChildProcess;
    try {
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(`${dir}/${name}`, text, { mode: 0o600, createNew: true });
      }
      child = new Deno.Command(deno, {
        args: [
          ...denoWords(dirname(dir), mayRun),
          `--config=${root}/deno.json`,
          `${root}/agent/main.ts`,
          ...args(dir),
        ],
        stdin: "null",
        stdout: "inherit",
        stderr: "inherit",
        env: { DENO_NO_UPDATE_CHECK: "1" },
        detached: true,
      }).spawn();
    } catch (error) {
      await remove();
      throw error;
    }
    return running(child, remove, kill);
  };
}

function running(
  child: Deno.ChildProcess,
  remove: () => Promise<void>,
  kill: AbortSignal,
): RunningAgent {
  let over = false;
  let asked = false;
  const send = (signal: Deno.Signal): void => {
    if (over) return;
    try {
      child.kill(signal);
    } catch {
      // It has just ended
    }
  };
  const onKill = (): void => send("SIGKILL");
  kill.addEventListener("abort", onKill, { once: true });
  const ended = child.status.then(async ({ code }) => {
    over = true;
    kill.removeEventListener("abort", onKill);
    await remove();
    return code;
  });
  return {
    ended,
    stop: () => {
      if (!asked) send("SIGTERM");
      asked = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (!over) send(asked ? "SIGKILL" : "SIGTERM");
      await ended;
    },
  };
}
