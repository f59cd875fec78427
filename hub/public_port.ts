/**
 * The hub's public port with all its parts: certificate, identity, rights, proxying, tunnels.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import type { Log } from "../shared/log.ts";
import type { MetricsRegistry } from "../shared/metrics.ts";
import { createApi } from "./api/api.ts";
import type { Auditor } from "./audit/auditor.ts";
import type { Health } from "./api/health.ts";
import type { EmbeddedParent } from "./embedded_parent.ts";
import type { HubFlags } from "./flags.ts";
import { createAgentCheck } from "./front/agent_check.ts";
import { createAuthorizer } from "./front/authorizer.ts";
import { directoryStore, secretStore } from "./front/ca_store.ts";
import { FrontMetrics } from "./front/front_metrics.ts";
import { createDirectAuthenticator } from "./front/direct_identity.ts";
import type { FrontProxySettings } from "./front/front_proxy_config.ts";
import { type Authenticator, createAuthenticator } from "./front/identity.ts";
import { CallerLimiter } from "./front/limits.ts";
import { createFront, type Front } from "./front/server.ts";
import {
  selfMadeServing,
  type ServingCertificate,
  servingFromFiles,
} from "./front/serving_cert.ts";
import type { Source } from "./front/source.ts";
import { TokenReviewer } from "./front/token_review.ts";
import type { TunnelDoor } from "./front/tunnel_door.ts";
import type { Controllers } from "./lifecycle/controllers.ts";
import type { TunnelMetrics } from "./tunnels/metrics.ts";
import { proxyRequest } from "./tunnels/proxy_request.ts";
import { proxyUpgrade } from "./tunnels/proxy_upgrade.ts";
import type { AttachMeta, TunnelRegistry } from "./tunnels/registry.ts";

/** Options of {@linkcode createPublicPort}. */
export interface PublicPortOptions {
  flags: HubFlags;
  client: KubeClient;
  log: Log;
  registry: MetricsRegistry;
  serving: ServingCertificate;
  /** How the parent's front proxy is recognised, and whose client certificates count. */
  settings: Source<FrontProxySettings>;
  /** Absent: a parent's kube-apiserver stands before the port. */
  embedded?: EmbeddedParent;
  tunnels: TunnelRegistry;
  tunnelMetrics: TunnelMetrics;
  controllers: Controllers;
  door: TunnelDoor<AttachMeta>;
  health: Health;
  /** Told of every request for `sockets/...`, where given. */
  auditor?: Auditor;
  /** A sentence while `sockets/...` cannot be served here. */
  unavailable: () => string | undefined;
}

/** @returns the names that the self-made serving certificate is for */
function servingNames({ namespace, tlsServerNames }: HubFlags): string[] {
  const service = `clusternet-hub.${namespace}`;
  const names = [`${service}.svc`, service, `${service}.svc.cluster.local`, "clusternet-hub"];
  return [...new Set([...names, "localhost", "127.0.0.1", ...tlsServerNames])];
}

/**
 * The certificate of the public port: from files, or self-made with its CA kept in a directory or
 * in Secret `clusternet-hub-serving`.
 *
 * @returns the certificate
 * @throws when the files cannot be used or the Secret cannot be read
 */
export async function servingCertificate(
  { flags, client, log, embedded }: Pick<
    PublicPortOptions,
    "flags" | "client" | "log" | "embedded"
  >,
): Promise<ServingCertificate> {
  if (embedded !== undefined) return embedded.serving;
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, certDir, namespace } = flags;
  if (certFile !== undefined && keyFile !== undefined) {
    return await servingFromFiles({ certFile, keyFile, log });
  }
  const store = certDir === undefined ? secretStore(client, namespace) : directoryStore(certDir);
  return await selfMadeServing({ store, names: servingNames(flags), log });
}

function authenticatorOf(options: PublicPortOptions, metrics: FrontMetrics): Authenticator {
  const { client, embedded, log, settings } = options;
  if (embedded !== undefined) {
    return createDirectAuthenticator({ settings, tokens: embedded.tokens, metrics });
  }
  const tokens = new TokenReviewer({ client, log, metrics });
  return createAuthenticator({ settings, tokens, log, metrics });
}

/**
 * Puts the public port together.
 *
 * @returns the port, not yet listening
 */
export function createPublicPort(options: PublicPortOptions): Front {
  const { client, log, registry, flags, settings, tunnels, controllers, door } = options;
  const { auditor } = options;
  const metrics = new FrontMetrics(registry);
  const known = (clusterId: string): boolean => controllers.known(clusterId);
  const proxied = {
    registry: tunnels,
    known,
    log,
    metrics: options.tunnelMetrics,
    openToHeadMs: flags.responseTimeout,
  };
  return createFront({
    serving: options.serving.pair,
    settings,
    authenticator: authenticatorOf(options, metrics),
    ...(options.embedded === undefined ? {} : { embedded: options.embedded }),
    authorizer: createAuthorizer({ client, log, metrics }),
    agentCheck: createAgentCheck({
      settings,
      log,
      agentOf: (clusterId) => controllers.agentOf(clusterId),
      onRefused: (clusterId, user) => controllers.attachRefused(clusterId, user),
    }),
    api: createApi({
      health: options.health,
      registry,
      socketInfo: (clusterId) => {
        if (!known(clusterId)) return undefined;
        return { connected: tunnels.connected(clusterId), ...tunnels.lastSeen(clusterId) };
      },
    }),
    proxyRequest: (context) =>
      proxyRequest({
        ...context,
        ...proxied,
        ...(auditor === undefined ? {} : { onEnd: auditor.proxied(context, false) }),
      }),
    proxyUpgrade: (context) =>
      proxyUpgrade({
        ...context,
        ...proxied,
        ...(auditor === undefined ? {} : { onEnd: auditor.proxied(context, true) }),
      }),
    ...(auditor === undefined ? {} : { onRefused: (refusal) => auditor.refused(refusal) }),
    attach: (context) => {
      const { req, socket, head, clusterId, identity } = context;
      const remote = req.socket.remoteAddress ?? "unknown";
      const refusal = door.accept(req, socket, head, clusterId, {
        remote,
        ...(identity.uid === undefined ? {} : { serviceAccountUid: identity.uid }),
      });
      auditor?.attached(context, refusal);
    },
    limiter: new CallerLimiter({
      limits: {
        requestsPerUser: flags.maxRequestsPerUser,
        upgradesPerUser: flags.maxUpgradesPerUser,
        upgradesPerCluster: flags.maxUpgradesPerCluster,
        userShare: flags.maxUserShare,
        attachesPerSecond: flags.maxAttachesPerSecond,
      },
      streamsOf: (clusterId) => tunnels.streamsOf(clusterId),
      onRefused: (reason) => metrics.limited(reason),
    }),
    limits: { maxConnections: flags.maxConnections },
    unavailable: options.unavailable,
    log,
    metrics,
  });
}
