/**
 * `init`: installs the hub into a parent, and prints the command to join a cluster.
 *
 * @module
 */
import { Command, InvalidArgumentError } from "commander";
import { boolean, durationOption, integer, oneOf } from "../../shared/flags.ts";
import { API_SERVICES } from "../../shared/kube/resources.ts";
import { type CliContext, CliError, type Connected } from "../context.ts";
import { bind } from "../install/bind.ts";
import { applyObjects } from "../install/apply.ts";
import { createBootstrapToken } from "../install/bootstrap_token.ts";
import { joinCommandLine, pinFlags } from "../install/join_command.ts";
import type { Machine } from "../install/machine.ts";
import { hubObjects, toYaml } from "../install/manifests.ts";
import {
  AGENT_IMAGE,
  examples,
  hubUrl,
  type KubeconfigFlags,
  kubeconfigOptions,
} from "../install/options.ts";
import { podTrouble } from "../install/pods.ts";
import { poll } from "../install/poll.ts";
import { type ApiService, checkParent, HUB_API_SERVICE } from "../preflight/parent.ts";
import { Preflight } from "../preflight/preflight.ts";
import { joinHints } from "./token.ts";

interface InitFlags extends KubeconfigFlags {
  image?: string;
  replicas?: number;
  approval?: "auto" | "manual";
  parentUrl?: string;
  wait: boolean;
  timeout: number;
  tokenTtl: number;
  dryRun?: boolean;
  forceConflicts?: boolean;
}

/** `--dry-run` and `--dry-run=client`, as kubectl has it. */
function dryRun(text: string): boolean {
  if (text === "client") return true;
  if (text === "none") return false;
  throw new InvalidArgumentError('Want "client" or "none".');
}

/** @returns the command `init` */
export function initCommand(context: CliContext, machine: Machine): Command {
  const command = new Command("init").summary("install the hub into a parent")
    .description(
      "Install the hub into the cluster of the current context, which becomes the parent. Doing it " +
        "again changes only what differs.",
    )
    .option("--image <image>", "image of the hub; clusternet-hub:0.1.0 when absent")
    .option("--replicas <count>", "hubs; one leads, the others stand by", integer(1, 9))
    .option("--approval <mode>", "auto or manual (see accept)", oneOf("auto", "manual"))
    .option(
      "--parent-url <url>",
      "URL at which children reach the parent; that of the kubeconfig when absent",
      hubUrl,
    )
    .option("--wait [bool]", "wait until the hub serves", boolean, true)
    .addOption(durationOption("--timeout", "how long to wait", "3m"))
    .addOption(durationOption("--token-ttl", "the token that is printed expires after this", "24h"))
    .option("--dry-run [client]", "only print the YAML", dryRun)
    .option("--force-conflicts", "take over fields that others have set")
    .addHelpText(
      "after",
      examples(
        context.program,
        "# Two hubs in the cluster of the current context",
        "init --image registry.example/clusternet-hub:0.1.0",
        "# A human approves each cluster",
        "init --approval manual",
        "# What would be installed",
        "init --dry-run",
      ),
    )
    .action((flags: InitFlags) => init(context, machine, flags));
  return kubeconfigOptions(command, "of the parent");
}

async function init(context: CliContext, machine: Machine, flags: InitFlags): Promise<void> {
  const { out, err, signal } = bind(context);
  const objects = hubObjects(flags);
  if (flags.dryRun) return out(toYaml(objects));
  using parent = await context.connect(flags);
  const { client, config } = parent;
  const preflight = new Preflight(err, signal);
  await checkParent(preflight, { client, server: config.server, objects, signal });
  preflight.finish();
  await applyObjects({ client, objects, force: flags.forceConflicts, out, signal });
  if (flags.wait) await waitAvailable(context, parent, flags.timeout);
  await printNext(context, machine, parent, flags);
}

async function waitAvailable(
  context: CliContext,
  { client }: Connected,
  timeoutMs: number,
): Promise<void> {
  const { err, now, signal, program } = bind(context);
  err(`Waits until APIService ${HUB_API_SERVICE} is available\n`);
  let last = "";
  const done = await poll(async () => {
    const service = await client.getOrUndefined<ApiService>(API_SERVICES, HUB_API_SERVICE, {
      signal,
    });
    const condition = service?.status?.conditions?.find(({ type }) => type === "Available");
    last = condition?.message ?? "";
    return condition?.status === "True" ? true : undefined;
  }, { timeoutMs, everyMs: 1000, now, signal });
  if (done) return err("The hub serves\n");
  const pods = await podTrouble(client, "app=clusternet-hub", signal);
  throw new CliError(
    `The hub does not serve after ${timeoutMs / 1000} s (${
      pods ?? (last || "no reason is given")
    }). ` +
      "Look at: kubectl -n clusternet-system get pods,events; then run the same command again, or " +
      `${program} doctor`,
  );
}

async function printNext(
  context: CliContext,
  machine: Machine,
  parent: Connected,
  flags: InitFlags,
): Promise<void> {
  const { program, out, err, signal, now, randomBytes } = bind(context);
  const url = flags.parentUrl ?? parent.config.server.replace(/\/+$/, "");
  const { token, expires } = await createBootstrapToken({
    client: parent.client,
    ttlMs: flags.tokenTtl,
    description: `Made by ${program} init`,
    now,
    randomBytes,
    signal,
  });
  const { discoverCa } = machine;
  const ca = await pinFlags({ config: parent.config, url, discoverCa, signal });
  const image = agentImage(flags.image) ??
    (machine.runAgent === undefined ? AGENT_IMAGE : undefined);
  err("\nTo join a cluster, run this on the child's side:\n\n");
  out(`${joinCommandLine({ program, url, token, ca, image })}\n`);
  err(`\n${joinHints(expires, url, image)}`);
  err(`Then look at your clusters here with: ${program} clusters\n`);
}

/** The agent's image beside the hub's, where the name shows it. */
function agentImage(hub: string | undefined): string | undefined {
  return hub?.includes("clusternet-hub")
    ? hub.replace("clusternet-hub", "clusternet-agent")
    : undefined;
}
