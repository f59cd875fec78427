/**
 * `deny`: keeps clusters out.
 *
 * @module
 */
import { Command } from "commander";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import type { CliContext } from "../context.ts";
import { bind } from "../install/bind.ts";
import { typeName } from "../install/kinds.ts";
import { examples, type KubeconfigFlags, kubeconfigOptions } from "../install/options.ts";
import { decide, findRequests, listRequests } from "../install/requests.ts";

/** @returns the command `deny` */
export function denyCommand(context: CliContext): Command {
  const { program, out, err, signal, now } = bind(context);
  const command = new Command("deny").summary("keep clusters out")
    .description(
      "Keep clusters out: deny their registration requests (in the parent). What was granted to " +
        "a cluster is taken back.",
    )
    .argument("<cluster...>", "cluster id, name of the cluster, or name of its request")
    .option("--reason <text>", "what the agent is told")
    .addHelpText("after", examples(program, 'deny edge-9 --reason "not ours"'))
    .action(async (words: string[], flags: KubeconfigFlags & { reason?: string }) => {
      using parent = await context.connect(flags);
      const all = await listRequests(parent.client, signal);
      const granted: string[] = [];
      for (const request of findRequests(all, words, program)) {
        if (request.status?.result === "Approved") granted.push(request.metadata.name!);
        await decide({
          client: parent.client,
          request,
          decision: "Denied",
          message: flags.reason ?? `denied with ${program}`,
          now,
          signal,
        });
        out(`${typeName(CLUSTER_REGISTRATION_REQUESTS, request.metadata.name!)} denied\n`);
      }
      err(
        granted.length === 0
          ? `To let it in after all: ${program} accept ${words[0]}\n`
          : "What was granted is taken back. To let the cluster ask again: kubectl delete clsrr " +
            `${granted.join(" ")}\n`,
      );
    });
  return kubeconfigOptions(command, "of the parent");
}
