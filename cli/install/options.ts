/**
 * Flags that several commands share, and readers of their values.
 *
 * @module
 */
import { type Command, InvalidArgumentError } from "commander";
import { serverUrl } from "../../shared/flags.ts";
import { VERSION } from "../../shared/version.ts";

/** Image of the agent unless told otherwise: what `docker build -f Dockerfile.agent` makes. */
export const AGENT_IMAGE = `clusternet-agent:${VERSION}`;

/** What {@linkcode kubeconfigOptions} reads. */
export interface KubeconfigFlags {
  /** Path of the file. */
  kubeconfig?: string;
  /** Context of it. */
  context?: string;
}

/**
 * Adds `--kubeconfig` and `--context`.
 *
 * @param whose as in `"of the child"`
 * @returns the command
 */
export function kubeconfigOptions(command: Command, whose: string): Command {
  return command
    .option("--kubeconfig <file>", `kubeconfig ${whose} (env KUBECONFIG, ~/.kube/config)`)
    .option("--context <name>", "context of the kubeconfig; the current one when absent");
}

/**
 * Reads the URL of a hub: https, since a token goes there.
 *
 * @returns the URL without a trailing slash
 * @throws {InvalidArgumentError} for anything else
 */
export function hubUrl(text: string): string {
  const url = serverUrl(text);
  if (!url.startsWith("https:")) {
    throw new InvalidArgumentError('Want "https://": over http the token would be sent in clear.');
  }
  return url;
}

/** Reads a CA hash as kubeadm writes it. @returns the same in lower case */
export function caHashValue(text: string): string {
  if (/^sha256:[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError(
    'Want "sha256:" and 64 hex digits: token create --print-join-command prints it.',
  );
}

/** Reads base64 of PEM. @returns the PEM */
export function caDataValue(text: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.fromBase64(text));
  } catch {
    throw new InvalidArgumentError("Want the CA's PEM in base64, whole and on one line.");
  }
}

/** Reads the name of a cluster as the CRD takes it. */
export function clusterNameValue(text: string): string {
  if (
    text.length <= 30 &&
    /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(text)
  ) {
    return text;
  }
  throw new InvalidArgumentError(
    'Want at most 30 characters: lower-case letters, digits, "-" and ".".',
  );
}

/**
 * Writes a help text's examples with the name by which this program is called.
 *
 * @param lines comment lines begin with `#`, and those that go on with the line before with a space;
 * others are commands of this program
 * @returns for `Command.addHelpText("after", ...)`
 */
export function examples(program: string, ...lines: readonly string[]): string {
  const text = lines.map((line) => /^[# ]/.test(line) ? `  ${line}` : `  ${program} ${line}`);
  return `\nExamples:\n${text.join("\n")}\n`;
}
