/**
 * `deno task cluster up | down | status`: a parent and a child cluster on this machine.
 *
 * @module
 */
import { Command } from "commander";
import { messageOf } from "./errors.ts";
import { upDir } from "./paths.ts";
import { down, status, up, type UpState } from "./up.ts";

function writer(stream: { writeSync(data: Uint8Array): number }): (line: string) => void {
  return (line) => void stream.writeSync(new TextEncoder().encode(`${line}\n`));
}

const print = writer(Deno.stdout);
const progress = writer(Deno.stderr);

function printState(state: UpState): void {
  print(`parent  KUBECONFIG=${state.kubeconfig.parent}`);
  print(`child   KUBECONFIG=${state.kubeconfig.child}`);
  print("");
  print("Try:");
  const kubectl = `${state.kubectl} --kubeconfig ${state.kubeconfig.child}`;
  print(`  ${kubectl} get nodes`);
  print(`  ${kubectl} exec -it shell -- sh`);
}

async function runUp(dir: string): Promise<void> {
  const started = performance.now();
  const { state, already } = await up(dir, progress);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  print(already ? "Both clusters are up already." : `Both clusters are up, after ${seconds} s.`);
  printState(state);
  print("");
  print('Stop them with "deno task cluster down".');
}

async function runDown(dir: string): Promise<void> {
  const killed = await down(dir);
  print(killed === 0 ? "Nothing was running." : `Stopped ${killed} processes.`);
}

async function runStatus(dir: string): Promise<void> {
  const { state, roles } = await status(dir);
  for (const { role, processes, complete } of roles) {
    print(`${role}: ${complete ? "up" : processes.length === 0 ? "down" : "incomplete"}`);
    for (const { name, pid, rssBytes } of processes) {
      print(`  ${name.padEnd(24)} pid ${pid}, ${Math.round(rssBytes / 1e6)} MB`);
    }
  }
  const whole = state !== undefined && roles.every(({ complete }) => complete);
  if (whole) return printState(state);
  if (roles.some(({ processes }) => processes.length > 0)) {
    print('Some processes are gone: "deno task cluster up" starts both clusters anew.');
  }
  Deno.exitCode = 1;
}

const program = new Command("deno task cluster")
  .description("A real parent and a real child cluster on this machine, in the background")
  .showHelpAfterError();

for (
  const [name, description, run] of [
    ["up", "start both, or say where they are", runUp],
    ["down", "stop both and remove their data", runDown],
    ["status", "say what runs", runStatus],
  ] as const
) {
  program.command(name).description(description)
    .option("--dir <directory>", "where they keep their data", upDir())
    .action(async ({ dir }: { dir: string }) => await run(dir));
}

try {
  await program.parseAsync([...Deno.args], { from: "user" });
} catch (error) {
  progress(messageOf(error));
  Deno.exit(1);
}
