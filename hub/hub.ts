/**
 * The hub, wired: public port, identity, tunnels, registration, leadership.
 *
 * @module
 */
import { LeaseElection } from "../shared/kube/lease_election.ts";
import type { Log } from "../shared/log.ts";
import { SessionCode } from "../shared/tunnel/errors.ts";
import { delay } from "../shared/backoff.ts";
import { Auditor } from "./audit/auditor.ts";
import { createHealthApi } from "./api/api.ts";
import { createHealth, type HealthCheck } from "./api/health.ts";
import { type CallerTrust, frontProxyTrust } from "./caller_trust.ts";
import { keepApiServiceCaBundle } from "./front/apiservice.ts";
import type { Front } from "./front/server.ts";
import type { ServingCertificate } from "./front/serving_cert.ts";
import { TunnelDoor } from "./front/tunnel_door.ts";
import type { Hub, HubOptions } from "./hub_options.ts";
import { type Controllers, createControllers } from "./lifecycle/controllers.ts";
import { createLifecycleMetrics } from "./lifecycle/metrics.ts";
import { tellTrustChanges } from "./lifecycle/trust_events.ts";
import { createPublicPort, servingCertificate } from "./public_port.ts";
import { createTunnelMetrics } from "./tunnels/metrics.ts";
import { type AttachMeta, TunnelRegistry } from "./tunnels/registry.ts";

/** At the stop, the audit log has so long to be written. */
const AUDIT_FLUSH_MS = 2_000;
const LEASE = "clusternet-hub";
/** Agents spread their leave over at most this time when the hub stops. */
const MAX_GO_AWAY_MS = 2_000;
/**
 * After readiness fails, connections are taken for so long: endpoints and load balancers learn of
 * it later, and who they send here meanwhile is to read a 503 with `Retry-After`.
 */
const ACCEPT_MS = 3_000;

/**
 * Starts the hub.
 *
 * @returns the hub, once its public port listens
 * @throws when the serving certificate cannot be had or the port is taken
 */
export async function startHub(options: HubOptions): Promise<Hub> {
  const hub = new RunningHub(options);
  try {
    await hub.start();
    return hub;
  } catch (error) {
    await hub.stop(AbortSignal.abort());
    throw error;
  }
}

class RunningHub implements Hub {
  readonly #options: HubOptions;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  /** Ends before all else: a standby is to lead while this hub drains. */
  readonly #campaign = new AbortController();
  readonly #background: Promise<unknown>[] = [];
  readonly #trust: CallerTrust;
  readonly #door: TunnelDoor<AttachMeta>;
  readonly #tunnelMetrics;
  readonly #lifecycleMetrics;
  readonly #tunnels: TunnelRegistry;
  readonly #controllers: Controllers;
  readonly #election: LeaseElection | undefined;
  /** Aborted when this hub leads no more; absent on a standby. */
  #term: AbortController | undefined;
  #synced = false;
  #front: Front | undefined;
  #draining = false;
  address = { host: "", port: 0 };
  readonly healthApi: (request: Request) => Promise<Response>;
  readonly #health;

