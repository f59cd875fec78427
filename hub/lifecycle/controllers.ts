/**
 * Registration and lifecycle, wired: caches, the approver, token renewal, revocation, and the
 * conditions of every cluster.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { EventRecorder } from "../../shared/kube/events.ts";
import { Informer } from "../../shared/kube/informer.ts";
import { CLUSTER_REGISTRATION_REQUESTS, MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { Approver } from "../registration/approver.ts";
import type { OpensStreams } from "../registration/deliver.ts";
import { LatestCache, objectKey } from "../registration/latest_cache.ts";
import { requestName } from "../registration/names.ts";
import { placementOf } from "../registration/objects.ts";
import { Renewer } from "../registration/renewal.ts";
import { type AgentAccount, RequestBook } from "../registration/request_book.ts";
import { TokenMint } from "../registration/tokens.ts";
import type { ApprovalMode } from "../registration/verdict.ts";
import type { MonitorTimes } from "./conditions.ts";
import { keptCluster, keptRequest } from "./kept_fields.ts";
import { LeaderWork } from "./leader.ts";
import type { HubReadings, LifecycleMetrics } from "./metrics.ts";
import { Monitor, type TunnelNews } from "./monitor.ts";
import { News } from "./news.ts";
import { createRecorder } from "./recorder.ts";
import { Revoker } from "./revoke.ts";

/** What is needed of the `TunnelRegistry`. */
export interface Tunnels {
  session(clusterId: string): OpensStreams | undefined;
  connected(clusterId: string): boolean;
  cut(clusterId: string, code: number, reason: string): void;
  forget(clusterId: string): void;
  subscribe(listener: (event: TunnelNews) => void): () => void;
}

/** Options of {@linkcode createControllers}. */
export interface ControllersOptions {
  client: KubeClient;
  registry: Tunnels;
  /** `--approval`. */
  approval: ApprovalMode;
  /** `--agent-token-ttl`, in milliseconds. */
  tokenTtlMs: number;
  /** `--legacy-credentials`. @default {false} */
  legacyCredentials?: boolean;
  /** PEM of the CA of the parent's API server, given to each agent; "" when it is not known. */
  parentCa: () => string | Promise<string>;
  /** @default {Date.now} */
  now?: () => number;
  /** @default {Math.random} */
  random?: () => number;
  /** @default {silentLog} */
  log?: Log;
  /** Counts, where given. */
  metrics?: LifecycleMetrics;
  /** For tests. */
  times?: Partial<MonitorTimes>;
}

/** Registration and lifecycle of all clusters. */
export interface Controllers {
  /** Starts to watch; once. Writes nothing. */
  start(signal: AbortSignal): void;
  /**
   * Begins to approve, renew, revoke and write conditions, once the caches are complete. For
   * `LeaseElection`'s `onStartedLeading`, or at once where there is no election.
   *
   * @param term ends with the leadership, or with the process
   */
  lead(term: AbortSignal): void;
  /** Resolves when the caches are complete. */
  readonly synced: Promise<void>;
  /** The ServiceAccount that may open the tunnel of a cluster. */
  agentOf(clusterId: string): AgentAccount | undefined;
  /** Whether a cluster of this id is registered and approved. */
  known(clusterId: string): boolean;
  /**
   * Tells that somebody else than a cluster's agent tried to open its tunnel: as an Event, once in
   * a while.
   *
   * @param user who
   */
  attachRefused(clusterId: string, user: string): void;
  /** Writes an Event about the hub's APIService, while this hub leads. */
  tellOfHub(type: "Normal" | "Warning", reason: string, message: string): void;
  /** For `/readyz`: each throws while it fails. */
  readonly healthChecks: { name: string; check: () => void }[];
  /** The watches, for metrics. */
  readonly informers: HubReadings["informers"];
  /** Resolves when the watches are closed after the signal. */
  readonly stopped: Promise<void>;
  /** Resolves when all queues are empty and all Events are written; for tests. */
  idle(): Promise<void>;
}

/**
 * Makes the controllers.
 *
 * @returns the controllers, not started
 * @example
 * ```ts ignore
 * const controllers = createControllers({ client, registry, approval: "auto", tokenTtlMs, parentCa });
 * controllers.start(signal);
 * const election = new LeaseElection({ ..., onStartedLeading: (term) => controllers.lead(term) });
 * ```
 */
