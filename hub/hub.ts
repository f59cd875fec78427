/**
 * The hub, wired: public port, identity, tunnels, registration, leadership.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import { Informer } from "../shared/kube/informer.ts";
import { LeaseElection } from "../shared/kube/lease_election.ts";
import { CONFIG_MAPS } from "../shared/kube/resources.ts";
import { StatusError } from "../shared/kube/status.ts";
import type { ConfigMap } from "../shared/kube/types.ts";
import type { Log } from "../shared/log.ts";
import type { Registry } from "../shared/metrics.ts";
import { WindowBudget } from "../shared/tunnel/mod.ts";
import { createApi, createHealthApi } from "./api/api.ts";
import { createHealth, type HealthCheck } from "./api/health.ts";
import type { HubFlags } from "./flags.ts";
import { createAgentCheck } from "./front/agent_check.ts";
import { keepApiServiceCaBundle } from "./front/apiservice.ts";
import { createAuthorizer } from "./front/authorizer.ts";
import { directoryStore, secretStore } from "./front/ca_store.ts";
import { FrontMetrics } from "./front/front_metrics.ts";
import {
  FRONT_PROXY_CONFIG_MAP,
  FRONT_PROXY_NAMESPACE,
  FrontProxyConfig,
} from "./front/front_proxy_config.ts";
import { createAuthenticator } from "./front/identity.ts";
import { createFront, type Front } from "./front/server.ts";
import {
  selfMadeServing,
  type ServingCertificate,
  servingFromFiles,
} from "./front/serving_cert.ts";
import { TokenReviewer } from "./front/token_review.ts";
import { TunnelDoor } from "./front/tunnel_door.ts";
import { Term } from "./term.ts";
import { createTunnelMetrics } from "./tunnels/metrics.ts";
import { proxyRequest } from "./tunnels/proxy_request.ts";
import { proxyUpgrade } from "./tunnels/proxy_upgrade.ts";
import type { AttachMeta } from "./tunnels/registry.ts";

/** Options of {@linkcode startHub}. */
export interface HubOptions {
  flags: HubFlags;
  /** Reaches the parent as the hub's ServiceAccount. */
  client: KubeClient;
  /** PEM of the parent's API server CA; goes to the agents with their credentials. */
  parentCa: string;
  log: Log;
  /** What `/metrics` shows. */
  registry: Registry;
  /** Unlike any other hub process'. */
  instanceId: string;
  /** @default {Date.now} */
  now?: () => number;
  /** @default {Math.random} */
  random?: () => number;
}

/** A running hub. */
export interface Hub {
  /** Where the public port listens. */
  readonly address: { host: string; port: number };
  /** Health and metrics, for the plain port. */
  readonly healthApi: (request: Request) => Promise<Response>;
  /**
   * Stops: readiness fails first, agents are told to go, streams may end for `--drain-timeout`.
   *
   * @param hurry aborts the wait
   */
  stop(hurry?: AbortSignal): Promise<void>;
}

const LEASE = "clusternet-hub";

/** @returns the names that the self-made serving certificate is for */
function servingNames({ namespace, tlsServerNames }: HubFlags): string[] {
  const service = `clusternet-hub.${namespace}`;
  const names = [`${service}.svc`, service, `${service}.svc.cluster.local`, "clusternet-hub"];
  return [...new Set([...names, "localhost", "127.0.0.1", ...tlsServerNames])];
}

