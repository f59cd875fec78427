/**
 * Builds etcd, kube-apiserver, kube-controller-manager, kubectl and kwok from Go modules, once,
 * into a cache that survives checkouts. About 8 minutes on 2 cores the first time.
 *
 * @module
 */
import { messageOf, TestBedError } from "./errors.ts";
import { cacheRoot, moduleDir } from "./paths.ts";
import {
  applyPatches,
  cacheKey,
  goTooOld,
  MIN_GO,
  type Program,
  type ProgramName,
  PROGRAMS,
  splitByAssets,
} from "./programs.ts";

/** Where each program is. */
export type Programs = Readonly<Record<ProgramName, string>>;

/** Options of {@linkcode ensurePrograms}. */
export interface BuildOptions {
  /** Takes progress lines. @default {writes to standard error} */
  progress?: (line: string) => void;
  /** Where the cache lies. @default {`~/.cache/clusternet-testbed`} */
  cache?: string;
  /** Directory with ready programs. @default {$KUBEBUILDER_ASSETS} */
  assets?: string | undefined;
}

const NEED_GO = `needs Go ${MIN_GO.join(".")} or newer: install package golang-go ` +
  `(Debian: apt-get install golang-go; macOS: brew install go; or https://go.dev/dl)`;

function toStderr(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

async function moduleFiles(): Promise<string[]> {
  const modules = [...new Set(PROGRAMS.map(({ module }) => module))].sort();
  const paths = modules.flatMap((module) =>
    ["go.mod", "go.sum"].map((file) => `${moduleDir(module)}/${file}`)
  );
  return await Promise.all(paths.map((path) => Deno.readTextFile(path)));
}

/**
 * Makes sure that all programs are there, and builds what is not.
 *
 * @returns the path of each
 * @throws {TestBedError} one line that names what to install, or the compiler's words
 */
export async function ensurePrograms(options: BuildOptions = {}): Promise<Programs> {
  const { progress = toStderr, cache = cacheRoot() } = options;
  const assets = "assets" in options
    ? options.assets
    : Deno.env.get("KUBEBUILDER_ASSETS") || undefined;
  const { given, build } = splitByAssets(assets, isFile);
  const dir = `${cache}/${await cacheKey(await moduleFiles())}`;
  const paths = Object.fromEntries([
    ...given,
    ...build.map(({ name }) => [name, `${dir}/${name}`]),
  ]) as Programs;
  const missing = (): Program[] => build.filter(({ name }) => !isFile(paths[name]));
  if (missing().length === 0) return paths;

  await checkGo();
  await Deno.mkdir(dir, { recursive: true });
  using lock = await Deno.open(`${dir}.lock`, { create: true, write: true });
  await takeLock(lock, progress);
  const todo = missing(); // another process may have built them while we waited
  if (todo.length > 2) {
    progress("Building the test clusters' programs, once; on 2 cores this takes about 8 minutes");
  }
  for (const [index, program] of todo.entries()) {
    const what = `[${index + 1}/${todo.length}] ${program.name}`;
    await buildProgram(program, dir, what, progress);
  }
  return paths;
}

async function takeLock(lock: Deno.FsFile, progress: (line: string) => void): Promise<void> {
  for (let waited = 0; !await lock.tryLock(true); waited++) {
    if (waited % 20 === 0) {
      progress(`Another process builds the programs: waiting (${waited / 2} s)`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

async function checkGo(): Promise<void> {
  let text: string;
  try {
    // In the module's directory the go command says which toolchain it would use there.
    const { stdout, stderr } = await new Deno.Command("go", {
      args: ["version"],
      cwd: moduleDir("kube"),
      env: { GOWORK: "off" },
    }).output();
    text = new TextDecoder().decode(stdout) || new TextDecoder().decode(stderr);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new TestBedError(`Building the test clusters ${NEED_GO}`);
  }
  const wrong = goTooOld(text);
  if (wrong !== undefined) {
    throw new TestBedError(
      `Building the test clusters ${NEED_GO}; the go on PATH will not do: ${wrong}`,
    );
  }
}

/** Builds one program and puts it in place by rename, so that nobody ever sees half of it. */
async function buildProgram(
  program: Program,
  dir: string,
  what: string,
  progress: (line: string) => void,
): Promise<void> {
  const partial = await Deno.makeTempDir({ dir, prefix: `.${program.name}-` });
  const started = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
  progress(`${what}: go build ${program.package}`);
  const timer = setInterval(() => progress(`${what}: building, ${seconds()}`), 10_000);
  try {
    const overlay = await writeOverlay(program, partial);
    await go(program.module, [
      "build",
      "-mod=readonly",
      "-trimpath",
      "-buildvcs=false",
      ...overlay,
      "-ldflags",
      program.ldflags,
      "-o",
      `${partial}/${program.name}`,
      program.package,
    ], program.name);
    await Deno.rename(`${partial}/${program.name}`, `${dir}/${program.name}`);
    progress(`${what}: done after ${seconds()}`);
  } finally {
    clearInterval(timer);
    await Deno.remove(partial, { recursive: true });
  }
}

async function go(module: string, args: string[], name: string): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("go", {
    args,
    cwd: moduleDir(module),
    env: { CGO_ENABLED: "0", GOWORK: "off" },
  }).output();
  if (!success) {
    const words = new TextDecoder().decode(stderr).trim().split("\n").slice(-15).join("\n");
    throw new TestBedError(
      `Cannot build ${name} (go ${args[0]}, in ${moduleDir(module)}):\n${words}`,
    );
  }
  return new TextDecoder().decode(stdout).trim();
}

/** @returns the `-overlay` flag for a program with patches, else nothing */
async function writeOverlay(program: Program, dir: string): Promise<string[]> {
  if (program.patches.length === 0) return [];
  const replace: Record<string, string> = {};
  const files = Map.groupBy(program.patches, ({ module, file }) => `${module}\n${file}`);
  for (const [index, patches] of [...files.values()].entries()) {
    const { module, file } = patches[0]!;
    await go(program.module, ["mod", "download", module], program.name);
    const root = await go(program.module, ["list", "-m", "-f", "{{.Dir}}", module], program.name);
    const copy = `${dir}/patched-${index}.go`;
    try {
      const text = await Deno.readTextFile(`${root}/${file}`);
      await Deno.writeTextFile(copy, applyPatches(text, patches));
    } catch (error) {
      throw new TestBedError(`Cannot patch ${module}: ${messageOf(error)}`);
    }
    replace[`${root}/${file}`] = copy;
  }
  const overlay = `${dir}/overlay.json`;
  await Deno.writeTextFile(overlay, JSON.stringify({ Replace: replace }));
  return ["-overlay", overlay];
}

if (import.meta.main) {
  try {
    const programs = await ensurePrograms();
    for (const path of Object.values(programs)) {
      Deno.stdout.writeSync(new TextEncoder().encode(`${path}\n`));
    }
  } catch (error) {
    toStderr(messageOf(error));
    Deno.exit(1);
  }
}
