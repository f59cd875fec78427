/**
 * Reads what the tasks, the images and the compiled programs may do, and what they did.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../e2e/programs.ts";

/** One kind of permission in a set of deno.json: all of it, none, or a list. */
export type Grant = boolean | readonly string[] | {
  readonly allow?: boolean | readonly string[];
  readonly deny?: boolean | readonly string[];
  readonly ignore?: boolean | readonly string[];
};

/** The kinds that a set must speak of. */
export const KINDS = ["net", "read", "write", "env", "sys", "run", "ffi"] as const;

/** A permission set of deno.json. */
export type PermissionSet = Readonly<Partial<Record<typeof KINDS[number], Grant>>>;

/** All sets, by name. */
export const SETS: Readonly<Record<string, PermissionSet>> = config.permissions;

/** @returns what a grant lists; `true` for all of a kind */
export function listed(
  grant: Grant | undefined,
  part: "allow" | "deny" | "ignore" = "allow",
): true | readonly string[] {
  const value = typeof grant === "object" && "allow" in grant
    ? (grant as Exclude<Grant, boolean | readonly string[]>)[part]
    : part === "allow"
    ? grant as boolean | readonly string[] | undefined
    : undefined;
  return value === true ? true : Array.isArray(value) ? value : [];
}

/** An image's program: the words after `deno`, and the environment that its Dockerfile sets. */
export interface ImageCommand {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Reads the last stage of a Dockerfile. */
export async function imageCommand(program: "hub" | "agent"): Promise<ImageCommand> {
  const text = await Deno.readTextFile(`${ROOT}Dockerfile.${program}`);
  const stage = text.slice(text.lastIndexOf("\nFROM ")).replaceAll("\\\n", " ");
  const words = JSON.parse(/^ENTRYPOINT (\[.*\])$/m.exec(stage)![1]!) as string[];
  const pairs = /^ENV (.*)$/m.exec(stage)![1]!.split(" ").map((pair) => pair.split("="));
  return {
    words: words.slice(words.indexOf("/bin/deno") + 1),
    env: Object.fromEntries(pairs),
  };
}

/** One use of a permission. */
export interface Use {
  readonly permission: string;
  readonly value: string;
}

/** Reads what `DENO_AUDIT_PERMISSIONS` wrote; each use once. */
export async function readAudit(path: string): Promise<Use[]> {
  const lines = (await Deno.readTextFile(path)).split("\n");
  lines.pop(); // Empty, or cut off when the program was killed
  const uses = new Map<string, Use>();
  for (const line of lines) {
    const { permission, value } = JSON.parse(line) as { permission: string; value: unknown };
    const use = { permission, value: String(value) };
    uses.set(`${permission} ${use.value}`, use);
  }
  return [...uses.values()];
}

/** What was tried from inside, and how it ended: `ok` or the error's name. */
export type Probed = Readonly<Record<string, string>>;

/**
 * Runs `permissions_probe.ts` with the words of a program.
 *
 * @param words after `deno`, the program's file last
 * @param dirs one that may be written, one that may not
 */
export async function probe(
  words: readonly string[],
  dirs: readonly [string, string],
): Promise<Probed> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...words.slice(0, -1), "tests/security/permissions_probe.ts", ...dirs],
    cwd: ROOT,
    clearEnv: true,
    env: { ...processEnv(), SECRET_OF_OTHERS: "x" },
  }).output();
  try {
    return JSON.parse(new TextDecoder().decode(stdout)) as Probed;
  } catch {
    throw new Error(new TextDecoder().decode(stderr));
  }
}

/** What any Deno needs to find its packages. */
export function processEnv(): Record<string, string> {
  const kept = ["PATH", "HOME", "DENO_DIR"].map((name) => [name, Deno.env.get(name)]);
  return { NO_COLOR: "1", ...Object.fromEntries(kept.filter(([, value]) => value !== undefined)) };
}

/** A directory that is gone after use; its path is short enough for sockets. */
export async function shortDir(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ dir: "/tmp", prefix: "cn-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
