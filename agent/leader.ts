/**
 * Lease `self-cluster` in the child: its UID is the cluster's id, and its holder is the agent that
 * dials out.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { SELF_CLUSTER_LEASE } from "../shared/kube/clusternet_types.ts";
import { LEASES } from "../shared/kube/resources.ts";
import { isStatus, StatusError } from "../shared/kube/status.ts";
import { LeaseElection } from "../shared/kube/lease_election.ts";
import type { Lease } from "../shared/kube/types.ts";
import { type Log, silentLog } from "../shared/log.ts";

/** What the Lease says at the start. */
export interface SelfCluster {
  /** The cluster's id. */
  clusterId: string;
  /** Who holds the Lease; `undefined` when nobody does. */
  holder: string | undefined;
}

/** Options of {@linkcode ensureClusterId}. */
export interface ClusterIdOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** Ends the wait. */
  signal?: AbortSignal;
}

/**
 * Reads the cluster's id; makes the Lease when there is none yet.
 *
 * @returns UID and holder of the Lease
 * @throws {StatusError} when the Lease can be neither read nor made
 */
export async function ensureClusterId(
  { client, namespace, signal }: ClusterIdOptions,
): Promise<SelfCluster> {
  const options = { namespace, ...(signal === undefined ? {} : { signal }) };
  const found = await client.getOrUndefined<Lease>(LEASES, SELF_CLUSTER_LEASE, options) ??
    await createLease(client, namespace, options) ??
    await client.get<Lease>(LEASES, SELF_CLUSTER_LEASE, options);
  const uid = found.metadata?.uid;
  if (uid === undefined) throw StatusError.of(500, "Lease self-cluster has no UID");
  return { clusterId: uid, holder: found.spec?.holderIdentity || undefined };
}

/** @returns `undefined` when another agent was first */
async function createLease(
  client: KubeClient,
  namespace: string,
  options: { namespace: string; signal?: AbortSignal },
): Promise<Lease | undefined> {
  try {
    return await client.create<Lease>(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: SELF_CLUSTER_LEASE, namespace },
      spec: {},
    }, options);
  } catch (error) {
    if (isStatus(error, 409)) return undefined;
    if (isStatus(error, 404)) {
      throw StatusError.of(
        404,
        `Namespace ${namespace} does not exist in this cluster: create it (kubectl create ` +
          `namespace ${namespace}), or name another one with --namespace`,
      );
    }
    throw error;
  }
}

/** Options of {@linkcode leadWhenElected}. */
export interface ElectionOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** This candidate. */
  identity: string;
  /** `false`: leads at once, whoever else does. */
  enabled: boolean;
  leaseDurationMs: number;
  renewDeadlineMs: number;
  retryPeriodMs: number;
  /** One term: works until its signal aborts. What it throws before that ends the election. */
  lead: (term: AbortSignal) => Promise<void>;
  /** Told whether another agent leads. */
  onStandby: (standby: boolean) => void;
  /** Ends the election; the Lease is given back then. */
  signal: AbortSignal;
  log?: Log;
  now?: () => number;
  random?: () => number;
}

/**
 * Takes part in the election until the signal aborts; leads whenever elected. Who lost the Lease
 * takes part again: an agent never ends by losing it.
 *
 * @returns when the last term has ended and the Lease is given back
 * @throws what a term threw
 */
export async function leadWhenElected(options: ElectionOptions): Promise<void> {
  const { enabled, identity, lead, onStandby, signal, log = silentLog, now, random } = options;
  if (!enabled) return await lead(signal);
  const failed = new AbortController();
  let terms = Promise.resolve();
  const election = new LeaseElection({
    client: options.client,
    namespace: options.namespace,
    name: SELF_CLUSTER_LEASE,
    identity,
    leaseDurationMs: options.leaseDurationMs,
    renewDeadlineMs: options.renewDeadlineMs,
    retryPeriodMs: options.retryPeriodMs,
    onStartedLeading: (term) => {
      // One after the other: an old term closes its session before a new one dials
      terms = terms.then(() => lead(term)).catch((error) => {
        if (!term.aborted) failed.abort(error);
      });
    },
    onNewLeader: (leader) => onStandby(leader !== identity),
    log,
    ...(now === undefined ? {} : { now }),
    ...(random === undefined ? {} : { random }),
  });
  await election.run(AbortSignal.any([signal, failed.signal]));
  await terms;
  if (!signal.aborted) failed.signal.throwIfAborted();
}
