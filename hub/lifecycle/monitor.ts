/**
 * Says who is alive: writes the conditions of each `ManagedCluster` from the tunnels' events, the
 * agents' reports and the hub's own clock. Only changes are written.
 *
 * @module
 */
import {
  type Condition,
  type ManagedCluster,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { ReconcileResult } from "../../shared/kube/workqueue.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import type { EventSink } from "../registration/events.ts";
import type { LatestCache } from "../registration/latest_cache.ts";
import { isClusterOf, placementOf } from "../registration/objects.ts";
import type { RequestBook } from "../registration/request_book.ts";
import { isWithdrawn } from "../registration/verdict.ts";
import {
  type ClusterFacts,
  decide,
  DEFAULT_TIMES,
  type MonitorTimes,
  WAS_READY,
} from "./conditions.ts";
import { Pacer } from "./pacer.ts";
import { sameConditions, WITHDRAWN, withTimes } from "./written_conditions.ts";

/** Who holds a tunnel, or held it. */
export interface Dialled {
  /** The agent's process, as it calls itself. */
  instanceId: string;
  /** Its address. */
  remote: string;
}

/** What the monitor is told of a tunnel; a part of the registry's events. */
export type TunnelNews =
  | { type: "connected"; clusterId: string; info?: Dialled; displaced?: Dialled }
  | { type: "disconnected"; clusterId: string; at: number; reason: string; code: number }
  | { type: "duplicate"; clusterId: string; at: number; refusedMs: number }
  | { type: "hello"; clusterId: string };

/** Options of {@linkcode Monitor}. */
export interface MonitorOptions {
  client: Pick<KubeClient, "patch">;
  book: RequestBook;
  clusters: LatestCache<ManagedCluster>;
  registry: { connected(clusterId: string): boolean };
  events: EventSink;
  now: () => number;
  times?: Partial<MonitorTimes>;
  log?: Log;
}

interface State {
  knownSince: number;
  loss?: { at: number; reason: string; silent: boolean };
  report?: { readyz: boolean; at: number; heartbeatMs: number };
  /** `lastObservedTime` of that report. */
  observed?: string | undefined;
  /** READYZ is false because the hub put it there. */
  hidden: boolean;
  duplicateUntil: number;
  /** As decided last. */
  decided?: Condition[];
  writtenAt: number;
}

/** A fight of two agents is shown for so long after it was last seen. */
const DUPLICATE_MS = 5 * 60_000;
/** An agent that forges conditions is answered at this pace. */
const REPAIR_MS = 1_000;
/** Longest wait of a timer. */
const MAX_WAIT_MS = 3_600_000;

/** One reconcile for each cluster that has a request. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #times: MonitorTimes;
  readonly #log: Log;
  readonly #states = new Map<string, State>();
  /** An agent may forge each second: that is told once in a while. */
  readonly #pacer: Pacer;
  #watchingSince: number | undefined;

  constructor(options: MonitorOptions) {
    this.#options = options;
    this.#times = { ...DEFAULT_TIMES, ...options.times };
    this.#log = options.log ?? silentLog;
    this.#pacer = new Pacer({ now: options.now });
  }

  /**
   * Begins a term, and the grace for clusters that are not back yet. What an earlier term knew is
   * old: its tunnels were cut with it, and another hub wrote the conditions since.
   */
  begin(): void {
    this.#watchingSince = this.#options.now();
    this.#states.clear();
  }

  /** Takes news of a tunnel; the cluster is to be reconciled afterwards. */
  tunnel(event: TunnelNews): void {
    const state = this.#state(event.clusterId);
    if (event.type === "connected") {
      delete state.loss;
      // Its agent had no way to report: the time until the next one starts anew
      if (state.report !== undefined) state.report.at = this.#options.now();
    }
    if (event.type === "disconnected") {
      const silent = event.code === SessionCode.PING_TIMEOUT;
      state.loss = { at: event.at, reason: event.reason, silent };
    }
    if (event.type === "duplicate") {
      state.duplicateUntil = event.at + Math.max(event.refusedMs, DUPLICATE_MS);
    }
  }

  /** Forgets a cluster. */
  forget(clusterId: string): void {
    this.#states.delete(clusterId);
  }

  /** How many clusters are remembered. */
  get size(): number {
    return this.#states.size;
  }

  /**
   * Brings the conditions of one cluster in line with what is known.
   *
   * @throws when the parent refuses or cannot be reached
   */
  async reconcileConditions(
    clusterId: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ReconcileResult | void> {
    const { book, clusters, registry, now } = this.#options;
    const request = book.get(clusterId);
    // The last word of a tunnel comes after its cluster was forgotten
    if (request === undefined) this.forget(clusterId);
    if (request === undefined) return;
    const place = placementOf(request);
    const cluster = clusters.get(`${place.namespace}/${place.managedClusterName}`);
    if (cluster === undefined || !isClusterOf(request, cluster)) return;
    if (isWithdrawn(request)) return await this.#withdraw(cluster, signal);
    if (!book.known(clusterId)) return;
    if (cluster.metadata.deletionTimestamp !== undefined) return;
    const state = this.#state(clusterId);
    this.#readReport(state, cluster);
    const found = cluster.status?.conditions ?? [];
    const at = now();
    const facts: ClusterFacts = {
      connected: registry.connected(clusterId),
      loss: state.loss,
      watchingSince: this.#watchingSince ?? at,
      knownSince: state.knownSince,
      report: state.report,
      duplicateUntil: state.duplicateUntil,
      current: state.decided ?? found,
    };
    const decision = decide(facts, cluster.status?.readyz, at, this.#times);
    const recheck = decision.recheckAt === undefined
      ? {}
      : { requeueAfterMs: Math.min(MAX_WAIT_MS, Math.max(1, decision.recheckAt - at)) };
    if (decision.conditions.length === 0) return recheck;
    const right = sameConditions(found, decision.conditions);
    if (right && decision.readyz === undefined) {
      state.decided = withTimes(decision.conditions, state.decided ?? [], found, at);
      return recheck;
    }
    const forged = state.decided !== undefined && !right &&
      sameConditions(state.decided, decision.conditions);
    if (forged && at - state.writtenAt < REPAIR_MS) return { requeueAfterMs: REPAIR_MS };
    const before = state.decided ?? found;
    const conditions = withTimes(decision.conditions, state.decided ?? [], found, at);
    state.writtenAt = at;
    await this.#write(cluster, conditions, decision.readyz, signal);
    state.decided = conditions;
    if (decision.readyz !== undefined) state.hidden = !decision.readyz;
    if (forged) {
      this.#log.warn("Conditions that are the hub's were changed; they are put back", {
        cluster: clusterId,
      });
      if (this.#pacer.allow(clusterId)) {
        this.#options.events.record(
          cluster,
          "Warning",
          "ConditionsPutBack",
          "Somebody, most likely its agent, changed conditions that only the hub writes; they " +
            "are put back",
        );
      }
    }
    this.#tell(cluster, before, conditions);
    return recheck;
  }

  /** What stands although its request is denied, revoked or being deleted must not look alive. */
  async #withdraw(cluster: ManagedCluster, signal: AbortSignal): Promise<void> {
    // Its revocation is under way and takes the object away: a write would only be in its way
    const { deletionTimestamp, finalizers } = cluster.metadata;
    if (deletionTimestamp !== undefined && finalizers?.includes(REVOKE_FINALIZER)) return;
    const { conditions: found = [], readyz } = cluster.status ?? {};
    if (sameConditions(found, WITHDRAWN) && readyz !== true) return;
    const conditions = withTimes(WITHDRAWN, [], found, this.#options.now());
    await this.#write(cluster, conditions, readyz === true ? false : undefined, signal);
    this.#tell(cluster, found, conditions);
  }

  #state(clusterId: string): State {
    let state = this.#states.get(clusterId);
    if (state === undefined) {
      state = {
        knownSince: this.#options.now(),
        hidden: false,
        duplicateUntil: 0,
        writtenAt: -Infinity,
      };
      this.#states.set(clusterId, state);
    }
    return state;
  }

  /** A report is known by its time, which only the agent writes; its age by the hub's clock. */
  #readReport(state: State, { status = {} }: ManagedCluster): void {
    const { lastObservedTime, readyz, heartbeatFrequencySeconds = 0, conditions = [] } = status;
    if (lastObservedTime === undefined) return;
    const fresh = state.observed !== lastObservedTime;
    const changed = state.report !== undefined && state.report.readyz !== (readyz ?? false) &&
      !(state.hidden && readyz !== true);
    if (!fresh && !changed) return;
    const first = state.observed === undefined;
    state.observed = lastObservedTime;
    const heartbeatMs = heartbeatFrequencySeconds * 1_000;
    const at = this.#options.now();
    const ready = conditions.find(({ type }) => type === "Ready");
    if (first && readyz !== true && ready?.message.includes(WAS_READY)) {
      // Put to false by an earlier hub
      state.hidden = true;
      state.report = { readyz: true, at, heartbeatMs };
      return;
    }
    state.hidden = false;
    state.report = { readyz: readyz ?? false, at, heartbeatMs };
  }

  async #write(
    cluster: ManagedCluster,
    conditions: Condition[],
    readyz: boolean | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clusters } = this.#options;
    const { namespace, name } = cluster.metadata;
    try {
      // No resourceVersion: the agent writes its own fields at any time, and only they meet here
      const written = await client.patch<ManagedCluster>(
        MANAGED_CLUSTERS,
        name!,
        { status: { conditions, ...(readyz === undefined ? {} : { readyz }) } },
        { type: "merge", namespace, subresource: "status", signal },
      );
      clusters.put(written);
    } catch (error) {
      if (!isStatus(error, 404)) throw error; // Deleted meanwhile: the watch will tell
    }
  }

  #tell(cluster: ManagedCluster, before: readonly Condition[], after: readonly Condition[]): void {
    const { events } = this.#options;
    const changed = (type: string): Condition | undefined => {
      const now = after.find((one) => one.type === type);
      const then = before.find((one) => one.type === type);
      return now !== undefined && now.status !== then?.status ? now : undefined;
    };
    const connected = changed("Connected");
    if (connected?.status === "True") {
      events.record(cluster, "Normal", "Connected", connected.message);
    } else if (connected !== undefined) {
      const lost = before.some(({ type }) => type === "Connected");
      events.record(cluster, "Warning", lost ? "Disconnected" : "NotConnected", connected.message);
    }
    const duplicate = changed("DuplicateAgent");
    if (duplicate?.status === "True") {
      events.record(cluster, "Warning", "DuplicateAgent", duplicate.message);
    }
    this.#log.info("The conditions of a cluster changed", {
      cluster: cluster.spec.clusterId,
      ...Object.fromEntries(after.map(({ type, status }) => [type, status])),
    });
  }
}
