/**
 * `unjoin`: takes a child out of its hub, on both sides.
 *
 * @module
 */
import { Command } from "commander";
import { durationOption } from "../../shared/flags.ts";
import { type CliContext, CliError, type Connected } from "../context.ts";
import { bind } from "../install/bind.ts";
import { agentGone, cleanChild, stopAgent } from "../install/leave_child.ts";
import { deleteNamespaces, forget, type LeaveOptions, revoke } from "../install/leave_parent.ts";
import { examples, type KubeconfigFlags, kubeconfigOptions } from "../install/options.ts";
import { findSides, type Sides } from "../install/sides.ts";

interface UnjoinFlags extends KubeconfigFlags {
  parentKubeconfig?: string;
  parentContext?: string;
  deleteNamespace?: boolean;
  timeout: number;
}

/** @returns the command `unjoin` */
export function unjoinCommand(context: CliContext): Command {
  const command = new Command("unjoin").summary("take a cluster out of its hub")
    .description(
      "Take a cluster out of its hub: its access to the parent first, then what the agent left in " +
        "the child. Doing it again does what is left. Without a way to one side it does the other " +
        "and says how to finish.",
    )
    .argument("[cluster]", "its id or name in the parent; the cluster of the context when absent")
    .option("--parent-kubeconfig <file>", "kubeconfig of the parent")
    .option("--parent-context <name>", "context of the parent")
    .option("--delete-namespace", "delete its dedicated namespace in the parent with all in it")
    .addOption(durationOption("--timeout", "how long to wait for each step", "1m"))
    .addHelpText(
      "after",
      examples(
        context.program,
        "# Both sides: the current context is the child",
        "unjoin --parent-context parent",
        "# The parent's side alone: the current context is the parent",
        "unjoin edge-1",
      ),
    )
    .action((cluster: string | undefined, flags: UnjoinFlags) => unjoin(context, cluster, flags));
  return kubeconfigOptions(command, "of the child");
}

async function unjoin(
  context: CliContext,
  cluster: string | undefined,
  flags: UnjoinFlags,
): Promise<void> {
  using sides = await findSides(context, { cluster, ...flags });
  const { parent, child, clusterId } = sides;
  if (parent === undefined && child === undefined) {
    throw new CliError(`${sides.troubles.join("; ")}. Nothing was changed`);
  }
  const left: string[] = [];
  const { out, err, now, signal } = bind(context);
  const options = ({ client }: Connected): LeaveOptions => ({
    client,
    out,
    err,
    timeoutMs: flags.timeout,
    now,
    signal,
  });
  if (child !== undefined) await stopAgent(options(child));
  if (parent !== undefined && clusterId !== undefined) {
    const namespaces = await revoke(clusterId, options(parent));
    const holder = child === undefined ? undefined : await agentGone(options(child));
    if (child === undefined || holder !== undefined) {
      left.push(keptRequest(clusterId, holder));
    } else {
      await forget(clusterId, options(parent));
    }
    if (flags.deleteNamespace) await deleteNamespaces(namespaces, options(parent));
    else sayNamespaces(context, namespaces);
  } else if (parent === undefined) {
    left.push(parentLeft(context.program, sides));
  }
  if (child === undefined) left.push(childLeft(context.program));
  else if (!await cleanChild(options(child))) left.push("the child's namespace is not gone yet");
  for (const step of left) context.err(`To finish: ${step}\n`);
  if (sides.troubles.length > 0) {
    throw new CliError(`${sides.troubles.join("; ")}. The rest is done; see above how to finish`);
  }
  const name = cluster ?? sides.membership?.name ?? clusterId;
  if (left.length === 0) {
    context.err(
      `${name === undefined ? "The cluster" : `Cluster "${name}"`} is out. To take it in again: ` +
        `${context.program} token create --print-join-command in the parent\n`,
    );
  }
}

function keptRequest(clusterId: string, holder: string | undefined): string {
  const why = holder === undefined
    ? "its agent could come back with a bootstrap token"
    : `agent "${holder}" still runs there and would come back`;
  return `the request is kept, so that the cluster stays out (${why}); once the agent is stopped: ` +
    `kubectl delete clsrr clusternet-${clusterId} (in the parent)`;
}

function parentLeft(program: string, { clusterId, membership }: Sides): string {
  const where = membership?.parentUrl === undefined ? "" : ` (${membership.parentUrl})`;
  return `in the parent${where}: ${program} unjoin ${
    clusterId ?? "CLUSTER"
  }, then kubectl delete ` +
    `clsrr clusternet-${clusterId ?? "CLUSTER-ID"}`;
}

function childLeft(program: string): string {
  return `in the child: ${program} unjoin --context CHILD`;
}

function sayNamespaces(context: CliContext, namespaces: readonly string[]): void {
  for (const name of namespaces) {
    context.err(
      `Namespace ${name} of the parent stays with what is in it: kubectl delete ns ${name}\n`,
    );
  }
}
