/**
 * The agent's parts, made as its options ask: the way to the parent, the targets, the registration.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import type { Log } from "../shared/log.ts";
import { VERSION } from "../shared/version.ts";
import type { AgentOptions } from "./agent_options.ts";
import { childEvents } from "./events.ts";
import { ParentAccess } from "./registration/parent_access.ts";
import type { ParentClock } from "./registration/parent_clock.ts";
import type { RegistrationState } from "./registration/register_options.ts";
import { Registration } from "./registration/registration.ts";
import { derivedClusterName } from "./registration/request.ts";
import type { ParentClusterStore, Stored } from "./registration/store.ts";
import { IdentityMapper } from "./target/identity.ts";
import { Targets, type TargetsOptions } from "./target/targets.ts";

/** What the agent calls itself towards both API servers. */
export const USER_AGENT = `clusternet-agent/${VERSION}`;

/** What every part is made from. */
export interface PartsOptions {
  /** Those of the agent. */
  options: AgentOptions;
  /** Reaches the child. */
  client: KubeClient;
  /** How late the parent's clock is. */
  clock: ParentClock;
  /** Where the parts say what they do. */
  log: Log;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** 0 to 1. */
  random: () => number;
}

/** @returns the way to the parent's API */
export function makeParentAccess({ options, clock, log }: PartsOptions): ParentAccess {
  const { flags } = options;
  return new ParentAccess({
    parentUrl: flags.clusterRegParentUrl!,
    pinnedCa: options.pinnedCa,
    clock,
    userAgent: USER_AGENT,
    log,
    ...(options.proxyUrl === undefined ? {} : { proxyUrl: options.proxyUrl }),
    ...(options.connectParent === undefined ? {} : { connect: options.connectParent }),
  });
}

/** @returns what the hub may reach through this agent; `control` takes requests to the agent */
export function makeTargets(
  { options, client, log, now, random }: PartsOptions,
  { signal, control }: Required<Pick<TargetsOptions, "signal" | "control">>,
): Targets {
  const { flags, child } = options;
  const { server, ca, readCa, tlsServerName, token, clientCert } = child.config;
  return new Targets({
    client,
    namespace: flags.namespace,
    allow: flags.allowTarget,
    configMap: flags.allowTargetsConfigmap,
    netPermission: options.netPermission,
    registry: options.registry,
    now,
    random,
    signal,
    identity: new IdentityMapper({
      forwardExtras: flags.forwardExtras,
      legacyChildCredentials: flags.legacyChildCredentials,
    }),
    child: {
      server,
      ...(ca === undefined ? {} : { ca }),
      ...(readCa === undefined ? {} : { readCa }),
      ...(tlsServerName === undefined ? {} : { tlsServerName }),
      ...(token === undefined ? {} : { token }),
      ...(clientCert === undefined ? {} : { clientCert }),
    },
    ...(options.targetCa === undefined ? {} : { targetCa: options.targetCa }),
    control,
    log,
  });
}

/** What a registration needs beside {@linkcode PartsOptions}. */
export interface RegistrationParts {
  /** Id of this cluster. */
  clusterId: string;
  /** What the Secret held at the start of the term. */
  stored: Stored;
  /** Keeps it. */
  store: ParentClusterStore;
  /** The way to the parent. */
  access: ParentAccess;
  /** Told how far the registration is. */
  onState: (state: RegistrationState) => void;
}

/** @returns the registration of one term */
export async function makeRegistration(
  { options, client, clock, log, now, random }: PartsOptions,
  { clusterId, stored, store, access, onState }: RegistrationParts,
): Promise<Registration> {
  const { flags, bootstrapToken } = options;
  const clusterName = flags.clusterRegName ??
    await derivedClusterName(flags.clusterRegNamePrefix, clusterId);
  const event = childEvents({ client, namespace: flags.namespace, clusterId });
  return new Registration({
    cluster: {
      clusterId,
      clusterName,
      clusterType: flags.clusterRegType,
      clusterLabels: flags.clusterLabels,
      ...(flags.clusterRegNamespace === undefined
        ? {}
        : { clusterNamespace: flags.clusterRegNamespace }),
    },
    stored,
    store,
    parentUrl: flags.clusterRegParentUrl!,
    parent: (token) => access.client(() => token),
    bootstrapToken,
    event,
    clock,
    vetCa: (pem) => access.vet(pem, event),
    onCredentials: ({ caCertificate }, fromHub) =>
      access.trust(caCertificate, fromHub ? event : undefined),
    onState,
    now,
    random,
    log,
  });
}
