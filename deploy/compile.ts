/**
 * `deno task compile:hub`, `compile:agent` and `compile:ctl`: one self-contained program, for edge
 * devices, images and operators.
 *
 * `deno compile` appends the code to a base binary, `denort`, that it downloads for the target. On
 * a machine that cannot, this says which file is needed and how to hand it over.
 *
 * @module
 */
import { Command } from "commander";

/** Targets that `deno compile` of Deno 2.9 has base binaries for. */
const TARGETS = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
] as const;

/** A program: where it begins, what it is called, what belongs into it. */
interface Program {
  readonly entry: string;
  readonly name: string;
  /** Modules that no import leads to: a worker is named by its URL. */
  readonly include: readonly string[];
}

/** What each may do is the permission set of its name in deno.json, as for its task. */
const PROGRAMS: Readonly<Record<string, Program>> = {
  hub: {
    entry: "hub/main.ts",
    name: "clusternet-hub",
    include: ["hub/standalone/store/journal_worker.ts"],
  },
  agent: {
    entry: "agent/main.ts",
    name: "clusternet-agent",
    include: [],
  },
  ctl: {
    entry: "cli/main.ts",
    name: "kubectl-outreach", // On PATH, it is `kubectl outreach`
    include: [],
  },
};

/** Little garbage is kept: measured in ARCHITECTURE.md; the same stands in deno.json and the images. */
const V8_FLAGS = "--optimize-for-size";

/** Turns what `deno compile` printed into one sentence that says what to do. */
function explain(output: string, target: string): string {
  if (/denort|Download|sending request|dns error/i.test(output)) {
    return `Cannot compile: the base binary for ${target} could not be downloaded. Take ` +
      `denort-${target}.zip of Deno ${Deno.version.deno} from Deno's release page, unzip it, and run ` +
      `this again with DENORT_BIN=<path to denort>`;
  }
  return `Cannot compile for ${target}:\n${output.trim()}`;
}

async function main(args: string[]): Promise<number> {
  const command = new Command("compile").argument("<program>", Object.keys(PROGRAMS).join(", "))
    .option("--target <triple>", `one of ${TARGETS.join(", ")}`, Deno.build.target)
    .option("--output <file>", "where the program goes");
  command.parse(args, { from: "user" });
  const wanted = command.args[0] ?? "";
  const program = Object.hasOwn(PROGRAMS, wanted) ? PROGRAMS[wanted] : undefined;
  const { target, output } = command.opts<{ target: string; output?: string }>();
  if (program === undefined) {
    const known = Object.keys(PROGRAMS).join(", ");
    return command.error(`error: Unknown program "${wanted}": want one of ${known}`);
  }
  if (!(TARGETS as readonly string[]).includes(target)) {
    command.error(
      `error: No base binary for target "${target}": want one of ${TARGETS.join(", ")}`,
    );
  }
  const file = output ?? `_output/${target}/${program.name}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--frozen",
      "--no-check",
      "--no-prompt",
      `--v8-flags=${V8_FLAGS}`,
      `-P=${wanted}`,
      ...program.include.map((file) => `--include=${file}`),
      "--target",
      target,
      "--output",
      file,
      program.entry,
    ],
    stdout: "inherit",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  await Deno.stderr.write(new TextEncoder().encode(success ? text : `${explain(text, target)}\n`));
  return success ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
