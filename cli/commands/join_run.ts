/**
 * `join --run`: the agent as a process of this machine, in the foreground.
 *
 * @module
 */
import { resolve } from "node:path";
import { readKubeConfigFile } from "../../shared/kube/kubeconfig_file.ts";
import { CliError } from "../context.ts";
import { bind } from "../install/bind.ts";
import type { RunningAgent } from "../install/agent_process.ts";
import { waitRegistered } from "../install/registered.ts";
import { agentFlags, hubConfig, type Joining, sayJoined } from "./join_options.ts";

/** What the agent's exit codes mean, agent/main.ts. */
const REFUSED = 3;

/**
 * Runs the agent against the kubeconfig of the child until Ctrl-C, or until it ends.
 *
 * @throws {CliError} when it ended by itself, or did not register in time
 */
export async function joinByRunning(joining: Joining): Promise<void> {
  const { context, flags, machine, child } = joining;
  const { err, signal, program } = bind(context);
  const args = agentArgs(joining);
  err(
    `Runs the agent here, as the user of context "${child.contextName}"; Ctrl-C ends it. It does in ` +
      "this cluster what the parent's users ask for, as these users (impersonation)\n",
  );
  await using agent = await machine.runAgent!({
    files: {
      token: flags.token,
      ...(joining.ca === undefined ? {} : { "parent-ca.crt": joining.ca }),
    },
    args,
    mayRun: await hasPlugin(joining),
  });
  const stop = (): void => agent.stop();
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    const code = await registered(joining, agent) ?? await agent.ended;
    if (signal.aborted) {
      return err(`The agent has stopped. To leave the hub for good: ${program} unjoin\n`);
    }
    throw new CliError(endOf(code, program), code === 0 ? 1 : code);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function endOf(code: number, program: string): string {
  return code === REFUSED
    ? "The hub refuses this cluster; the agent says above why and what an admin of the parent can do"
    : `The agent has ended (exit code ${code}); its last lines above say why. Then run the same ` +
      `command again, or look for the fault with: ${program} doctor`;
}

/** @returns the agent's exit code, when it ended before it had registered */
async function registered(joining: Joining, agent: RunningAgent): Promise<number | undefined> {
  const { context, flags, machine, child } = joining;
  const { err, now, program, signal } = bind(context);
  if (!flags.wait) return undefined;
  const over = new AbortController();
  const ended = agent.ended.then((code) => {
    over.abort(new Error("the agent has ended"));
    return code;
  });
  try {
    const joined = await waitRegistered({
      child: child.client,
      hub: hubConfig(joining),
      connectTo: machine.connectTo,
      token: flags.token,
      program,
      err,
      timeoutMs: flags.timeout,
      now,
      signal: AbortSignal.any([signal, over.signal]),
    });
    if (joined !== undefined) {
      sayJoined(joining, joined);
      err("The agent runs until Ctrl-C\n");
      return undefined;
    }
  } catch (error) {
    if (signal.aborted || over.signal.aborted) return await ended;
    throw error;
  }
  throw new CliError(
    `The tunnel does not stand after ${flags.timeout / 1000} s; the agent's lines above say why. ` +
      "Mend it and run the same command again, or give it longer with --timeout",
  );
}

/** The agent reads one file, from wherever it runs. */
function agentArgs(
  { context, flags, child, ca }: Joining,
): (dir: string) => readonly string[] {
  const several = (context.env.KUBECONFIG ?? "").split(Deno.build.os === "windows" ? ";" : ":")
    .filter((path) => path !== "").length > 1;
  if (flags.kubeconfig === undefined && several) {
    throw new CliError(
      "KUBECONFIG names several files, and the agent reads one: say --kubeconfig FILE (kubectl " +
        "config view --flatten --minify writes one)",
      2,
    );
  }
  const kubeconfig = resolve(child.kubeconfigPath);
  const more = Object.entries(agentFlags(flags)).map(([flag, value]) => `${flag}=${value}`);
  return (dir) => [
    `--kubeconfig=${kubeconfig}`,
    `--context=${child.contextName}`,
    `--cluster-reg-parent-url=${flags.hub}`,
    `--cluster-reg-token-file=${dir}/token`,
    ...(ca === undefined ? [] : [`--cluster-reg-parent-ca-file=${dir}/parent-ca.crt`]),
    ...more,
  ];
}

/** Whether the kubeconfig's user logs in with a program. */
async function hasPlugin({ context, child }: Joining): Promise<boolean> {
  const file = await readKubeConfigFile(child.kubeconfigPath, (path) => context.readTextFile(path));
  const entry = file.contexts?.find(({ name }) => name === child.contextName);
  const user = file.users?.find(({ name }) => name === entry?.context?.user)?.user;
  return user?.exec !== undefined || user?.["auth-provider"] !== undefined;
}
