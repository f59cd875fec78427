/**
 * Reading kubectl's tables back: its text is the only form that every verb and every version has,
 * with the very columns that the user would see on one cluster.
 *
 * @module
 */

/** One table of kubectl's output. */
export interface TextTable {
  header: string[];
  rows: string[][];
}

/** `NAME`, `CPU(cores)`, `NOMINATED NODE`; nothing that a row of output is likely to be. */
const HEADER_CELL = /^[A-Z][A-Z0-9_./-]*(?: [A-Z0-9_./-]+)*(?:\([a-z%]+\))?$/;

/** kubectl's flags before the verb that take a value of their own. */
const VALUE_FLAGS: ReadonlySet<string> = new Set([
  "-n",
  "--namespace",
  "-v",
  "--v",
  "--as",
  "--as-group",
  "--as-uid",
  "--request-timeout",
  "--cache-dir",
  "--kuberc",
]);

/** Verbs that print tables. */
const TABLE_VERBS: ReadonlySet<string> = new Set(["get", "top", "events", "api-resources"]);

/** What kubectl was asked to print. */
export interface Wanted {
  /** Its verb. */
  verb: string;
  /** Of `-o`; empty without. */
  output: string;
  /** Its output is a table. */
  table: boolean;
  /** Its output is JSON or YAML, and can be had as JSON. */
  objects: "json" | "yaml" | undefined;
  /** The arguments that it is given in their place. */
  args: string[];
  /** `--no-headers` stood among them; it is taken out, since headers tell where columns start. */
  noHeaders: boolean;
}

/**
 * Reads kubectl's arguments as far as the output goes.
 *
 * @param args as the user gave them
 * @returns what to run, and how to read its output
 */
export function readArguments(args: readonly string[]): Wanted {
  const end = args.indexOf("--");
  const own = end < 0 ? [...args] : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end);
  const verb = own.find((arg, index) => !arg.startsWith("-") && !takesValue(own[index - 1])) ?? "";
  const [output, at] = outputOf(own);
  const kept = own.filter((arg) => !/^--no-headers(=true)?$/.test(arg));
  const objects = output === "json" || output === "yaml" ? output : undefined;
  const columns = output === "" || output === "wide" || output.startsWith("custom-columns");
  const table = TABLE_VERBS.has(verb) && columns;
  const replaced = objects === "yaml" ? withOutput(own, at, "json") : table ? kept : own;
  return {
    verb,
    output,
    table,
    objects,
    args: [...replaced, ...rest],
    noHeaders: table && kept.length < own.length,
  };
}

function takesValue(flag: string | undefined): boolean {
  return flag !== undefined && VALUE_FLAGS.has(flag);
}

/** @returns the format, and the index of the argument that says it */
function outputOf(args: readonly string[]): [output: string, at: number] {
  for (const [index, arg] of args.entries()) {
    if (arg === "-o" || arg === "--output") return [args[index + 1] ?? "", index + 1];
    const match = /^(?:--output=|-o=?)(.+)$/.exec(arg);
    if (match !== null) return [match[1]!, index];
  }
  return ["", -1];
}

function withOutput(args: readonly string[], at: number, output: string): string[] {
  return args.map((arg, index) =>
    index !== at ? arg : arg.startsWith("-") ? `--output=${output}` : output
  );
}

/**
 * Reads tables: blocks of lines with an empty line between, each with a header.
 *
 * @param text kubectl's standard output
 * @returns the tables; `undefined` when the text is something else
 */
export function parseTables(text: string): TextTable[] | undefined {
  const tables: TextTable[] = [];
  for (const block of text.split(/\n[ ]*\n/)) {
    const lines = block.split("\n").filter((line) => line.trim() !== "");
    const [first] = lines;
    if (first === undefined) continue;
    const starts = columnStarts(first);
    if (starts === undefined) return undefined;
    const [header, ...rows] = lines.map((line) => cells(line, starts));
    tables.push({ header: header!, rows });
  }
  return tables;
}

/** Where the columns start: kubectl keeps three spaces between them. */
function columnStarts(line: string): number[] | undefined {
  const starts: number[] = [];
  for (const match of line.matchAll(/\S+(?: \S+)*/g)) {
    if (!HEADER_CELL.test(match[0])) return undefined;
    starts.push(match.index);
  }
  return starts.length === 0 ? undefined : starts;
}

function cells(line: string, starts: readonly number[]): string[] {
  const points = [...line]; // Columns are counted in code points
  return starts.map((start, index) =>
    points.slice(index === 0 ? 0 : start, starts[index + 1]).join("").trim()
  );
}
