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
import { calm } from "./say.ts";

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
 * @returns UID of the Lease
 * @throws {StatusError} when the Lease can be neither read nor made
 */
export async function ensureClusterId(
  { client, namespace, signal }: ClusterIdOptions,
): Promise<string> {
  const options = { namespace, ...(signal === undefined ? {} : { signal }) };
  const found = await client.getOrUndefined<Lease>(LEASES, SELF_CLUSTER_LEASE, options) ??
    await createLease(client, namespace, options) ??
    await client.get<Lease>(LEASES, SELF_CLUSTER_LEASE, options);
  const uid = found.metadata?.uid;
  if (uid === undefined) throw StatusError.of(500, "Lease self-cluster has no UID");
  return uid;
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

/** One time as the leading agent. */
export interface Term {
  /** Aborts when another agent leads, or the election ends. */
  signal: AbortSignal;
  /**
   * Waits until the Lease is known to be this agent's. To be awaited before each dial: who cannot
   * reach the child's API keeps the tunnel that it has, but must not take it from an agent that
   * may lead by now.
   */
  confirmed: (signal: AbortSignal) => Promise<void>;
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
  lead: (term: Term) => Promise<void>;
  /** Told whether another agent leads. */
  onStandby: (standby: boolean) => void;
  /**
   * Ends the election alone: the Lease is given back so that another agent leads, and a term that
   * runs goes on until `signal` aborts.
   */
  resign?: AbortSignal;
  /** Ends election and term; the Lease is given back then. */
  signal: AbortSignal;
  log?: Log;
  now?: () => number;
  random?: () => number;
}

/**
 * Takes part in the election until the signal aborts; leads whenever elected. Who lost the Lease
 * takes part again: an agent never ends by losing it.
 *
 * A Lease that cannot be renewed is not yet lost: when the child's API is away, no other agent can
 * take it, and the tunnel and the status report are what tells the parent of it. So a term goes
 * on, without new dials, until the Lease is renewed or seen in other hands.
 *
 * @returns when the last term has ended and the Lease is given back
 * @throws what a term threw
 */
export async function leadWhenElected(options: ElectionOptions): Promise<void> {
  if (options.enabled) return await new Candidate(options).run();
  await options.lead({ signal: options.signal, confirmed: () => Promise.resolve() });
}

interface RunningTerm {
  stop: AbortController;
  /** Set while the Lease is not known to be ours. */
  doubt: PromiseWithResolvers<void> | undefined;
}

class Candidate {
  readonly #options: ElectionOptions;
  readonly #log: Log;
  readonly #failed = new AbortController();
  readonly #election: LeaseElection;
  #term: RunningTerm | undefined;
  #terms: Promise<void> = Promise.resolve();

  constructor(options: ElectionOptions) {
    const { identity, log = silentLog, now, random, onStandby } = options;
    this.#options = options;
    this.#log = log;
    this.#election = new LeaseElection({
      client: options.client,
      namespace: options.namespace,
      name: SELF_CLUSTER_LEASE,
      identity,
      leaseDurationMs: options.leaseDurationMs,
      renewDeadlineMs: options.renewDeadlineMs,
      retryPeriodMs: options.retryPeriodMs,
      onStartedLeading: () => this.#won(),
      onStoppedLeading: (reason) => this.#stopped(reason),
      onNewLeader: (leader) => {
        onStandby(leader !== identity);
        if (leader !== identity) this.#endTerm(`"${leader}" leads`);
      },
      // It warns at each try: while the child's API is away that is every two seconds
      log: calm(log, now),
      ...(now === undefined ? {} : { now }),
      ...(random === undefined ? {} : { random }),
    });
  }

  async run(): Promise<void> {
    const { signal, resign } = this.#options;
    const ends = AbortSignal.any([signal, this.#failed.signal]);
    await this.#election.run(resign === undefined ? ends : AbortSignal.any([ends, resign]));
    if (this.#term !== undefined) await aborted(ends);
    this.#endTerm("the election has ended");
    await this.#terms;
    if (!signal.aborted) this.#failed.signal.throwIfAborted();
  }

  #won(): void {
    if (this.#term !== undefined) {
      this.#log.info("The Lease is held again");
      this.#term.doubt?.resolve();
      this.#term.doubt = undefined;
      return;
    }
    const term: RunningTerm = { stop: new AbortController(), doubt: undefined };
    this.#term = term;
    const { signal } = term.stop;
    const confirmed = (outer: AbortSignal): Promise<void> => settled(term, outer);
    // One after the other: an old term closes its session before a new one dials
    this.#terms = this.#terms.then(() => this.#options.lead({ signal, confirmed }))
      .catch((error) => {
        if (!signal.aborted) this.#failed.abort(error);
      });
  }

  #stopped(reason: string): void {
    const { signal, identity, resign } = this.#options;
    if (resign?.aborted) return;
    const ending = signal.aborted || this.#failed.signal.aborted;
    if (ending || this.#election.leader() !== identity || this.#term === undefined) {
      return this.#endTerm(reason);
    }
    this.#log.warn("The Lease cannot be renewed: keeps the tunnel and dials no other", { reason });
    this.#term.doubt ??= Promise.withResolvers();
  }

  #endTerm(reason: string): void {
    const term = this.#term;
    if (term === undefined) return;
    this.#term = undefined;
    term.stop.abort(new DOMException(`No longer the leading agent: ${reason}`, "AbortError"));
    term.doubt?.resolve();
  }
}

/** Waits until a signal aborts. */
async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}

/** Waits until there is no doubt about a term. */
async function settled(term: RunningTerm, signal: AbortSignal): Promise<void> {
  while (term.doubt !== undefined) {
    signal.throwIfAborted();
    const over = Promise.withResolvers<void>();
    const onAbort = (): void => over.resolve();
    signal.addEventListener("abort", onAbort, { once: true });
    await Promise.race([term.doubt.promise, over.promise]);
    signal.removeEventListener("abort", onAbort);
    if (term.stop.signal.aborted) break;
  }
  signal.throwIfAborted();
}
