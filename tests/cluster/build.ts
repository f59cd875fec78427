/**
 * Builds etcd, kube-apiserver, kube-controller-manager, kubectl and kwok from Go modules, once,
 * into a cache that survives checkouts. About 8 minutes on 2 cores the first time.
 *
 * @module
 */
import { dirname } from "node:path";
import { messageOf, TestBedError } from "./errors.ts";
import { cacheRoot, moduleDir } from "./paths.ts";
import {
  applyPatches,
  cacheKey,
  goTooOld,
  MIN_GO,
  type Program,
  type ProgramName,
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
  /** The go command. @default {"go"} */
  go?: string;
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

async function programDir(cache: string, program: Program): Promise<string> {
  const files = ["go.mod", "go.sum"].map((file) => `${moduleDir(program.module)}/${file}`);
  const texts = await Promise.all(files.map((path) => Deno.readTextFile(path)));
  return `${cache}/${await cacheKey(program, texts)}`;
}

/**
 * Makes sure that all programs are there, and builds what is not.
 *
 * @returns the path of each
 * @throws {TestBedError} one line that names what to install, or the compiler's words
 */
export async function ensurePrograms(options: BuildOptions = {}): Promise<Programs> {
  const { progress = toStderr, cache = cacheRoot(), go = "go" } = options;
  const assets = "assets" in options
    ? options.assets
    : Deno.env.get("KUBEBUILDER_ASSETS") || undefined;
  const { given, build } = splitByAssets(assets, isFile);
  const built = await Promise.all(build.map(async (program) => {
    return { program, path: `${await programDir(cache, program)}/${program.name}` };
  }));
  const missing = (): typeof built => built.filter(({ path }) => !isFile(path));
  const paths = Object.fromEntries([
    ...given,
    ...built.map(({ program, path }) => [program.name, path]),
  ]) as Programs;
  if (missing().length === 0) return paths;

  await checkGo(go);
  await Deno.mkdir(cache, { recursive: true });
  using lock = await Deno.open(`${cache}/build.lock`, { create: true, write: true });
  await takeLock(lock, progress);
  const todo = missing(); // another process may have built them while we waited
  if (todo.length > 2) {
    progress("Building the test clusters' programs, once; on 2 cores this takes about 8 minutes");
  }
  for (const [index, { program, path }] of todo.entries()) {
    const what = `[${index + 1}/${todo.length}] ${program.name}`;
    await buildProgram(new Go(go, program), path, what, progress);
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

async function checkGo(command: string): Promise<void> {
  let text: string;
  try {
    // In the module's directory the go command says which toolchain it would use there.
    const { stdout, stderr } = await new Deno.Command(command, {
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
  go: Go,
  path: string,
  what: string,
  progress: (line: string) => void,
): Promise<void> {
  const { program } = go;
  const dir = dirname(path);
  await Deno.mkdir(dir, { recursive: true });
  for await (const { name } of Deno.readDir(dir)) { // of a build that was killed: we hold the lock
    if (name.startsWith(".build-")) await Deno.remove(`${dir}/${name}`, { recursive: true });
  }
  const partial = await Deno.makeTempDir({ dir, prefix: ".build-" });
  const started = performance.now();
  const seconds = (): string => `${Math.round((performance.now() - started) / 1000)} s`;
  progress(`${what}: go build ${program.package}`);
  const timer = setInterval(() => progress(`${what}: building, ${seconds()}`), 10_000);
  try {
    const modfile = await patchedModule(go, partial);
    await go.run([
      "build",
      "-mod=readonly",
      "-trimpath",
      "-buildvcs=false",
      ...modfile,
      "-ldflags",
      program.ldflags,
      "-o",
      `${partial}/program`,
      program.package,
    ]);
    await Deno.rename(`${partial}/program`, path);
    progress(`${what}: done after ${seconds()}`);
  } finally {
    clearInterval(timer);
    await Deno.remove(partial, { recursive: true });
  }
}

/** The go command, in the module of one program. */
class Go {
  readonly program: Program;
  readonly #command: string;

  constructor(command: string, program: Program) {
    this.#command = command;
    this.program = program;
  }

  /** @returns its standard output; throws the last lines of its standard error */
  async run(args: string[]): Promise<string> {
    const cwd = moduleDir(this.program.module);
    const { success, stdout, stderr } = await new Deno.Command(this.#command, {
      args,
      cwd,
      env: { CGO_ENABLED: "0", GOWORK: "off" },
    }).output();
    if (success) return new TextDecoder().decode(stdout).trim();
    const words = new TextDecoder().decode(stderr).trim().split("\n").slice(-15).join("\n");
    throw new TestBedError(
      `Cannot build ${this.program.name} (go ${args[0]}, in ${cwd}):\n${words}`,
    );
  }
}

/**
 * Copies the modules that a program patches, and writes a go.mod that uses the copies (Go takes
 * no `-overlay` for files in its module cache).
 *
 * @returns the `-modfile` flag; nothing for a program without patches
 */
async function patchedModule(go: Go, dir: string): Promise<string[]> {
  const { program } = go;
  if (program.patches.length === 0) return [];
  const source = moduleDir(program.module);
  const modfile = `${dir}/go.mod`;
  await Deno.copyFile(`${source}/go.mod`, modfile);
  await Deno.copyFile(`${source}/go.sum`, `${dir}/go.sum`);
  for (const [module, patches] of Map.groupBy(program.patches, (patch) => patch.module)) {
    await go.run(["mod", "download", module]);
    const root = await go.run(["list", "-m", "-f", "{{.Dir}}", module]);
    const copy = `${dir}/${module.replaceAll("/", "_")}`;
    await copyTree(root, copy);
    for (const [file, ofFile] of Map.groupBy(patches, (patch) => patch.file)) {
      const path = `${copy}/${file}`;
      try {
        await Deno.writeTextFile(path, applyPatches(await Deno.readTextFile(path), ofFile));
      } catch (error) {
        throw new TestBedError(`Cannot patch ${module}: ${messageOf(error)}`);
      }
    }
    await go.run(["mod", "edit", `-replace=${module}=${copy}`, modfile]);
  }
  return [`-modfile=${modfile}`];
}

/** The module cache is read-only; the copy is not. */
async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    if (entry.isDirectory) await copyTree(`${from}/${entry.name}`, `${to}/${entry.name}`);
    else if (entry.isFile) {
      await Deno.writeFile(`${to}/${entry.name}`, await Deno.readFile(`${from}/${entry.name}`));
    }
  }
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
