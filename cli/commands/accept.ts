/**
 * `accept`: lets clusters in that wait for approval.
 *
 * @module
 */
import { Command } from "commander";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import { type CliContext, CliError } from "../context.ts";
import { bind } from "../install/bind.ts";
import { typeName } from "../install/kinds.ts";
import { examples, type KubeconfigFlags, kubeconfigOptions } from "../install/options.ts";
import { decide, findRequests, isPending, listRequests } from "../install/requests.ts";

/** @returns the command `accept` */
export function acceptCommand(context: CliContext): Command {
  const { program, out, err, signal, now } = bind(context);
  const command = new Command("accept").summary("let clusters in that wait for approval")
    .description("Let clusters in: approve their registration requests (in the parent).")
    .argument("[cluster...]", "cluster id, name of the cluster, or name of its request")
    .option("--all-pending", "all that nobody decided yet")
    .addHelpText(
      "after",
      examples(
        program,
        "accept edge-1",
        "accept clusternet-fe3b2f19-f454-46d7-a068-92fd72d31cb9",
        "accept --all-pending",
      ),
    )
    .action(async (words: string[], flags: KubeconfigFlags & { allPending?: boolean }) => {
      if ((words.length === 0) !== (flags.allPending === true)) {
        throw new CliError("name the clusters to accept, or say --all-pending", 2);
      }
      using parent = await context.connect(flags);
      const all = await listRequests(parent.client, signal);
      const chosen = flags.allPending ? all.filter(isPending) : findRequests(all, words, program);
      if (chosen.length === 0) return err("No request waits for approval\n");
      for (const request of chosen) {
        await decide({
          client: parent.client,
          request,
          decision: "Approved",
          message: `approved with ${program}`,
          now,
          signal,
        });
        out(`${typeName(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!)} approved\n`);
      }
      err(`They register within seconds; look at them with: ${program} clusters\n`);
    });
  return kubeconfigOptions(command, "of the parent");
}
