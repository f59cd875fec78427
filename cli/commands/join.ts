/**
 * `join`: makes the cluster of the current context a child of a hub.
 *
 * @module
 */
import { Command } from "commander";
import { boolean, durationOption, keyValues, oneOf } from "../../shared/flags.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import { CLUSTER_ROLE_BINDINGS, NAMESPACES } from "../../shared/kube/resources.ts";
import { type CliContext, CliError, type Connected } from "../context.ts";
import { bind } from "../install/bind.ts";
import { grantHubAdmins } from "../install/hub_admins.ts";
import type { Machine } from "../install/machine.ts";
import { agentNamespace, agentObjects, hubAdminsBinding } from "../install/manifests.ts";
import {
  caDataValue,
  caHashValue,
  clusterNameValue,
  examples,
  hubUrl,
  kubeconfigOptions,
} from "../install/options.ts";
import { AGENT_RIGHTS, checkChild } from "../preflight/child.ts";
import { type CaChoice, checkHub } from "../preflight/hub.ts";
import { Preflight } from "../preflight/preflight.ts";
import { IMPERSONATION, right, rightsToApply } from "../preflight/rights.ts";
import { joinWithImage } from "./join_image.ts";
import type { JoinFlags, Joining } from "./join_options.ts";
import { joinByRunning } from "./join_run.ts";

/** @returns the command `join` */
export function joinCommand(context: CliContext, machine: Machine): Command {
  const { program } = context;
  const command = new Command("join").summary("make a cluster a child of a hub")
    .description(
      "Make the cluster of the current context a child of a hub: checks both, installs the agent " +
        "(--image) or runs it right here (--run), and waits until the tunnel stands. " +
        `"${program} token create --print-join-command" in the parent prints the whole command.`,
    )
    .requiredOption("--hub <url>", "API server of the parent", hubUrl)
    .requiredOption("--token <token>", "bootstrap token of the parent")
    .option("--ca-hash <sha256:hex>", "hash of the public key of the parent's CA", caHashValue)
    .option("--ca-file <file>", "the parent's CA itself (PEM)")
    .option("--ca-data <base64>", "the parent's CA itself (PEM in base64)", caDataValue)
    .option("--image <image>", "install this image of the agent in the cluster")
    .option("--run", "run the agent here, until Ctrl-C, with this kubeconfig's rights")
    .option("--name <name>", "name of this cluster in the parent", clusterNameValue)
    .option("--parent-namespace <name>", "wanted dedicated namespace in the parent")
    .option("--labels <labels>", "labels of this cluster in the parent: k=v,k2=v2", keyValues)
    .option(
      "--grant-hub-admins <role>",
      "view or cluster-admin: what the parent's admins may do in this cluster; nothing when absent",
      oneOf("view", "cluster-admin"),
    )
    .option("--proxy-url <url>", "HTTP proxy on the way to the parent")
    .option("--wait [bool]", "wait until the tunnel stands", boolean, true)
    .addOption(durationOption("--timeout", "how long to wait", "3m"))
    .option("--force-conflicts", "take over fields that others have set")
    .addHelpText(
      "after",
      examples(
        program,
        "# Run the agent here; the parent's admins may do everything in this cluster",
        "join --hub https://parent:6443 --token 07401b.f395accd246ae52d --ca-hash sha256:... --run \\",
        "    --grant-hub-admins cluster-admin",
        "# Install the agent in the cluster of another context",
        "join --context edge-1 --name edge-1 --hub https://parent:6443 --token ... --ca-file ca.crt \\",
        "    --image registry.example/clusternet-agent:0.1.0",
      ),
    )
    .action((flags: JoinFlags) => join(context, machine, flags));
  return kubeconfigOptions(command, "of the child");
}

async function join(context: CliContext, machine: Machine, flags: JoinFlags): Promise<void> {
  crossCheck(flags);
  if (flags.run && machine.runAgent === undefined) {
    throw new CliError(
      "This program was compiled and carries no agent: run it from a checkout (deno task ctl join " +
        "... --run), or install the agent with --image",
    );
  }
  const ca = await caChoice(context, flags);
  using child = await context.connect(flags);
  const checked = await preflight(context, machine, flags, child, ca);
  await grant(context, flags, child);
  const joining: Joining = { context, machine, flags, child, ca: checked };
  if (flags.run) await joinByRunning(joining);
  else await joinWithImage(joining);
}

function crossCheck({ image, run, caHash, caFile, caData }: JoinFlags): void {
  if ((image === undefined) === (run !== true)) {
    throw new CliError(
      "say --image IMAGE to install the agent in the cluster, or --run to run it here",
      2,
    );
  }
  if ([caHash, caFile, caData].filter((one) => one !== undefined).length > 1) {
    throw new CliError("give one of --ca-hash, --ca-file and --ca-data", 2);
  }
}

async function caChoice(context: CliContext, flags: JoinFlags): Promise<CaChoice> {
  const { caHash, caFile, caData } = flags;
  if (caFile === undefined) return { hash: caHash, pem: caData };
  try {
    return { pem: await context.readTextFile(caFile) };
  } catch (cause) {
    throw new CliError(`Cannot read --ca-file ${caFile}: ${(cause as Error).message}`, 1, {
      cause,
    });
  }
}

/** @returns PEM of the hub's CA, where one is pinned */
async function preflight(
  context: CliContext,
  machine: Machine,
  flags: JoinFlags,
  child: Connected,
  ca: CaChoice,
): Promise<string | undefined> {
  const { err, signal, now } = bind(context);
  const checks = new Preflight(err, signal);
  const applied = flags.run
    ? AGENT_RIGHTS
    : [...IMPERSONATION, ...rightsToApply(agentObjects({ ...NOTHING, image: flags.image! }))];
  await checkChild(checks, {
    program: context.program,
    client: child.client,
    server: child.config.server,
    contextName: child.contextName,
    hubUrl: flags.hub,
    rights: [
      ...applied,
      ...(flags.run ? [right("create", NAMESPACES)] : []),
      ...(flags.grantHubAdmins === undefined
        ? []
        : rightsToApply([hubAdminsBinding(flags.grantHubAdmins)])),
    ],
    signal,
  });
  const { connectTo, discoverCa } = machine;
  const { hub: url, token, proxyUrl } = flags;
  const pem = await checkHub(checks, {
    url,
    token,
    ca,
    proxyUrl,
    connectTo,
    discoverCa,
    now,
    signal,
  });
  checks.finish();
  if (flags.run && await namespaceMissing(child.client, signal)) {
    await child.client.create(NAMESPACES, agentNamespace(), { signal });
    context.out(`namespace/${agentNamespace().metadata.name} created\n`);
  }
  return pem;
}

const NOTHING = { flags: {}, hubUrl: "", token: "", ca: undefined };

async function namespaceMissing(client: KubeClient, signal: AbortSignal): Promise<boolean> {
  const { name } = agentNamespace().metadata;
  return await client.getOrUndefined(NAMESPACES, name, { signal }) === undefined;
}

async function grant(context: CliContext, flags: JoinFlags, child: Connected): Promise<void> {
  const { out, err, signal } = bind(context);
  const role = flags.grantHubAdmins;
  if (role === undefined) return;
  await grantHubAdmins({
    client: child.client,
    role,
    force: flags.forceConflicts,
    out,
    signal,
  });
  err(
    `The parent's admins (its groups system:masters and kubeadm:cluster-admins) are now ${role} in ` +
      `this cluster; to take that back: kubectl delete ` +
      `${CLUSTER_ROLE_BINDINGS.kind.toLowerCase()} ${hubAdminsBinding(role).metadata.name}\n`,
  );
}
