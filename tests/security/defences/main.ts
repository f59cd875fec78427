/**
 * `deno task defences [case...]`: shows that each abuse case can fail. For each defence a copy of
 * the checkout is made without it, the case runs there against the real clusters, and has to fail.
 *
 * @module
 */
import { Command } from "commander";
import { join } from "node:path";
import { ROOT } from "../../e2e/programs.ts";
import type { Defence } from "./defence.ts";
import { IDENTITY_DEFENCES } from "./identity.ts";
import { PROTOCOL_DEFENCES } from "./protocol.ts";

/** All of them, by case. */
export const DEFENCES: readonly Defence[] = [...IDENTITY_DEFENCES, ...PROTOCOL_DEFENCES]
  .toSorted((a, b) => a.case - b.case);

/** What the tests need of a checkout. */
const PARTS = ["deno.json", "deno.lock", "shared", "hub", "agent", "cli", "deploy", "tests"];
const RUN_MS = 240_000;

async function copyTree(to: string): Promise<void> {
  const { success } = await new Deno.Command("cp", {
    args: ["-r", ...PARTS.map((part) => join(ROOT, part)), to],
  }).output();
  if (!success) throw new Error(`Cannot copy the checkout to ${to}`);
}

/** @returns the text without the defence. @throws when it does not stand there exactly once */
export function without({ file, find, replace }: Defence, text: string): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`${file} holds the defence ${parts.length - 1} times: want once: ${find}`);
  }
  return parts.join(replace);
}

/** Runs the case where the defence is missing. @returns whether it failed, and its last words */
async function seenToFail(defence: Defence): Promise<{ failed: boolean; said: string }> {
  const dir = await Deno.makeTempDir({ prefix: "defence-" });
  try {
    await copyTree(dir);
    const path = join(dir, defence.file);
    await Deno.writeTextFile(path, without(defence, await Deno.readTextFile(path)));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", defence.test],
      cwd: dir,
      env: { CASE: String(defence.case), NO_COLOR: "1" },
      signal: AbortSignal.timeout(RUN_MS),
    }).output();
    const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    // It must be the case that fails, not the start of the clusters
    const failed = !success &&
      new RegExp(`^.* \\.\\.\\. ${defence.case}\\. .* => `, "m").test(text);
    const error = /^error: (.*(?:\n(?! {4}at).*){0,2})/m.exec(text)?.[1] ?? "";
    return { failed, said: (failed ? error : text.slice(-2000)).slice(0, 2000) };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function main(args: string[]): Promise<number> {
  const command = new Command("defences").argument("[case...]", "numbers; all when left out");
  command.parse(args, { from: "user" });
  const wanted = new Set(command.args.map(Number));
  const chosen = DEFENCES.filter((one) => wanted.size === 0 || wanted.has(one.case));
  let bad = 0;
  for (const defence of chosen) {
    const { failed, said } = await seenToFail(defence);
    if (!failed) bad++;
    const verdict = failed ? "fails without it" : "STILL PASSES";
    await Deno.stdout.write(new TextEncoder().encode(
      `${String(defence.case).padStart(2)} ${verdict}: ${defence.file}: ${defence.removes}\n` +
        `     ${said.replaceAll("\n", "\n     ")}\n`,
    ));
  }
  return bad === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
