/**
 * Flags of the original hub that have no effect here: its manifests start this hub as they are,
 * and the log tells once why each does nothing.
 *
 * @module
 */
import { type Command, Option } from "commander";

const ONE_PARENT = "the hub reviews tokens and access at the parent of --kubeconfig";
const RATE = "the hub watches instead of polling; API Priority and Fairness bounds it";
const CONFIG_MAP = "it is read from ConfigMap kube-system/extension-apiserver-authentication";

/** Why each has no effect, by its declaration. */
const IGNORED: Readonly<Record<string, string>> = {
  "--authentication-kubeconfig <file>": ONE_PARENT,
  "--authorization-kubeconfig <file>": ONE_PARENT,
  "--kube-api-qps <number>": RATE,
  "--kube-api-burst <number>": RATE,
  "--profiling [bool]": "there is no pprof; see /metrics",
  "--requestheader-client-ca-file <file>": CONFIG_MAP,
  "--client-ca-file <file>": CONFIG_MAP,
};

/**
 * Lets a command take the flags; the help names them in one line.
 *
 * @param found is given each that was used, as `--flag: why it has no effect`
 * @returns the command
 */
export function acceptIgnoredFlags(command: Command, found: string[]): Command {
  for (const [declaration, why] of Object.entries(IGNORED)) {
    const option = new Option(declaration).hideHelp();
    command.addOption(option);
    command.on(`option:${option.name()}`, () => found.push(`--${option.name()}: ${why}`));
  }
  const names = Object.keys(IGNORED).map((declaration) => declaration.split(" ")[0]);
  return command.addHelpText(
    "after",
    `\nTaken from the original's manifests, without effect: ${names.join(", ")}`,
  );
}