async function servingCertificate({ flags, client, log }: HubOptions): Promise<ServingCertificate> {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, certDir, namespace } = flags;
  if (certFile !== undefined && keyFile !== undefined) {
    return await servingFromFiles({ certFile, keyFile, log });
  }
  const store = certDir === undefined ? secretStore(client, namespace) : directoryStore(certDir);
  return await selfMadeServing({ store, names: servingNames(flags), log });
}

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
  readonly #background: Promise<unknown>[] = [];
  readonly #frontProxy: FrontProxyConfig;
  readonly #frontProxyInformer: Informer<ConfigMap>;
  readonly #door: TunnelDoor<AttachMeta>;
  readonly #budget = new WindowBudget();
  readonly #tunnelMetrics;
  readonly #election: LeaseElection | undefined;
  #term: Term | undefined;
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
    this.#frontProxy = new FrontProxyConfig({ log });
    this.#frontProxyInformer = new Informer<ConfigMap>({
      client,
      resource: CONFIG_MAPS,
      namespace: FRONT_PROXY_NAMESPACE,
      fieldSelector: `metadata.name=${FRONT_PROXY_CONFIG_MAP}`,
      log,
    });
    this.#door = new TunnelDoor<AttachMeta>({
      onConn: (clusterId, conn, meta) => this.#leading().registry.attach(clusterId, conn, meta),
      log,
      ...(flags.runtimeDir === undefined ? {} : { socketDir: flags.runtimeDir }),
    });
    this.#election = flags.leaderElect ? this.#makeElection() : undefined;
    this.#health = createHealth({ livez: [], readyz: this.#readyChecks(), log });
    this.healthApi = createHealthApi({ health: this.#health, registry });
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
      {
        name: "front-proxy-config",
        check: () =>
          must(this.#frontProxy.loaded, "extension-apiserver-authentication was not read"),
      },
      { name: "leader", check: () => must(this.#term !== undefined, "this hub is a standby") },
      {
        name: "informers",
        check: () =>
          must(this.#term?.controllers.synced ?? false, "the first lists did not come yet"),
      },
    ];
  }

  async start(): Promise<void> {
    const { flags, client, log } = this.#options;
    const { signal } = this.#stopping;
    this.#frontProxy.follow(this.#frontProxyInformer);
    this.#frontProxyInformer.start(signal);
    const serving = await servingCertificate(this.#options);
    this.#background.push(serving.run(signal));
    if (flags.manageApiserviceCa) {
      const { caBundle } = serving;
      this.#background.push(keepApiServiceCaBundle({ client, caBundle, signal, log }));
    }
    this.#front = this.#makeFront(serving);
    this.address = await this.#front.listen({ host: flags.bindAddress, port: flags.securePort });
    log.info("The hub listens", this.address);
    if (this.#election === undefined) this.#beginTerm();
    else this.#background.push(this.#election.run(signal));
  }

  #makeFront(serving: ServingCertificate): Front {
    const { client, log, registry, flags } = this.#options;
    const metrics = new FrontMetrics(registry);
    const settings = this.#frontProxy;
    const tokens = new TokenReviewer({ client, log, metrics });
    const known = (clusterId: string): boolean => this.#term?.controllers.known(clusterId) ?? false;
    const proxied = {
      known,
      log,
      metrics: this.#tunnelMetrics,
      openToHeadMs: flags.responseTimeout,
    };
    return createFront({
      serving: serving.pair,
      settings,
      authenticator: createAuthenticator({ settings, tokens, log, metrics }),
      authorizer: createAuthorizer({ client, log, metrics }),
      agentCheck: createAgentCheck({
        settings,
        log,
        agentOf: (clusterId) => this.#term?.controllers.agentOf(clusterId),
      }),
      api: createApi({
        health: this.#health,
        registry,
        socketInfo: (clusterId) => {
          const tunnels = this.#term?.registry;
          if (tunnels === undefined || !known(clusterId)) return undefined;
          return { connected: tunnels.connected(clusterId), ...tunnels.lastSeen(clusterId) };
        },
      }),
      proxyRequest: (context) =>
        proxyRequest({ ...context, ...proxied, registry: this.#leading().registry }),
      proxyUpgrade: (context) =>
        proxyUpgrade({ ...context, ...proxied, registry: this.#leading().registry }),
      attach: ({ req, socket, head, clusterId, identity }) => {
        const remote = req.socket.remoteAddress ?? "unknown";
        this.#door.accept(req, socket, head, clusterId, {
          remote,
          ...(identity.uid === undefined ? {} : { serviceAccountUid: identity.uid }),
        });
      },
      unavailable: () => this.#unavailable(),
      log,
      metrics,
    });
  }

  #unavailable(): string | undefined {
    if (this.#term === undefined) {
      const leader = this.#election?.leader();
      return `Cannot serve here: this hub is a standby; the leader is ${leader ?? "not known yet"}`;
    }
    return this.#term.controllers.synced ? undefined : "Cannot serve yet: the hub is starting";
  }

  #leading(): Term {
    if (this.#term !== undefined) return this.#term;
    throw StatusError.of(503, "Cannot serve here: this hub is a standby");
  }

  #beginTerm(): void {
    const { client, parentCa, flags, instanceId, log } = this.#options;
    const { now = Date.now, random = Math.random } = this.#options;
    this.#endTerm();
    this.#term = new Term({
      client,
      parentCa,
      instanceId,
      namespace: flags.namespace,
      approval: flags.approval,
      agentTokenTtlMs: flags.agentTokenTtl,
      legacyCredentials: flags.legacyCredentials,
      reconnectSpreadMs: flags.agentReconnectSpread,
      pingIntervalMs: flags.tunnelPingInterval,
      pingTimeoutMs: flags.tunnelPingTimeout,
      budget: this.#budget,
      metrics: this.#tunnelMetrics,
      log,
      now,
      random,
    });
    this.#term.start();
    log.info("This hub leads");
  }

  #endTerm(): void {
    if (this.#term === undefined) return;
    this.#log.warn("This hub leads no more; its tunnels are closed");
    this.#term.end();
    this.#term = undefined;
  }

  async stop(hurry?: AbortSignal): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    const drainMs = hurry?.aborted ? 0 : this.#options.flags.drainTimeout;
    this.#log.info("The hub stops", { drainMs });
    const hurried = Promise.withResolvers<void>();
    hurry?.addEventListener("abort", () => hurried.resolve(), { once: true });
    if (hurry?.aborted) hurried.resolve();
    await Promise.race([
      Promise.all([this.#term?.drain(drainMs), this.#front?.drain(drainMs)]),
      hurried.promise,
    ]);
    this.#term?.end();
    this.#term = undefined;
    this.#stopping.abort(new Error("the hub stops"));
    await this.#front?.close({ drainMs: 0 });
    await this.#door.close();
    await Promise.allSettled(this.#background);
    this.#log.info("The hub stopped");
  }
}
