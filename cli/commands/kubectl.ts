/**
 * `kubectl`: the stock kubectl on one cluster.
 *
 * @module
 */
import { shellWord } from "../../shared/shell_word.ts";
import { Command } from "commander";
import { findCondition } from "../../shared/kube/conditions.ts";
import { type CliContext, CliError } from "../context.ts";
import { findCluster, listClusters } from "../fleet/clusters.ts";
import { KUBECTL, kubectlFault, KubectlScratch } from "../fleet/kubectl.ts";
import {
  connectOptionsOf,
  withConnectOptions,
  withExamples,
  withParent,
} from "../fleet/options.ts";
import { parentEntries } from "../fleet/parent_entries.ts";
import { isConnected } from "../fleet/state.ts";
import { cell } from "../output/table.ts";

/**
 * Makes the command.
 *
 * @returns `kubectl`
 */
export function kubectlCommand(context: CliContext): Command {
  const command = withConnectOptions(new Command("kubectl"))
    .summary("run kubectl on a cluster")
    .description(
      "Runs the kubectl that is on your PATH on one cluster, with your terminal, and ends with its " +
        "exit code. The namespace is the cluster's default one, not the one of the parent's context.",
    )
    .argument("<cluster>", "its name, its id, or namespace/name")
    .argument("[args...]", "after --: what kubectl is given")
    .usage("[options] <cluster> -- <kubectl's arguments...>");
  withExamples(command, context, [
    ["What runs there", "kubectl edge-1 -- get pods -A"],
    ["A shell in a pod", "kubectl edge-1 -- exec -it web -- sh"],
    ["Apply what stands in a file", "kubectl edge-1 -- apply -f app.yaml"],
  ]);
  return command.action(async (wanted: string, args: string[]) => {
    const code = await withParent(context, command, async (parent) => {
      const clusters = await listClusters(context, parent.client);
      const cluster = findCluster(context, clusters, wanted);
      if (!isConnected(cluster)) {
        const why = findCondition(cluster.status?.conditions, "Connected")?.message;
        context.err(
          `warning: ${wanted} is not connected${
            why === undefined ? "" : `: ${cell(why)}`
          }. Next: ` +
            `\`${context.program} doctor ${shellWord(wanted)}\`\n`,
        );
      }
      const entries = await parentEntries(context, parent, connectOptionsOf(command));
      await using scratch = await KubectlScratch.create(context, entries);
      const env = await scratch.envFor(cluster.spec.clusterId);
      try {
        return await context.attach(KUBECTL, args, env);
      } catch (error) {
        throw kubectlFault(error);
      }
    });
    if (code !== 0) throw new CliError("", code); // kubectl has said why
  });
}
