/**
 * `completion`: what the Tab key finds.
 *
 * @module
 */
import { Argument, Command } from "commander";
import type { CliContext } from "../context.ts";
import { withExamples } from "../fleet/options.ts";
import { cell } from "../output/table.ts";
import { complete } from "./completion/candidates.ts";
import { dynamicCandidates } from "./completion/dynamic.ts";
import { completionScript, type Shell, SHELLS } from "./completion/scripts.ts";

/** cobra's directives, which kubectl reads from `kubectl_complete-*` (KEP-2379). */
const DEFAULT_DIRECTIVE = ":0";
const NO_FILES_DIRECTIVE = ":4";

/**
 * The file by which a shell knows the program.
 *
 * @param program as the user called it
 * @returns `kubectl-outreach` for `kubectl outreach`, and where it has no file of its own
 */
function fileName(program: string): string {
  const plugin = /^kubectl (.+)$/.exec(program)?.[1];
  if (plugin !== undefined) return `kubectl-${plugin.replaceAll("-", "_").replaceAll(" ", "-")}`;
  return /\s/.test(program) ? "kubectl-outreach" : program;
}

function rootOf(command: Command): Command {
  let root = command;
  while (root.parent !== null) root = root.parent;
  return root;
}

/** The hidden command: prints candidates, one in a line, and what the shell shall do besides. */
function completeCommand(context: CliContext): Command {
  const command = new Command("__complete")
    .description("Prints what may stand where the cursor is")
    .argument("[words...]", "after --: the command line; the last word is the one being typed")
    .helpOption(false);
  return command.action(async (words: string[]) => {
    const found = complete(rootOf(command), words);
    const candidates = [...found.candidates, ...await dynamicCandidates(context, found)];
    for (const { value, description } of candidates) {
      context.out(`${cell(value)}${description === "" ? "" : `\t${cell(description)}`}\n`);
    }
    context.out(`${found.files ? DEFAULT_DIRECTIVE : NO_FILES_DIRECTIVE}\n`);
  });
}

/**
 * Makes the command, with the hidden `completion __complete`. It reads the tree of the program
 * that it is added to.
 *
 * @returns `completion`
 */
export function completionCommand(context: CliContext): Command {
  const name = fileName(context.program);
  const plugin = /^kubectl-(.+)$/.exec(name)?.[1];
  const command = new Command("completion")
    .summary("make the Tab key work")
    .description(
      `Prints a script that completes commands, flags and the names of clusters for ${name} in ` +
        "your shell.",
    )
    .usage("[options] <shell>")
    .addArgument(new Argument("<shell>", "your shell").choices(SHELLS))
    .addCommand(completeCommand(context), { hidden: true });
  withExamples(command, context, [
    ["For this shell", "completion bash > ~/.outreach.bash && source ~/.outreach.bash"],
    ["zsh, for good", `completion zsh > "\${fpath[1]}/_${name}"`],
    ["fish, for good", `completion fish > ~/.config/fish/completions/${name}.fish`],
  ]);
  if (plugin !== undefined) {
    command.addHelpText(
      "after",
      `
For kubectl's own completion ("kubectl ${plugin.replaceAll("-", " ")} <Tab>"), put an executable
file kubectl_complete-${plugin} with these two lines on your PATH:
  #!/bin/sh
  exec ${name} completion __complete -- "$@"`,
    );
  }
  return command.action((shell: Shell) => {
    context.out(completionScript(shell, rootOf(command), name));
    const how = {
      bash: `source it, for example in ~/.bashrc: source <(${name} completion bash)`,
      zsh: `source it after compinit, or write it as _${name} into a directory of $fpath`,
      fish: `write it to ~/.config/fish/completions/${name}.fish`,
    };
    context.err(
      `Next: ${how[shell]}; \`${context.program} completion --help\` tells how ` +
        "kubectl itself completes it\n",
    );
  });
}