  constructor(options: HubOptions) {
    const { client, flags, log, registry } = options;
    this.#options = options;
    this.#log = log;
    this.#tunnelMetrics = createTunnelMetrics(registry);
    this.#lifecycleMetrics = createLifecycleMetrics(registry);
    this.#trust = options.embedded?.trust ?? frontProxyTrust({ client, log });
    this.#tunnels = this.#makeTunnels();
    this.#controllers = this.#makeControllers();
    this.#lifecycleMetrics.read({
      leader: () => this.#term !== undefined,
      informers: [...this.#controllers.informers, ...this.#trust.informers],
    });
    this.#door = new TunnelDoor<AttachMeta>({
      onConn: (clusterId, conn, meta) => {
        if (this.#term === undefined) conn.abort("this hub is a standby");
        else this.#tunnels.attach(clusterId, conn, meta);
      },
      log,
      ...(flags.runtimeDir === undefined ? {} : { socketDir: flags.runtimeDir }),
    });
    this.#election = flags.leaderElect ? this.#makeElection() : undefined;
    this.#health = createHealth({ livez: [], readyz: this.#readyChecks(), log });
    this.healthApi = createHealthApi({ health: this.#health, registry });
  }

  #makeTunnels(): TunnelRegistry {
    const { flags, instanceId, log, now = Date.now, random = Math.random } = this.#options;
    return new TunnelRegistry({
      instanceId,
      config: { pingIntervalMs: flags.tunnelPingInterval, deadAfterMs: flags.tunnelPingTimeout },
      reconnectSpreadMs: flags.agentReconnectSpread,
      metrics: this.#tunnelMetrics,
      log,
      now,
      random,
    });
  }

  #makeControllers(): Controllers {
    const { client, flags, log, parentCa, now = Date.now, random = Math.random } = this.#options;
    return createControllers({
      client,
      registry: this.#tunnels,
      approval: flags.approval,
      tokenTtlMs: flags.agentTokenTtl,
      legacyCredentials: flags.legacyCredentials,
      parentCa,
      metrics: this.#lifecycleMetrics,
      now,
      random,
      log,
    });
  }

  #makeElection(): LeaseElection {
    const { client, flags, instanceId, log } = this.#options;
    return new LeaseElection({
      client,
      namespace: flags.namespace,
      name: LEASE,
      identity: instanceId,
      leaseDurationMs: flags.leaderElectLeaseDuration,
      renewDeadlineMs: flags.leaderElectRenewDeadline,
      retryPeriodMs: flags.leaderElectRetryPeriod,
      onStartedLeading: () => this.#beginTerm(),
      onStoppedLeading: () => this.#endTerm(),
      log,
    });
  }

  #readyChecks(): HealthCheck[] {
    const must = (fine: boolean, otherwise: string): void => {
      if (!fine) throw new Error(otherwise);
    };
    return [
      { name: "shutdown", check: () => must(!this.#draining, "the hub stops") },
      ...this.#trust.healthChecks,
      { name: "leader", check: () => must(this.#term !== undefined, "this hub is a standby") },
      ...this.#controllers.healthChecks,
    ];
  }

  async start(): Promise<void> {
    const { flags, client, log } = this.#options;
    const { signal } = this.#stopping;
    this.#trust.start(signal);
    this.#controllers.start(signal);
    this.#controllers.synced.then(() => this.#synced = true, () => {});
    const serving = await servingCertificate(this.#options);
    this.#background.push(serving.run(signal));
    tellTrustChanges({
      settings: this.#trust.settings,
      serving: serving.pair,
      tell: (...event) => this.#controllers.tellOfHub(...event),
      signal,
    });
    if (flags.manageApiserviceCa) {
      const { caBundle } = serving;
      this.#background.push(keepApiServiceCaBundle({ client, caBundle, signal, log }));
    }
    this.#front = this.#makeFront(serving);
    this.address = await this.#front.listen({ host: flags.bindAddress, port: flags.securePort });
    log.info("The hub listens", this.address);
    if (this.#election === undefined) this.#beginTerm();
    else this.#background.push(this.#election.run(this.#campaign.signal));
  }

  #makeFront(serving: ServingCertificate): Front {
    const { client, embedded, log, registry, flags, audit, now = Date.now } = this.#options;
    return createPublicPort({
      flags,
      client,
      log,
      registry,
      serving,
      settings: this.#trust.settings,
      ...(embedded === undefined ? {} : { embedded }),
      tunnels: this.#tunnels,
      tunnelMetrics: this.#tunnelMetrics,
      controllers: this.#controllers,
      door: this.#door,
      health: this.#health,
      ...(audit === undefined ? {} : { auditor: new Auditor({ sink: audit, now }) }),
      unavailable: () => this.#unavailable(),
    });
  }

  #unavailable(): string | undefined {
    if (this.#term === undefined) {
      const leader = this.#election?.leader();
      return `Cannot serve here: this hub is a standby; the leader is ${leader ?? "not known yet"}`;
    }
    return this.#synced ? undefined : "Cannot serve yet: the hub is starting";
  }

  #beginTerm(): void {
    if (this.#draining) return;
    this.#endTerm();
    this.#term = new AbortController();
    this.#controllers.lead(this.#term.signal);
    this.#log.info("This hub leads");
  }

  #endTerm(): void {
    // While it drains, `stop` decides about the tunnels
    if (this.#term === undefined || this.#draining) return;
    this.#log.warn("This hub leads no more; its tunnels are closed");
    this.#term.abort(new Error("this hub leads no more"));
    this.#term = undefined;
    this.#tunnels.cutAll(SessionCode.SHUTTING_DOWN, "the hub leads no more");
  }

  /** Tells agents to go elsewhere and gives streams time to end. */
  async #drainTunnels(drainMs: number): Promise<void> {
    const waitMs = Math.min(drainMs, MAX_GO_AWAY_MS);
    this.#tunnels.goAwayAll({ waitMs, reason: "the hub stops" });
    const late = new AbortController();
    await Promise.race([this.#tunnels.drained(), delay(drainMs, late.signal).catch(() => {})]);
    late.abort();
  }

  async stop(hurry?: AbortSignal): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const drainMs = hurry?.aborted ? 0 : this.#options.flags.drainTimeout;
    this.#log.info("The hub stops", { drainMs });
    const hurried = Promise.withResolvers<void>();
    hurry?.addEventListener("abort", () => hurried.resolve(), { once: true });
    if (hurry?.aborted) hurried.resolve();
    // From here on another hub may lead: this one writes nothing more
    this.#term?.abort(new Error("the hub stops"));
    this.#campaign.abort(new Error("the hub stops"));
    this.#options.embedded?.endWatches();
    await Promise.race([
      Promise.all([this.#drainTunnels(drainMs), this.#front?.drain(drainMs, ACCEPT_MS)]),
      hurried.promise,
    ]);
    this.#term = undefined;
    this.#tunnels.close();
    this.#stopping.abort(new Error("the hub stops"));
    await this.#front?.close({ drainMs: 0 });
    await this.#door.close();
    await Promise.allSettled(this.#background);
    await this.#options.audit?.close(AUDIT_FLUSH_MS);
    this.#log.info("The hub stopped");
  }
}
