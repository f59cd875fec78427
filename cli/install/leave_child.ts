/**
 * The child's side of `unjoin`.
 *
 * @module
 */
import {
  PARENT_CLUSTER_SECRET,
  SELF_CLUSTER_LEASE,
  SYSTEM_NAMESPACE,
} from "../../shared/kube/clusternet_types.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  DEPLOYMENTS,
  LEASES,
  NAMESPACES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../../shared/kube/resources.ts";
import type { KubeObject } from "../../shared/kube/types.ts";
import { removeObject } from "./apply.ts";
import { resourceOf } from "./kinds.ts";
import type { LeaveOptions } from "./leave_parent.ts";
import { agentLeftovers, HUB_ADMINS, REGISTRATION_SECRET } from "./manifests.ts";
import { type Membership, readMembership } from "./membership.ts";
import { poll } from "./poll.ts";

/** A leader renews its Lease every two seconds; one that did not for so long is gone. */
const SILENT_MS = 10_000;

/** Deletes the agent's Deployment, if there is one: its Pods get their time to end. */
export async function stopAgent(options: LeaveOptions): Promise<void> {
  await removeObject(DEPLOYMENTS, "clusternet-agent", { ...options, namespace: SYSTEM_NAMESPACE });
}

/**
 * Waits until no agent holds the Lease: an agent that still runs would register again as soon as
 * its request is gone.
 *
 * @returns who holds it still, when the time is over
 */
export async function agentGone(options: LeaveOptions): Promise<string | undefined> {
  const { client, err, timeoutMs, now, signal } = options;
  let said = false;
  let holder: string | undefined;
  // Somebody else's clock: what counts is whether the time changes
  let renewed: string | undefined;
  let since = now();
  const gone = await poll(async () => {
    const known: Membership | undefined = await readMembership(client, signal);
    holder = known?.holder;
    if (!holder) return true;
    if (!said) err(`Waits until agent "${holder}" has stopped\n`);
    said = true;
    if (known?.renewTime !== renewed) {
      renewed = known?.renewTime;
      since = now();
    }
    return now() - since > SILENT_MS ? true : undefined;
  }, { timeoutMs, now, signal });
  return gone ? undefined : holder;
}

/**
 * Deletes all that an agent and `join` put into a child: rights first, then what it keeps, then the
 * namespace, unless a hub lives in it too.
 *
 * @returns whether the namespace is gone, or stays for good
 */
export async function cleanChild(options: LeaveOptions): Promise<boolean> {
  const { client, err, timeoutMs, now, signal } = options;
  for (const object of agentLeftovers()) {
    const { name, namespace } = object.metadata;
    await removeObject(resourceOf(object), name, { ...options, namespace });
  }
  await removeObject(CLUSTER_ROLE_BINDINGS, HUB_ADMINS, options);
  const own = { ...options, namespace: SYSTEM_NAMESPACE };
  await removeObject(SECRETS, REGISTRATION_SECRET, own);
  await removeObject(SECRETS, PARENT_CLUSTER_SECRET, own);
  await removeObject(LEASES, SELF_CLUSTER_LEASE, own);
  const hub = await client.getOrUndefined(SERVICE_ACCOUNTS, "clusternet-hub", {
    namespace: SYSTEM_NAMESPACE,
    signal,
  });
  if (hub !== undefined) {
    err(`Namespace ${SYSTEM_NAMESPACE} stays: a hub lives in it too\n`);
    return true;
  }
  if (!await removeObject(NAMESPACES, SYSTEM_NAMESPACE, options)) return true;
  let stuck = "";
  const gone = await poll(async () => {
    const found = await client.getOrUndefined<TerminatingNamespace>(NAMESPACES, SYSTEM_NAMESPACE, {
      signal,
    });
    stuck = found?.status?.conditions?.find(({ status }) => status === "True")?.message ?? "";
    return found === undefined ? true : undefined;
  }, { timeoutMs, now, signal });
  if (gone) return true;
  err(
    `Namespace ${SYSTEM_NAMESPACE} is being deleted still${
      stuck === "" ? "" : `: ${stuck}`
    }. Look ` +
      `at it with: kubectl get ns ${SYSTEM_NAMESPACE} -o yaml; an APIService that is not available ` +
      "holds up every namespace (kubectl get apiservices)\n",
  );
  return false;
}

interface TerminatingNamespace extends KubeObject {
  status?: { conditions?: { status: string; message?: string }[] };
}
