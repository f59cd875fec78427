/**
 * `clusters`: the fleet at a glance.
 *
 * @module
 */
import { Command, Option } from "commander";
import type { ClusterRegistrationRequest, ManagedCluster } from "../../shared/kube/mod.ts";
import { CLUSTERS_GROUP } from "../../shared/kube/clusternet_types.ts";
import type { CliContext } from "../context.ts";
import { type ClusterQuery, listClusters, pendingRequests } from "../fleet/clusters.ts";
import { withConnectOptions, withExamples, withParent } from "../fleet/options.ts";
import { formatValue, listOf, nameLine, withoutManagedFields } from "../output/objects.ts";
import { cell, Table } from "../output/table.ts";
import { followClusters } from "./clusters/follow.ts";
import { clusterHeader, clusterRow } from "./clusters/rows.ts";

interface Flags extends ClusterQuery {
  output?: "wide" | "json" | "yaml" | "name";
  watch?: boolean;
  headers: boolean;
  allNamespaces?: boolean;
}

/** Writes clusters in the wanted format; the header of a table once. */
class Printer {
  readonly #table = new Table();
  #header: boolean;

  constructor(readonly context: CliContext, readonly flags: Flags) {
    this.#header = flags.headers;
  }

  /** Writes all there are: one table, or one List. */
  list(clusters: readonly ManagedCluster[]): void {
    const { output } = this.flags;
    if (output === "json" || output === "yaml") {
      this.context.out(formatValue(listOf(clusters.map(withoutManagedFields)), output));
    } else if (clusters.length > 0) this.each(clusters);
  }

  /** Writes one after the other. */
  each(clusters: readonly ManagedCluster[]): void {
    const { output } = this.flags;
    if (output === "json" || output === "yaml") {
      const separator = output === "yaml" ? "---\n" : "";
      for (const one of clusters) {
        this.context.out(separator + formatValue(withoutManagedFields(one), output));
      }
    } else if (output === "name") {
      for (const one of clusters) {
        this.context.out(nameLine(one, "managedcluster", CLUSTERS_GROUP));
      }
    } else {
      const wide = output === "wide";
      const now = this.context.now();
      const rows = clusters.map((one) => clusterRow(one, wide, now));
      if (this.#header) rows.unshift(clusterHeader(wide));
      this.#header = false;
      this.context.out(this.#table.format(rows));
    }
  }
}

function sayPending(context: CliContext, pending: readonly ClusterRegistrationRequest[]): void {
  if (pending.length === 0) return;
  const shown = pending.slice(0, 5);
  const what = pending.length === 1
    ? "1 registration request waits"
    : `${pending.length} registration requests wait`;
  context.err(`${what} for a decision (or for the hub). Next:\n`);
  for (const { spec } of shown) {
    const name = spec.clusterName === undefined
      ? ""
      : `   # calls itself ${cell(spec.clusterName)}`;
    context.err(`  ${context.program} accept ${cell(spec.clusterId)}${name}\n`);
  }
  if (pending.length > shown.length) context.err("  kubectl get clsrr   # lists them all\n");
}

function sayEmpty(context: CliContext, { selector, namespace }: ClusterQuery): void {
  if (selector !== undefined || namespace !== undefined) {
    const where = namespace === undefined ? "" : ` in namespace ${namespace}`;
    const which = selector === undefined ? "" : ` with labels ${selector}`;
    context.err(`No clusters${which}${where}. Next: \`${context.program} clusters\` lists all\n`);
    return;
  }
  context.err(
    `No clusters are registered. Next: \`${context.program} token create --print-join-command\` ` +
      "prints the command that joins one\n",
  );
}

/**
 * Makes the command.
 *
 * @returns `clusters`
 */
export function clustersCommand(context: CliContext): Command {
  const command = withConnectOptions(new Command("clusters"))
    .summary("list the clusters of the fleet")
    .description(
      "Lists the registered clusters. HEARTBEAT is the age of the last sign of life: a report of " +
        "the agent, or the coming or going of its tunnel.",
    )
    .option("-l, --selector <labels>", "only clusters with these labels, as kubectl takes them")
    .addOption(
      new Option("-o, --output <format>", "output format")
        .choices(["wide", "json", "yaml", "name"]),
    )
    .option("-w, --watch", "go on with each change")
    .option("--no-headers", "leave the header out")
    .option("-n, --namespace <namespace>", "only the cluster of this dedicated namespace")
    .option("-A, --all-namespaces", "all clusters, as without -n");
  withExamples(command, context, [
    ["All clusters", "clusters"],
    ["Those in one region, with the reason of what is wrong", "clusters -l region=eu -o wide"],
    ["Follow what happens", "clusters -w"],
    [
      "Ids, for a script",
      "clusters -o json | jq -r '.items[].spec.clusterId'",
    ],
  ]);
  return command.action(async (flags: Flags) => {
    const query: ClusterQuery = {
      selector: flags.selector || undefined,
      namespace: flags.allNamespaces ? undefined : flags.namespace || undefined,
    };
    await withParent(context, command, async (parent) => {
      const clusters = await listClusters(context, parent.client, query);
      const printer = new Printer(context, flags);
      if (flags.watch) {
        if (clusters.length === 0) context.err("No clusters yet: waiting; Ctrl-C ends it\n");
        await followClusters(context, parent, query, (some) => {
          if (some.length > 0) printer.each(some);
        });
        return;
      }
      printer.list(clusters);
      const pending = await pendingRequests(parent.client, context.signal);
      if (clusters.length === 0) sayEmpty(context, query);
      sayPending(context, pending);
    });
  });
}
