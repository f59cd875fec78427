/**
 * `each`: the same kubectl command on every cluster.
 *
 * @module
 */
import { shellWord } from "../../shared/shell_word.ts";
import { Command } from "commander";
import { duration, integer } from "../../shared/flags.ts";
import { findCondition } from "../../shared/kube/conditions.ts";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { type CliContext, CliError } from "../context.ts";
import { listClusters, uniqueNames } from "../fleet/clusters.ts";
import { KubectlScratch } from "../fleet/kubectl.ts";
import {
  connectOptionsOf,
  withConnectOptions,
  withExamples,
  withParent,
} from "../fleet/options.ts";
import { parentEntries } from "../fleet/parent_entries.ts";
import { isConnected } from "../fleet/state.ts";
import { cell } from "../output/table.ts";
import { readArguments } from "./each/columns.ts";
import { CLUSTER_ANNOTATION, combine, prefixLines } from "./each/combine.ts";
import { Progress } from "./each/progress.ts";
import { type Outcome, runAll } from "./each/run_all.ts";

interface Flags {
  selector?: string;
  parallel: number;
  timeout: number;
  headers: boolean;
}

function skipped(name: string, cluster: ManagedCluster): Outcome {
  const why = findCondition(cluster.status?.conditions, "Connected")?.message;
  const stderr = `skipped, it is not connected${why === undefined ? "" : `: ${cell(why)}`}\n`;
  return { name, stdout: "", stderr, failure: "not connected" };
}

/** How many names a summary lists. */
const MAX_NAMED = 10;

function summary(context: CliContext, outcomes: readonly Outcome[]): void {
  const failed = outcomes.filter(({ failure }) => failure !== undefined);
  if (failed.length === 0) return;
  const names = failed.slice(0, MAX_NAMED).map(({ name, failure }) => `${name} (${failure})`);
  const more = failed.length > MAX_NAMED ? ` and ${failed.length - MAX_NAMED} more` : "";
  throw new CliError(
    `${failed.length} of ${outcomes.length} clusters failed: ${names.join(", ")}${more}. Next: ` +
      `\`${context.program} doctor ${shellWord(failed[0]!.name)}\``,
  );
}

/**
 * Makes the command.
 *
 * @returns `each`
 */
export function eachCommand(context: CliContext): Command {
  const command = withConnectOptions(new Command("each"))
    .summary("run kubectl on all clusters")
    .description(
      "Runs the kubectl that is on your PATH on every connected cluster, some at a time. Tables " +
        "become one with a CLUSTER column. With kubectl's -o json or yaml the objects become one " +
        `List, in which the annotation ${CLUSTER_ANNOTATION} of each object names its cluster. Any ` +
        "other output stands behind the cluster's name. A cluster that fails, or is not connected, " +
        "fails alone; the exit code is 1 then.",
    )
    .argument("<args...>", "after --: what kubectl is given")
    .usage("[options] -- <kubectl's arguments...>")
    .option("-l, --selector <labels>", "only clusters with these labels")
    .option("--parallel <number>", "how many at once", integer(1, 64), 8)
    .option("--timeout <duration>", 'for each cluster, as "30s"', duration)
    .option("--no-headers", "leave the header out");
  withExamples(command, context, [
    ["All nodes", "each -- get nodes"],
    [
      "Pods that do not run, in one region",
      "each -l region=eu -- get pods -A --field-selector " +
      "status.phase!=Running",
    ],
    [
      "For a script",
      "each -- get nodes -o json | jq -r '.items[] | " +
      `.metadata.annotations["${CLUSTER_ANNOTATION}"] + " " + .metadata.name'`,
    ],
  ]);
  return command.action(async (args: string[], flags: Flags) => {
    const wanted = readArguments(args);
    const timeoutMs = flags.timeout ?? 30_000;
    if (wanted.verb === "get" && args.some((arg) => /^(-w|--watch(-only)?(=true)?)$/.test(arg))) {
      throw new CliError(
        `each does not follow changes. Next: leave -w out, or use ` +
          `\`${context.program} kubectl CLUSTER -- ${args.map(shellWord).join(" ")}\``,
        2,
      );
    }
    await withParent(context, command, async (parent) => {
      const clusters = await listClusters(context, parent.client, {
        selector: flags.selector || undefined,
      });
      if (clusters.length === 0) {
        context.err(`No clusters. Next: \`${context.program} clusters\` says why\n`);
        return;
      }
      const named = [...uniqueNames(clusters)].map(([cluster, name]) => [name, cluster] as const);
      const away = named.filter(([, cluster]) => !isConnected(cluster))
        .map(([name, cluster]) => skipped(name, cluster));
      const entries = await parentEntries(context, parent, connectOptionsOf(command));
      await using scratch = await KubectlScratch.create(context, entries);
      const progress = new Progress(context, named.length - away.length);
      progress.show();
      const outcomes = await runAll({
        context,
        scratch,
        clusters: named.filter(([, cluster]) => isConnected(cluster)),
        args: wanted.args,
        parallel: flags.parallel,
        timeoutMs,
        onDone: ({ failure }) => progress.done(failure === undefined),
      }).finally(() => progress.clear());
      context.out(combine(outcomes, wanted, flags.headers && !wanted.noHeaders));
      const all = [...outcomes, ...away];
      for (const { name, stderr } of all) context.err(prefixLines(name, stderr));
      if (context.signal.aborted) throw new CliError("interrupted", 130);
      summary(context, all);
    });
  });
}
