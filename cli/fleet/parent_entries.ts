/**
 * The kubeconfig entries by which the parent was reached: what a child's context is made of.
 *
 * @module
 */
import { delimiter, isAbsolute, join } from "node:path";
import {
  type KubeConfigFile,
  type NamedCluster,
  type NamedUser,
  readKubeConfigFile,
} from "../../shared/kube/kubeconfig_file.ts";
import { type CliContext, CliError, type Connected, type ConnectOptions } from "../context.ts";

/** See the module text. */
export interface ParentEntries {
  /** All files that count, in kubectl's order: the first to say something wins. */
  files: readonly KubeConfigFile[];
  /** The one that holds the parent's context. */
  file: KubeConfigFile;
  /** The parent's context. */
  contextName: string;
  /** Its cluster; relative paths in it start at `dir`. */
  cluster: NamedCluster & { dir: string };
  /** Its user, where it has one; relative paths in it start at `dir`. */
  user: (NamedUser & { dir: string; name: string }) | undefined;
}

/** The files that kubectl would read. */
function pathsOf(context: CliContext, parent: Connected, options: ConnectOptions): string[] {
  const { kubeconfigPath } = parent;
  if (options.kubeconfig !== undefined) return [options.kubeconfig];
  const listed = (context.env.KUBECONFIG ?? "").split(delimiter).filter((path) => path !== "");
  const counts = listed.includes(kubeconfigPath) || context.env.KUBECONFIG === kubeconfigPath;
  return counts ? [...new Set(listed)] : [kubeconfigPath];
}

function isMissing(error: unknown): boolean {
  const { cause } = error as { cause?: unknown };
  return cause instanceof Deno.errors.NotFound ||
    (cause as { code?: unknown } | undefined)?.code === "ENOENT";
}

/**
 * Reads the entries.
 *
 * @param options as the parent was connected to
 * @returns the entries as they stand in the files, credentials included
 * @throws {KubeConfigError} a file cannot be read or is no kubeconfig; {CliError} an entry is
 * missing
 */
export async function parentEntries(
  context: CliContext,
  parent: Connected,
  options: ConnectOptions,
): Promise<ParentEntries> {
  const files: KubeConfigFile[] = [];
  const paths = pathsOf(context, parent, options);
  for (const path of paths) {
    try {
      files.push(await readKubeConfigFile(path, (file) => context.readTextFile(file)));
    } catch (error) {
      if (paths.length === 1 || !isMissing(error)) throw error; // As kubectl: a listed file may lack
    }
  }
  const { contextName } = parent;
  const file = files.find(({ contexts }) => contexts?.some(({ name }) => name === contextName));
  const named = file?.contexts?.find(({ name }) => name === contextName)?.context;
  const cluster = entry(files, (one) => one.clusters, named?.cluster);
  if (file === undefined || cluster === undefined) {
    throw new CliError(
      `The kubeconfig ${paths.join(delimiter)} has no complete context "${contextName}". Next: ` +
        "`kubectl config get-contexts` lists them; choose one with --context",
    );
  }
  const user = entry(files, (one) => one.users, named?.user);
  return {
    files,
    file,
    contextName,
    cluster,
    user: user === undefined ? undefined : { ...user, name: named!.user! },
  };
}

function entry<T extends { name?: string }>(
  files: readonly KubeConfigFile[],
  pick: (file: KubeConfigFile) => T[] | undefined | null,
  name: string | undefined,
): T & { dir: string } | undefined {
  if (!name) return undefined;
  for (const file of files) {
    const found = pick(file)?.find((one) => one.name === name);
    if (found !== undefined) return { ...found, dir: file.dir };
  }
  return undefined;
}

/**
 * A path of a kubeconfig wherever it is written next.
 *
 * @returns the absolute path
 */
export function absolutePath(dir: string, path: string): string {
  return isAbsolute(path) ? path : join(dir, path);
}

/**
 * The `cluster` of a child: the parent's with another server.
 *
 * @param server of the child
 * @param dir where relative paths start in the file that it is written to
 * @returns a new object for a kubeconfig
 */
export function childClusterEntry(
  { cluster = {}, dir: from }: ParentEntries["cluster"],
  server: string,
  dir: string,
): NonNullable<NamedCluster["cluster"]> {
  const ca = cluster["certificate-authority"];
  return {
    ...cluster,
    ...(ca && from !== dir ? { "certificate-authority": absolutePath(from, ca) } : {}),
    server,
  };
}
