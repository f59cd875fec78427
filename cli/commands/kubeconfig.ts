/**
 * `kubeconfig`: contexts for clusters, for every tool that reads a kubeconfig.
 *
 * @module
 */
import { shellWord } from "../../shared/shell_word.ts";
import { Command } from "commander";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { readKubeConfigFile } from "../../shared/kube/kubeconfig_file.ts";
import { type CliContext, CliError, type Connected } from "../context.ts";
import { findCluster, listClusters, uniqueNames } from "../fleet/clusters.ts";
import {
  connectOptionsOf,
  withConnectOptions,
  withExamples,
  withParent,
} from "../fleet/options.ts";
import { childClusterEntry, type ParentEntries, parentEntries } from "../fleet/parent_entries.ts";
import { childServer } from "../fleet/state.ts";
import { flatKubeconfig, isOwnFile } from "./kubeconfig/flatten.ts";
import { type ChildContext, mergeContexts, setCurrentContext } from "./kubeconfig/merge.ts";

interface Flags {
  all?: boolean;
  merge?: boolean;
  output?: string;
  name?: string;
  namespace?: string;
  use?: boolean;
}

function checkUsage(wanted: string | undefined, flags: Flags): void {
  const wrong = wanted === undefined && !flags.all
    ? "Name a cluster, or give --all"
    : wanted !== undefined && flags.all
    ? "Give a cluster or --all, not both"
    : flags.all && flags.name !== undefined
    ? "--name is for one cluster: with --all each context is named after its cluster"
    : flags.all && flags.use
    ? "--use is for one cluster"
    : flags.merge && flags.output !== undefined
    ? "--merge writes into the kubeconfig that is in use, --output into a file of its own: give one"
    : flags.use && !flags.merge
    ? "--use goes with --merge; in a file of its own the context is the current one"
    : undefined;
  if (wrong !== undefined) throw new CliError(`${wrong}. Next: see --help`, 2);
}

async function wantedClusters(
  context: CliContext,
  parent: Connected,
  wanted: string | undefined,
): Promise<Map<ManagedCluster, string>> {
  const clusters = await listClusters(context, parent.client);
  const names = uniqueNames(clusters);
  if (wanted === undefined) {
    if (clusters.length > 0) return names;
    throw new CliError(
      `No clusters are registered. Next: \`${context.program} token create --print-join-command\` ` +
        "prints the command that joins one",
    );
  }
  const cluster = findCluster(context, clusters, wanted);
  return new Map([[cluster, names.get(cluster)!]]);
}

function childContexts(
  clusters: Map<ManagedCluster, string>,
  entries: ParentEntries,
  flags: Flags,
): ChildContext[] {
  const parentServer = entries.cluster.cluster?.server ?? "";
  return [...clusters].map(([{ spec }, name]) => ({
    name: flags.name ?? name,
    cluster: childClusterEntry(
      entries.cluster,
      childServer(parentServer, spec.clusterId),
      flags.merge ? entries.file.dir : entries.cluster.dir,
    ),
    user: entries.user?.name,
    namespace: flags.namespace,
  }));
}

async function merge(
  context: CliContext,
  entries: ParentEntries,
  children: readonly ChildContext[],
  use: boolean,
): Promise<void> {
  const { path } = entries.file;
  const before = await context.readTextFile(path);
  const { text, added, changed, refused } = mergeContexts(before, path, children);
  const name = children[0]!.name;
  // kubectl goes by the first file that names one
  const holder = entries.files.find((file) => file["current-context"])?.path ?? path;
  const useHere = use && holder === path && refused.length === 0;
  const after = useHere ? setCurrentContext(text, path, name) : text;
  if (after !== before) await context.writeTextFile(path, after);
  for (const one of added) context.err(`context "${one}" added to ${path}\n`);
  for (const one of changed) context.err(`context "${one}" in ${path} brought up to date\n`);
  const same = children.length - added.length - changed.length - refused.length;
  if (same > 0) {
    context.err(`${same === 1 ? "1 context was" : `${same} contexts were`} there already\n`);
  }
  for (const one of refused) context.err(`context "${one.name}" left out: ${one.why}\n`);
  if (refused.length > 0) {
    throw new CliError(
      "Some names are taken. Next: choose another with --name (one cluster at a time), or remove " +
        "the old one with `kubectl config delete-context` and `delete-cluster`",
    );
  }
  if (use && holder !== path) {
    const text = await context.readTextFile(holder);
    await context.writeTextFile(holder, setCurrentContext(text, holder, name));
  }
  context.err(
    use
      ? "Next: `kubectl get nodes`\n"
      : `Next: \`kubectl --context=${shellWord(name)} get nodes\`\n`,
  );
}

