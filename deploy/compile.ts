/**
 * `deno task compile:hub` and `compile:agent`: one self-contained program, for edge devices and
 * images.
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

/** What each program may do; the same lists stand in the Dockerfiles' compile step. */
const PERMISSIONS: Readonly<Record<"hub" | "agent", readonly string[]>> = {
  hub: ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys=hostname"],
  agent: ["--allow-net", "--allow-read", "--allow-write", "--allow-env", "--allow-sys=hostname"],
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
  const command = new Command("compile").argument("<program>", "hub or agent")
    .option("--target <triple>", `one of ${TARGETS.join(", ")}`, Deno.build.target)
    .option("--output <file>", "where the program goes");
  command.parse(args, { from: "user" });
  const program = command.args[0];
  const { target, output } = command.opts<{ target: string; output?: string }>();
  if (program !== "hub" && program !== "agent") {
    command.error(`error: Unknown program "${program}": want hub or agent`);
  }
  if (!(TARGETS as readonly string[]).includes(target)) {
    command.error(
      `error: No base binary for target "${target}": want one of ${TARGETS.join(", ")}`,
    );
  }
  const file = output ?? `_output/${target}/clusternet-${program}`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      "--frozen",
      "--no-check",
      "--no-prompt",
      `--v8-flags=${V8_FLAGS}`,
      ...PERMISSIONS[program as "hub" | "agent"],
      "--target",
      target,
      "--output",
      file,
      `${program}/main.ts`,
    ],
    stdout: "inherit",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stderr);
  await Deno.stderr.write(new TextEncoder().encode(success ? text : `${explain(text, target)}\n`));
  return success ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
