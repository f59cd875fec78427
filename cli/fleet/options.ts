/**
 * The flags that every command has which asks the parent, and help in kubectl's manner.
 *
 * @module
 */
import type { Command } from "commander";
import type { CliContext, Connected, ConnectOptions } from "../context.ts";

/**
 * Adds `--kubeconfig` and `--context`.
 *
 * @returns the same command
 */
export function withConnectOptions(command: Command): Command {
  return command
    .option("--kubeconfig <file>", "kubeconfig file of the parent")
    .option("--context <name>", "context of the parent in the kubeconfig");
}

/**
 * Reads them, whether they stand before or after the command's name.
 *
 * @returns how to find the parent
 */
export function connectOptionsOf(command: Command): ConnectOptions {
  const { kubeconfig, context } = command.optsWithGlobals<ConnectOptions>();
  return { kubeconfig: kubeconfig || undefined, context: context || undefined };
}

/**
 * Connects to the parent for the time of some work.
 *
 * @returns what the work returned
 */
export async function withParent<T>(
  context: CliContext,
  command: Command,
  work: (parent: Connected) => Promise<T>,
): Promise<T> {
  using parent = await context.connect(connectOptionsOf(command));
  return await work(parent);
}

/**
 * Adds examples to a command's help.
 *
 * @param lines pairs: what it does, and the command line after the program's name
 * @returns the same command
 */
export function withExamples(
  command: Command,
  context: CliContext,
  lines: readonly (readonly [what: string, args: string])[],
): Command {
  const text = lines.map(([what, args]) => `  # ${what}\n  ${context.program} ${args}`);
  return command.addHelpText("after", `\nExamples:\n${text.join("\n\n")}`);
}
