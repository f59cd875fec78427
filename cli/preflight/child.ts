/**
 * Whether a cluster can be a child: reachable, with the rights, and of no other parent.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { SYSTEM_NAMESPACE } from "../../shared/kube/clusternet_types.ts";
import {
  CONFIG_MAPS,
  EVENTS,
  LEASES,
  NAMESPACES,
  NODES,
  SECRETS,
} from "../../shared/kube/resources.ts";
import type { ResourceAttributes } from "../../shared/kube/types.ts";
import { CliError } from "../context.ts";
import { type Membership, readMembership } from "../install/membership.ts";
import type { Preflight } from "./preflight.ts";
import { IMPERSONATION, requireRights, right } from "./rights.ts";
import { clusterVersion } from "./version.ts";

/**
 * What the agent asks of the child, as `deploy/agent/00-rbac.yaml` grants it: with `--run` the user
 * of the kubeconfig has to have it.
 */
export const AGENT_RIGHTS: readonly ResourceAttributes[] = [
  ...IMPERSONATION,
  right("list", NODES),
  right("get", NAMESPACES),
  ...["create", "get", "update"].map((verb) => right(verb, LEASES, SYSTEM_NAMESPACE)),
  ...["create", "get", "patch"].map((verb) => right(verb, SECRETS, SYSTEM_NAMESPACE)),
  ...["get", "list", "watch"].map((verb) => right(verb, CONFIG_MAPS, SYSTEM_NAMESPACE)),
  right("create", EVENTS, SYSTEM_NAMESPACE),
];

/** Options of {@linkcode checkChild}. */
export interface CheckChildOptions {
  /** How one calls this program. */
  program: string;
  /** The cluster. */
  client: KubeClient;
  /** Its URL. */
  server: string;
  /** Context of the kubeconfig, so that nobody joins the wrong cluster unseen. */
  contextName: string;
  /** URL of the hub that it is to join. */
  hubUrl: string;
  /** What joining takes. */
  rights: readonly ResourceAttributes[];
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Runs the checks of the child; failures are collected in `preflight`.
 *
 * @returns what it is a member of already
 */
export async function checkChild(
  preflight: Preflight,
  options: CheckChildOptions,
): Promise<Membership | undefined> {
  const { program, client, server, contextName, hubUrl, rights, signal } = options;
  const reached = await preflight.check(async () => {
    const { gitVersion } = await clusterVersion(client, signal);
    return `the child answers: Kubernetes ${gitVersion} at ${server} (context "${contextName}")`;
  });
  if (!reached) return undefined;
  const allowed = await preflight.check(async () => {
    await requireRights(client, rights, signal);
    return "you have the rights that it takes in the child";
  });
  if (!allowed) return undefined;
  let membership: Membership | undefined;
  await preflight.check(async () => {
    membership = await readMembership(client, signal);
    const { parentUrl } = membership ?? {};
    if (parentUrl === undefined) return "the child has joined no hub yet";
    if (parentUrl === hubUrl) return "the child has joined this hub before: it keeps its identity";
    throw new CliError(
      `the child has joined ${parentUrl}: take it out of there first with \`${program} unjoin\`, ` +
        "which takes --parent-kubeconfig for the parent's side",
    );
  });
  return membership;
}
