/**
 * What may stand where the cursor is: subcommands, flags, their values, names of clusters.
 *
 * @module
 */
import type { Command, Option } from "commander";

/** Something that can be typed. */
export interface Candidate {
  value: string;
  /** One line; empty for none. */
  description: string;
}

/** What is wanted at the cursor. */
export interface Completion {
  candidates: Candidate[];
  /** File names are wanted as well. */
  files: boolean;
  /** What only the parent knows, to be added. */
  dynamic: "clusters" | "pending" | undefined;
  /** Values of flags that say which parent. */
  connect: { kubeconfig?: string; context?: string };
}

/** Values of these flags are files. */
const FILE_FLAGS: ReadonlySet<string> = new Set(["--kubeconfig", "--output"]);
/** Flags that may stand before the command's name. */
const LEADING: ReadonlySet<string> = new Set(["--kubeconfig", "--context", "--namespace", "-n"]);

interface Cursor {
  command: Command;
  /** Arguments before the cursor, without flags. */
  operands: number;
  /** The flag whose value is wanted. */
  pending: string | undefined;
  /** A `--` came before. */
  ended: boolean;
  connect: Completion["connect"];
}

function optionOf(command: Command, flag: string): Option | undefined {
  return command.options.find(({ long, short }) => long === flag || short === flag);
}

function takesValue(command: Command, flag: string): boolean {
  const option = optionOf(command, flag);
  if (option !== undefined) return option.required || option.optional;
  return command.parent === null && LEADING.has(flag);
}

function note(cursor: Cursor, flag: string, value: string): void {
  if (flag === "--kubeconfig") cursor.connect.kubeconfig = value;
  if (flag === "--context") cursor.connect.context = value;
}

/** Reads the words before the cursor. */
function follow(root: Command, words: readonly string[]): Cursor {
  const cursor: Cursor = {
    command: root,
    operands: 0,
    pending: undefined,
    ended: false,
    connect: {},
  };
  for (const word of words) {
    const { command, pending } = cursor;
    if (cursor.ended) continue;
    if (pending !== undefined) {
      note(cursor, pending, word);
      cursor.pending = undefined;
    } else if (word === "--") cursor.ended = true;
    else if (word.startsWith("-")) {
      const equals = word.indexOf("=");
      if (equals >= 0) note(cursor, word.slice(0, equals), word.slice(equals + 1));
      else if (takesValue(command, word)) cursor.pending = word;
    } else {
      const sub = cursor.operands > 0
        ? undefined
        : command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (sub === undefined) cursor.operands++;
      else cursor.command = sub;
    }
  }
  return cursor;
}

/** Commands that help lists. */
export function visibleCommands(command: Command): Command[] {
  return command.createHelp().visibleCommands(command)
    .filter((one) => one.name() !== "help" && !one.name().startsWith("__"));
}

/** Flags that help lists, with `--help`. */
export function visibleFlags(command: Command): Candidate[] {
  return command.createHelp().visibleOptions(command).map(({ long, short, description }) => ({
    value: long ?? short ?? "",
    description,
  }));
}

/**
 * Finds out what may stand at the cursor.
 *
 * @param root the whole program
 * @param words after the program's name; the last is the one that is being typed, maybe empty
 * @returns candidates, whatever was typed of the word so far
 */
export function complete(root: Command, words: readonly string[]): Completion {
  const cursor = follow(root, words.slice(0, -1));
  const current = words.at(-1) ?? "";
  const { command, connect } = cursor;
  const nothing: Completion = { candidates: [], files: false, dynamic: undefined, connect };
  if (cursor.ended) return { ...nothing, files: true };
  if (cursor.pending !== undefined) return { ...nothing, ...valuesOf(command, cursor.pending, "") };
  const equals = current.indexOf("=");
  if (current.startsWith("-") && equals >= 0) {
    const flag = current.slice(0, equals);
    return { ...nothing, ...valuesOf(command, flag, `${flag}=`) };
  }
  if (current.startsWith("-")) return { ...nothing, candidates: visibleFlags(command) };
  const subs = cursor.operands > 0 ? [] : visibleCommands(command);
  const candidates = subs.map((sub) => ({ value: sub.name(), description: sub.summary() }));
  return { ...nothing, ...argumentsOf(cursor, candidates) };
}

function valuesOf(
  command: Command,
  flag: string,
  prefix: string,
): Pick<Completion, "candidates" | "files"> {
  const option = optionOf(command, flag);
  const choices = option?.argChoices ?? [];
  return {
    candidates: choices.map((choice) => ({ value: prefix + choice, description: "" })),
    // `-o` of some commands is a format, `--output` of another a file
    files: choices.length === 0 && FILE_FLAGS.has(option?.long ?? flag),
  };
}

function argumentsOf(
  { command, operands }: Cursor,
  candidates: Candidate[],
): Pick<Completion, "candidates" | "dynamic"> {
  const known = command.registeredArguments;
  const argument = known[operands] ?? (known.at(-1)?.variadic ? known.at(-1) : undefined);
  const choices = (argument?.argChoices ?? []).map((value) => ({ value, description: "" }));
  const all = [...candidates, ...choices];
  if (argument?.name() === "cluster") {
    return { candidates: all, dynamic: command.name() === "accept" ? "pending" : "clusters" };
  }
  if (argument?.name() === "args") {
    all.push({ value: "--", description: "what follows is for kubectl" });
  }
  return { candidates: all, dynamic: undefined };
}