/** A kubeconfig that somebody else wrote is not overwritten. */
async function checkOutput(context: CliContext, path: string): Promise<void> {
  let text: string;
  try {
    text = await context.readTextFile(path);
  } catch {
    return; // There is none, or writing will say what is wrong
  }
  if (text.trim() === "") return;
  const own = await readKubeConfigFile(path, () => Promise.resolve(text))
    .then((file) => isOwnFile(file.clusters), () => false);
  if (own) return;
  throw new CliError(
    `${path} exists and holds something else. Next: give --output another file, or use --merge`,
  );
}

/**
 * Makes the command.
 *
 * @returns `kubeconfig`
 */
export function kubeconfigCommand(context: CliContext): Command {
  const command = withConnectOptions(new Command("kubeconfig"))
    .summary("make a kubeconfig context of a cluster")
    .description(
      "Makes a context whose server is the cluster, reached through the parent as the user that " +
        "you are there. kubectl, kubectx, k9s, Headlamp and every other tool that reads a " +
        "kubeconfig then work on it with no plugin. With --merge the context refers to the " +
        "parent's user entry, so no secret is copied; without, a kubeconfig with a copy of your " +
        "credentials goes to standard output.",
    )
    .argument("[cluster]", "its name, its id, or namespace/name")
    .option("--all", "every registered cluster")
    .option("--merge", "write into the kubeconfig in use")
    .option("--output <file>", "write a kubeconfig of its own into this file (mode 0600)")
    .option("--name <context>", "name of the context (default: the cluster's)")
    .option("-n, --namespace <namespace>", "default namespace of the context")
    .option("--use", "with --merge: make it the current context");
  withExamples(command, context, [
    ["Use a cluster with plain kubectl from now on", "kubeconfig edge-1 --merge --use"],
    ["Contexts for all clusters", "kubeconfig --all --merge"],
    ["A file for another tool", "kubeconfig edge-1 --output edge-1.kubeconfig"],
  ]);
  return command.action(async (wanted: string | undefined, flags: Flags) => {
    checkUsage(wanted, flags);
    await withParent(context, command, async (parent) => {
      const clusters = await wantedClusters(context, parent, wanted);
      const entries = await parentEntries(context, parent, connectOptionsOf(command));
      const children = childContexts(clusters, entries, flags);
      if (flags.merge) return await merge(context, entries, children, flags.use ?? false);
      if (flags.output !== undefined) await checkOutput(context, flags.output);
      const current = flags.all ? undefined : children[0]!.name;
      const text = await flatKubeconfig(context, entries, children, current);
      if (flags.output === undefined) {
        context.out(text);
        context.err("It holds your credentials for the parent: keep it secret\n");
        return;
      }
      await context.writeTextFile(flags.output, text, { mode: 0o600 });
      const choose = current === undefined ? ` --context=${shellWord(children[0]!.name)}` : "";
      context.err(
        `${flags.output} written; it holds your credentials for the parent. Next: ` +
          `\`kubectl --kubeconfig=${shellWord(flags.output)}${choose} get nodes\`\n`,
      );
    });
  });
}