export function createControllers(options: ControllersOptions): Controllers {
  const { client, registry, approval, tokenTtlMs, parentCa, times = {} } = options;
  const { now = Date.now, random = Math.random, log = silentLog } = options;
  const { legacyCredentials = false, metrics } = options;
  const informerOptions = { client, log, now, random };
  const requests = new Informer<ClusterRegistrationRequest>({
    ...informerOptions,
    resource: CLUSTER_REGISTRATION_REQUESTS,
    transform: keptRequest,
  });
  const managed = new Informer<ManagedCluster>({
    ...informerOptions,
    resource: MANAGED_CLUSTERS,
    transform: keptCluster,
  });
  const book = new RequestBook({ source: requests, now });
  const clusters = new LatestCache<ManagedCluster>(managed, now);
  const events = createRecorder(new EventRecorder({ client, log, now, random }));
  const mint = new TokenMint({ client, ttlMs: tokenTtlMs, parentCa, now });
  const parts = { client, book, clusters, registry, events, mint, now, random, log };
  const renewer = new Renewer({
    ...parts,
    legacyCredentials,
    parentCa,
    onDelivered: (request, expiry) =>
      events.record(
        request,
        "Normal",
        "CredentialsDelivered",
        `The agent took its fresh token, valid until ${expiry}, down its tunnel`,
      ),
    onFailed: () => metrics?.renewals.inc({ result: "failed" }),
    onRotated: (request) => {
      metrics?.renewals.inc({ result: "ok" });
      const { namespace, managedClusterName } = placementOf(request);
      const cluster = clusters.get(`${namespace}/${managedClusterName}`);
      const message = `The agent's token is valid until ${request.status?.sealedCredentialsExpiry}`;
      if (cluster !== undefined) events.record(cluster, "Normal", "TokenRotated", message);
    },
  });
  const approver = new Approver({
    ...parts,
    approval,
    legacyCredentials,
    parentCa,
    onFreshToken: (clusterId, expiry) => renewer.noteFresh(clusterId, expiry),
    onResult: (result) => metrics?.registrations.inc({ result }),
  });
  const revoker = new Revoker({
    ...parts,
    onRevoked: () => metrics?.registrations.inc({ result: "revoked" }),
  });
  const monitor = new Monitor({ ...parts, times });
  const synced = Promise.all([requests.synced, managed.synced]).then(() => {});
  synced.catch(() => {}); // Nobody need wait for it
  let isSynced = false;
  const work = new LeaderWork({
    reconcilers: {
      requests: (key, context) => approver.reconcileRequest(key, context),
      tokens: (key, context) => renewer.reconcileToken(key, context),
      clusters: (key, context) => revoker.reconcileCluster(key, context),
      conditions: (key, context) => monitor.reconcileConditions(key, context),
    },
    synced,
    log,
    random,
    onTerm: () => {
      monitor.begin();
      for (const request of requests.list()) seenRequest(request);
      for (const cluster of managed.list()) seenCluster(cluster);
    },
  });

  const news = new News({ client, book, events, active: () => work.active, now });

  function seenRequest(request: ClusterRegistrationRequest): void {
    const { metadata, spec } = request;
    if (metadata.deletionTimestamp !== undefined && work.active) revoker.cutRequest(request);
    work.add("requests", metadata.name!);
    work.add("tokens", metadata.name!);
    work.add("conditions", spec.clusterId);
  }

  function seenCluster(cluster: ManagedCluster): void {
    if (cluster.metadata.deletionTimestamp !== undefined && work.active) revoker.cut(cluster);
    work.add("clusters", objectKey(cluster));
    work.add("conditions", cluster.spec.clusterId);
  }

  function goneRequest(request: ClusterRegistrationRequest): void {
    const { clusterId } = request.spec;
    if (book.get(clusterId) === undefined) registry.forget(clusterId);
    renewer.forget(clusterId);
    monitor.forget(clusterId);
    if (!work.active) return;
    approver.forget(request);
    const { namespace, managedClusterName } = placementOf(request);
    work.add("requests", request.metadata.name!);
    work.add("clusters", `${namespace}/${managedClusterName}`);
  }

  requests.on({ added: seenRequest, updated: seenRequest, deleted: goneRequest });
  managed.on({
    added: seenCluster,
    updated: seenCluster,
    deleted: (cluster) => work.add("requests", requestName(cluster.spec.clusterId)),
  });

  return {
    start(signal: AbortSignal): void {
      const unsubscribe = registry.subscribe((event) => {
        monitor.tunnel(event);
        work.add("conditions", event.clusterId);
        if (event.type !== "connected") return;
        work.add("tokens", requestName(event.clusterId));
        news.takenOver(event);
      });
      signal.addEventListener("abort", unsubscribe, { once: true });
      requests.start(signal);
      managed.start(signal);
      synced.then(() => isSynced = true, () => {});
    },
    lead(term: AbortSignal): void {
      void work.lead(term);
    },
    synced,
    agentOf: (clusterId) => book.agentOf(clusterId),
    known: (clusterId) => book.known(clusterId),
    attachRefused: (clusterId, user) => news.attachRefused(clusterId, user),
    tellOfHub: (type, reason, message) => news.ofHub(type, reason, message),
    healthChecks: [{
      name: "registration-caches",
      check: (): void => {
        if (!isSynced) throw new Error("The requests and clusters of the parent are not read yet");
      },
    }],
    informers: [
      { resource: CLUSTER_REGISTRATION_REQUESTS.plural, lastContact: () => requests.lastContact },
      { resource: MANAGED_CLUSTERS.plural, lastContact: () => managed.lastContact },
    ],
    stopped: Promise.all([requests.stopped, managed.stopped]).then(() => {}),
    async idle(): Promise<void> {
      await work.idle();
      await events.idle();
    },
  };
}
