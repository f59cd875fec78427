/**
 * `join --image`: the agent as a Deployment in the child.
 *
 * @module
 */
import { CliError } from "../context.ts";
import { bind } from "../install/bind.ts";
import { applyObjects } from "../install/apply.ts";
import { agentObjects } from "../install/manifests.ts";
import { podTrouble } from "../install/pods.ts";
import { waitRegistered } from "../install/registered.ts";
import { agentFlags, hubConfig, type Joining, sayJoined } from "./join_options.ts";

/**
 * Applies the files of `deploy/agent` and waits until the agent has registered.
 *
 * @throws {CliError} when it did not in time
 */
export async function joinWithImage(joining: Joining): Promise<void> {
  const { context, machine, flags, child, ca } = joining;
  const { out, err, signal, now, program } = bind(context);
  await applyObjects({
    client: child.client,
    objects: agentObjects({
      image: flags.image!,
      flags: agentFlags(flags),
      hubUrl: flags.hub,
      token: flags.token,
      ca,
    }),
    force: flags.forceConflicts,
    out,
    signal,
  });
  if (!flags.wait) {
    return err(
      "The agent is installed and registers by itself. Look at it here with: kubectl -n " +
        `clusternet-system get pods; on the parent's side with: ${program} clusters\n`,
    );
  }
  err("Waits until the agent has registered and its tunnel stands\n");
  const joined = await waitRegistered({
    child: child.client,
    hub: hubConfig(joining),
    connectTo: machine.connectTo,
    token: flags.token,
    program,
    err,
    timeoutMs: flags.timeout,
    now,
    signal,
  });
  if (joined !== undefined) return sayJoined(joining, joined);
  const trouble = await podTrouble(child.client, "app=clusternet-agent", signal);
  throw new CliError(
    `The agent is installed, but its tunnel does not stand after ${flags.timeout / 1000} s` +
      `${
        trouble === undefined ? "" : ` (${trouble})`
      }. Look at: kubectl -n clusternet-system logs ` +
      "-l app=clusternet-agent, and get pods,events; then run the same command again",
  );
}
