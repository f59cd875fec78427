/**
 * The command line as a whole.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { VERSION } from "../shared/version.ts";
import { calledAs, parentFlags } from "./called_as.ts";
import { acceptCommand } from "./commands/accept.ts";
import { clustersCommand } from "./commands/clusters.ts";
import { denyCommand } from "./commands/deny.ts";
import { completionCommand } from "./commands/completion.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { eachCommand } from "./commands/each.ts";
import { initCommand } from "./commands/init.ts";
import { joinCommand } from "./commands/join.ts";
import { kubeconfigCommand } from "./commands/kubeconfig.ts";
import { kubectlCommand } from "./commands/kubectl.ts";
import { tokenCommand } from "./commands/token.ts";
import { unjoinCommand } from "./commands/unjoin.ts";
import { type CliContext, CliError } from "./context.ts";
import { explain } from "./install/explain.ts";
import type { Machine } from "./install/machine.ts";

/** Flags that may stand before the command, as kubectl's, each with a value. */
const LEADING = /^(--kubeconfig|--context|--namespace|-n)(=.*)?$/;
/** Commands that are two words. */
const NESTED = new Set(["token"]);

/**
 * Puts all commands together.
 *
 * @returns the program; its actions throw `CliError`
 */
export function buildProgram(context: CliContext, machine: Machine): Command {
  const { program } = context;
  const root = new Command(program)
    .description(
      "Reach Kubernetes clusters that nobody can dial, through the one that they dial: install a hub, " +
        "join clusters to it, look at them and work on them.",
    )
    .version(VERSION, "--version", "print the version and exit")
    .enablePositionalOptions()
    .addHelpText(
      "after",
      `
From nothing to a reachable cluster:
  ${program} init --image IMAGE        in the parent; prints the join command
  ${program} join --hub ... --run      in the child; what init printed
  ${program} clusters                  in the parent
  ${program} kubectl NAME -- get pods  in the parent

Use "${program} COMMAND --help" for the flags and examples of a command.`,
    );
  const commands = [
    initCommand(context, machine),
    tokenCommand(context, machine),
    joinCommand(context, machine),
    unjoinCommand(context),
    acceptCommand(context),
    denyCommand(context),
    clustersCommand(context),
    kubeconfigCommand(context),
    kubectlCommand(context),
    eachCommand(context),
    doctorCommand(context),
    completionCommand(context),
  ];
  for (const command of commands) root.addCommand(command);
  prepare(root, context, program);
  return root;
}

function prepare(command: Command, context: CliContext, path: string): void {
  command.exitOverride()
    .configureOutput({
      writeOut: (text) => context.out(text),
      writeErr: (text) => context.err(text),
    })
    .helpCommand(command.commands.length > 0 && path === context.program)
    .showHelpAfterError(`See "${path} --help" for usage and examples.`);
  for (const sub of command.commands) prepare(sub, context, `${path} ${sub.name()}`);
}

/**
 * Lets kubectl's common flags stand before the command as well: they are moved behind it.
 *
 * @returns the words for `commander`
 */
export function leadingFlagsLast(args: readonly string[]): string[] {
  let at = 0;
  while (at < args.length) {
    const match = LEADING.exec(args[at]!);
    if (match === null) break;
    at += match[2] === undefined ? 2 : 1;
  }
  const name = args[at];
  if (at === 0 || name === undefined || name.startsWith("-")) return [...args];
  const words = NESTED.has(name) ? 2 : 1;
  return [...args.slice(at, at + words), ...args.slice(0, at), ...args.slice(at + words)];
}

/**
 * Runs a command line.
 *
 * @param args without the program's name
 * @returns the exit code: 0, 1 for a failure, 2 for a wrong command line, 130 after Ctrl-C, or that
 * of kubectl where it ran
 */
export async function runCli(
  args: readonly string[],
  context: CliContext,
  machine: Machine,
): Promise<number> {
  const words = leadingFlagsLast(args);
  const root = buildProgram(calledAs(context, parentFlags(words)), machine);
  if (args.length === 0) {
    root.outputHelp();
    return 0;
  }
  try {
    await root.parseAsync(words, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (error instanceof CliError) {
      if (error.message !== "") context.err(`error: ${error.message}\n`);
      return error.exitCode;
    }
    if (context.signal.aborted) {
      context.err("Interrupted; the same command again goes on where it was\n");
      return 130;
    }
    context.err(`error: ${explain(error)}\n`);
    return 1;
  }
}
