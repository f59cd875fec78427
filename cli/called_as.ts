/**
 * The commands that are printed as the next step, for a parent that was named by flags.
 *
 * @module
 */
import type { CliContext } from "./context.ts";
import { shellWord } from "../shared/shell_word.ts";

/** Commands whose next steps are all commands of this program for the same parent. */
const PARENT_SIDE = new Set([
  "accept",
  "deny",
  "clusters",
  "kubeconfig",
  "kubectl",
  "each",
  "doctor",
]);
/** Those of them whose flags end where kubectl's begin. */
const FOR_KUBECTL = new Set(["kubectl", "each"]);
const FLAG = /^(--kubeconfig|--context)(?:=(.*))?$/s;

/**
 * Finds the flags that name the parent.
 *
 * @param words the command line, its command first
 * @returns `--kubeconfig F --context C` as a shell reads it; empty where next steps need none
 */
export function parentFlags([name, ...words]: readonly string[]): string {
  if (name === undefined || !PARENT_SIDE.has(name)) return "";
  const end = words.indexOf("--");
  if (end < 0 && FOR_KUBECTL.has(name)) return "";
  const own = end < 0 ? words : words.slice(0, end);
  const found = new Map<string, string>();
  for (let at = 0; at < own.length; at++) {
    const match = FLAG.exec(own[at]!);
    if (match === null) continue;
    const value = match[2] ?? own[++at];
    if (value) found.set(match[1]!, value);
  }
  return [...found].map(([flag, value]) => `${flag} ${shellWord(value)}`).join(" ");
}

/**
 * A context whose `program` carries these flags, so that what is printed can be pasted.
 *
 * @param flags what {@linkcode parentFlags} found
 * @returns the context itself where there are none
 */
export function calledAs(context: CliContext, flags: string): CliContext {
  if (flags === "") return context;
  return {
    program: `${context.program} ${flags}`,
    terminal: context.terminal,
    env: context.env,
    signal: context.signal,
    out: (text) => context.out(text),
    err: (text) => context.err(text),
    now: () => context.now(),
    randomBytes: (length) => context.randomBytes(length),
    readTextFile: (path) => context.readTextFile(path),
    writeTextFile: (path, text, options) => context.writeTextFile(path, text, options),
    connect: (options) => context.connect(options),
    capture: (program, args, env) => context.capture(program, args, env),
    attach: (program, args, env) => context.attach(program, args, env),
  };
}
