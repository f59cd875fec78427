/**
 * The stock kubectl on a child: its kubeconfig is a small file with the child's address alone, read
 * before the user's own files, where kubectl finds the credentials by name. So no secret is copied,
 * and nothing stands on the command line that kubectl's plugins would stumble over.
 *
 * @module
 */
import { delimiter, join } from "node:path";
import { stringify } from "yaml";
import { type CliContext, CliError } from "../context.ts";
import { childClusterEntry, type ParentEntries } from "./parent_entries.ts";
import { childServer } from "./state.ts";

/** How kubectl is pointed at one child. */
export type KubectlEnv = { KUBECONFIG: string };

/** A directory for kubeconfigs, gone after use. */
export class KubectlScratch implements AsyncDisposable {
  #count = 0;

  private constructor(
    readonly context: CliContext,
    readonly entries: ParentEntries,
    readonly dir: string,
  ) {}

  /** Makes the directory; only the user can read it. */
  static async create(context: CliContext, entries: ParentEntries): Promise<KubectlScratch> {
    const dir = await Deno.makeTempDir({ prefix: "kubectl-outreach-" });
    return new KubectlScratch(context, entries, dir);
  }

  /**
   * Points kubectl at a child.
   *
   * @returns environment to be added to kubectl's
   */
  async envFor(clusterId: string): Promise<KubectlEnv> {
    const { context, entries, dir } = this;
    const path = join(dir, `${this.#count++}.yaml`);
    await context.writeTextFile(path, pointer(entries, clusterId, dir), { mode: 0o600 });
    const files = [path, ...entries.files.map((file) => file.path)];
    return { KUBECONFIG: files.join(delimiter) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true }).catch(() => {}); // Nothing in it is secret
  }
}

function pointer(entries: ParentEntries, clusterId: string, dir: string): string {
  const name = `outreach:${clusterId}`; // Unlike any name in the user's files
  const server = childServer(entries.cluster.cluster?.server ?? "", clusterId);
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: childClusterEntry(entries.cluster, server, dir) }],
    contexts: [{
      name,
      context: {
        cluster: name,
        ...(entries.user === undefined ? {} : { user: entries.user.name }),
      },
    }],
    "current-context": name,
  }, { lineWidth: 0, aliasDuplicateObjects: false });
}

/** The program that is run; it is looked for on `PATH`. */
export const KUBECTL = "kubectl";

/**
 * Explains why kubectl could not be run.
 *
 * @returns the error to throw
 */
export function kubectlFault(error: unknown): unknown {
  const code = (error as { code?: unknown } | null)?.code;
  if (!(error instanceof Deno.errors.NotFound) && code !== "ENOENT") return error;
  return new CliError(
    "There is no kubectl on your PATH. Next: install it (https://kubernetes.io/docs/tasks/tools/, " +
      "or your package manager), within one minor version of the clusters'",
    1,
    { cause: error },
  );
}
