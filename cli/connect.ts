/**
 * The real {@linkcode CliContext}: this terminal, this machine, and kubeconfigs.
 *
 * @module
 */
import { KubeClient } from "../shared/kube/client.ts";
import { KubeConfigError, readKubeConfigFile } from "../shared/kube/kubeconfig_file.ts";
import { loadKubeConfig } from "../shared/kube/kubeconfig.ts";
import { kubeTransport } from "../shared/kube/transport.ts";
import { VERSION } from "../shared/version.ts";
import { type CliContext, CliError, type Connected, type ConnectOptions } from "./context.ts";
import { attachProgram, captureProgram } from "./run_program.ts";

/** What {@linkcode createContext} is handed. */
export interface ContextOptions
  extends Pick<CliContext, "program" | "env" | "signal" | "terminal"> {
  /** Separates paths in `KUBECONFIG`. @default {":"} */
  pathSeparator?: string;
  /** Takes standard output. */
  out: (text: string) => void;
  /** Takes standard error. */
  err: (text: string) => void;
}

/**
 * Makes the context of this machine.
 *
 * @returns the context
 */
export function createContext(options: ContextOptions): CliContext {
  const { env, signal } = options;
  const readTextFile = (path: string): Promise<string> => Deno.readTextFile(path);
  return {
    program: options.program,
    out: options.out,
    err: options.err,
    terminal: options.terminal,
    env,
    signal,
    now: () => Date.now(),
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
    readTextFile,
    writeTextFile: replaceFile,
    connect: (asked) =>
      connect(asked, { env, readTextFile, pathSeparator: options.pathSeparator ?? ":" }),
    capture: (program, args, more) => captureProgram(program, args, { env: more, signal }),
    attach: (program, args, more) => attachProgram(program, args, { env: more, signal }),
  };
}

/** What {@linkcode connect} needs of the machine. */
export interface ConnectMachine extends Pick<CliContext, "env" | "readTextFile"> {
  /** Separates paths in `KUBECONFIG`. */
  pathSeparator: string;
}

/**
 * Connects as kubectl would: `--kubeconfig`, else the files of `KUBECONFIG` that are there, else
 * `~/.kube/config`. Nothing is asked yet.
 *
 * @throws {CliError} when there is no kubeconfig; {KubeConfigError} when it cannot be used
 */
export async function connect(
  options: ConnectOptions,
  machine: ConnectMachine,
): Promise<Connected> {
  const { readTextFile } = machine;
  const paths = await kubeconfigPaths(options, machine);
  const files = [];
  for (const path of paths) files.push(await readKubeConfigFile(path, readTextFile));
  const contextName = options.context ||
    files.find((file) => file["current-context"])?.["current-context"];
  if (!contextName) {
    throw new CliError(
      `Cannot tell which cluster is meant: ${
        paths.join(", ")
      } has no current-context; name one with ` +
        "--context (kubectl config get-contexts shows them)",
    );
  }
  const known = files.flatMap(({ contexts }) => contexts ?? []).map(({ name }) => name);
  if (!known.includes(contextName)) {
    throw new CliError(
      `There is no context "${contextName}" in ${paths.join(", ")}: it has ${
        known.length === 0 ? "none" : known.slice(0, 10).map((name) => `"${name}"`).join(", ")
      }`,
    );
  }
  const kubeconfigPath =
    files.find(({ contexts }) => contexts?.some(({ name }) => name === contextName))?.path ??
      paths[0]!;
  const config = await loadKubeConfig({ path: paths, context: contextName, readTextFile });
  const connection = kubeTransport(config);
  return {
    client: new KubeClient({
      transport: connection.transport,
      userAgent: `clusternet-ctl/${VERSION}`,
    }),
    config,
    kubeconfigPath,
    contextName,
    [Symbol.dispose]: () => connection.close(),
  };
}

/** As client-go's loading rules: files of the list that do not exist are passed over. */
async function kubeconfigPaths(
  { kubeconfig }: ConnectOptions,
  { env, readTextFile, pathSeparator }: ConnectMachine,
): Promise<string[]> {
  if (kubeconfig !== undefined && kubeconfig !== "") return [kubeconfig];
  const home = env.HOME ?? env.USERPROFILE;
  const listed = (env.KUBECONFIG ?? "").split(pathSeparator).filter((path) => path !== "");
  const wanted = listed.length > 0 ? [...new Set(listed)] : home ? [`${home}/.kube/config`] : [];
  const found: string[] = [];
  for (const path of wanted) {
    try {
      await readTextFile(path);
      found.push(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw new KubeConfigError(`Cannot read the kubeconfig "${path}": ${String(error)}`, {
        cause: error,
      });
    }
  }
  if (found.length > 0) return found;
  const own = await standaloneKubeconfig(env, readTextFile);
  throw new CliError(
    `There is no kubeconfig (${
      wanted.join(", ") || "HOME is not set"
    }): say which cluster is meant ` +
      "with --kubeconfig FILE or env KUBECONFIG" +
      (own === undefined ? "" : `; that of this machine's standalone hub is ${own}`),
  );
}

/** @returns where a standalone hub of this user writes the administrator's, if there is one */
async function standaloneKubeconfig(
  env: ConnectMachine["env"],
  readTextFile: ConnectMachine["readTextFile"],
): Promise<string | undefined> {
  const data = env.XDG_DATA_HOME || (env.HOME ? `${env.HOME}/.local/share` : undefined);
  if (data === undefined) return undefined;
  const path = `${data}/clusternet-hub/admin.kubeconfig`;
  return await readTextFile(path).then(() => path, () => undefined);
}

/** Writes a file beside its place and moves it there; a link stays a link. */
async function replaceFile(
  path: string,
  text: string,
  options: { mode?: number } = {},
): Promise<void> {
  let place = path;
  let mode = options.mode;
  try {
    place = await Deno.realPath(path);
    mode ??= (await Deno.stat(place)).mode ?? undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const temporary = `${place}.${crypto.randomUUID()}.tmp`;
  try {
    const file = await Deno.open(temporary, {
      write: true,
      createNew: true,
      mode: (mode ?? 0o600) & 0o777,
    });
    try {
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
      await file.sync();
    } finally {
      file.close();
    }
    await Deno.rename(temporary, place);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
