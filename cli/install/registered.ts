/**
 * Waiting until an agent has registered and its tunnel stands.
 *
 * @module
 */
import { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterConfig } from "../../shared/kube/cluster_config.ts";
import {
  type ClusterRegistrationRequest,
  type ManagedCluster,
  REQUEST_NAME_PREFIX,
} from "../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../shared/kube/conditions.ts";
import { CLUSTER_REGISTRATION_REQUESTS, MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { KubeConnection } from "../../shared/kube/transport.ts";
import { CliError } from "../context.ts";
import { type Membership, readMembership } from "./membership.ts";
import { poll } from "./poll.ts";

/** A cluster that has joined. */
export interface Registered {
  /** UUID. */
  clusterId: string;
  /** Name of its ManagedCluster. */
  name: string;
  /** Dedicated namespace in the parent. */
  namespace: string;
}

/** Options of {@linkcode waitRegistered}. */
export interface WaitRegisteredOptions {
  /** The child. */
  child: KubeClient;
  /** How to reach the hub, without a token. */
  hub: ClusterConfig;
  /** Opens connections. */
  connectTo: (config: ClusterConfig) => KubeConnection;
  /** The token to register with. */
  token: string;
  /** How one calls this program, for what to do in the parent. */
  program: string;
  /** Takes progress, with its line end. */
  err: (text: string) => void;
  /** No longer than this, in milliseconds. */
  timeoutMs: number;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Ends the wait. */
  signal: AbortSignal;
}

/** A request that nobody decided for so long waits for a human, in milliseconds. */
const PENDING_MS = 2_000;

/**
 * Waits until the child holds credentials for the hub and the hub says that the tunnel stands.
 *
 * @returns the cluster; `undefined` when the time is over
 * @throws {CliError} when the hub said no
 */
export async function waitRegistered(
  options: WaitRegisteredOptions,
): Promise<Registered | undefined> {
  const { child, timeoutMs, now, signal } = options;
  const waiting = new Waiting(options);
  return await poll(async () => await waiting.look(await readMembership(child, signal)), {
    timeoutMs,
    now,
    signal,
  });
}

/** Who said no: a human, or the hub when the ManagedCluster was deleted; with what was said. */
function refusal({ status }: ClusterRegistrationRequest): { denied?: string; revoked?: string } {
  const said = (type: string): string | undefined => {
    const found = findCondition(status?.conditions, type);
    return found?.status === "True" ? found.message || found.reason || type : undefined;
  };
  const revoked = said("Revoked");
  const denied = said("Denied") ??
    (status?.result === "Denied" && revoked === undefined
      ? status.errorMessage ?? "no reason is given"
      : undefined);
  return {
    ...(denied === undefined ? {} : { denied }),
    ...(revoked === undefined ? {} : { revoked }),
  };
}

class Waiting {
  readonly #options: WaitRegisteredOptions;
  #pendingSince: number | undefined;
  #said = "";

  constructor(options: WaitRegisteredOptions) {
    this.#options = options;
  }

  async look(known: Membership | undefined): Promise<Registered | undefined> {
    if (known?.clusterId === undefined) return undefined;
    const { clusterId, name, namespace, token, parentUrl, holder } = known;
    const { hub } = this.#options;
    if (
      holder && token !== undefined && name !== undefined && namespace !== undefined &&
      parentUrl === hub.server && await this.#connected(namespace, name, token)
    ) {
      return { clusterId, name, namespace };
    }
    await this.#askRequest(clusterId, known);
    return undefined;
  }

  /** Asks as the agent, which may read its own ManagedCluster. */
  async #connected(namespace: string, name: string, token: string): Promise<boolean> {
    const cluster = await this.#asked(
      token,
      (client, signal) =>
        client.getOrUndefined<ManagedCluster>(MANAGED_CLUSTERS, name, { namespace, signal }),
    );
    return findCondition(cluster?.status?.conditions, "Connected")?.status === "True";
  }

  /** Asks with the bootstrap token, which may read a request whose id it knows. */
  async #askRequest(clusterId: string, known: Membership): Promise<void> {
    const name = REQUEST_NAME_PREFIX + clusterId;
    const request = await this.#asked(
      this.#options.token,
      (client, signal) =>
        client.getOrUndefined<ClusterRegistrationRequest>(
          CLUSTER_REGISTRATION_REQUESTS,
          name,
          { signal },
        ),
    );
    if (request === undefined) return;
    const { program, now } = this.#options;
    const { status, spec } = request;
    if (known.publicKey !== undefined && spec.publicKey.x !== known.publicKey.x) {
      throw new CliError(
        `The hub knows cluster ${clusterId} with another key: the child lost its Secret ` +
          "parent-cluster, or is a copy of another one. In the parent, after a look at it: " +
          `kubectl delete clsrr ${name}`,
      );
    }
    const { denied, revoked } = refusal(request);
    if (denied !== undefined || revoked !== undefined) {
      const next = revoked === undefined
        ? `${program} accept ${clusterId}`
        : `kubectl delete clsrr ${name}`;
      throw new CliError(
        `The hub refuses this cluster: ${denied ?? revoked}. To let it in, in the parent: ${next}`,
      );
    }
    if (status?.result === "Failed") {
      return this.#say(`The hub could not set the cluster up yet: ${status.errorMessage ?? ""}`);
    }
    if (status?.result !== undefined) return;
    this.#pendingSince ??= now();
    if (now() - this.#pendingSince < PENDING_MS) return;
    this.#say(`Waits for approval. In the parent: ${program} accept ${clusterId}`);
  }

  async #asked<T>(
    token: string,
    ask: (client: KubeClient, signal: AbortSignal) => Promise<T | undefined>,
  ): Promise<T | undefined> {
    const { connectTo, hub, signal } = this.#options;
    using connection = connectTo({ ...hub, token: () => Promise.resolve(token) });
    try {
      return await ask(
        new KubeClient({ transport: connection.transport, timeoutMs: 5000 }),
        signal,
      );
    } catch (error) {
      signal.throwIfAborted();
      // A token that is expired or not yet taken, or a hub that is away for a moment
      if (!isStatus(error, 401, 403)) this.#say(`The hub cannot be asked: ${String(error)}`);
      return undefined;
    }
  }

  #say(text: string): void {
    if (text === this.#said) return;
    this.#said = text;
    this.#options.err(`${text}\n`);
  }
}
