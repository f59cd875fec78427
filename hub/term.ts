/**
 * A term of leadership: the tunnels and the controllers, which live and die together. A hub
 * without `--leader-elect` has one term that lasts as long as the process.
 *
 * @module
 */
import { delay } from "../shared/backoff.ts";
import type { KubeClient } from "../shared/kube/client.ts";
import type { Log } from "../shared/log.ts";
import type { WindowBudget } from "../shared/tunnel/mod.ts";
import { type Controllers, createControllers } from "./registration/controllers.ts";
import type { TunnelMetrics } from "./tunnels/metrics.ts";
import { TunnelRegistry } from "./tunnels/registry.ts";

/** Options of {@linkcode Term}. */
export interface TermOptions {
  client: KubeClient;
  /** PEM of the parent's API server CA; goes to the agents. */
  parentCa: string;
  instanceId: string;
  namespace: string;
  approval: "auto" | "manual";
  agentTokenTtlMs: number;
  legacyCredentials: boolean;
  reconnectSpreadMs: number;
  pingIntervalMs: number;
  pingTimeoutMs: number;
  budget: WindowBudget;
  metrics: TunnelMetrics;
  log: Log;
  now: () => number;
  random: () => number;
}

/** See the module text. */
export class Term {
  /** Who is connected. */
  readonly registry: TunnelRegistry;
  /** Registration and lifecycle. */
  readonly controllers: Controllers;
  readonly #ended = new AbortController();

  constructor(options: TermOptions) {
    const { client, log, now, random } = options;
    this.registry = new TunnelRegistry({
      instanceId: options.instanceId,
      config: { pingIntervalMs: options.pingIntervalMs, pingTimeoutMs: options.pingTimeoutMs },
      budget: options.budget,
      reconnectSpreadMs: options.reconnectSpreadMs,
      metrics: options.metrics,
      log,
      now,
      random,
    });
    this.controllers = createControllers({
      client,
      registry: this.registry,
      approval: options.approval,
      parentCa: options.parentCa,
      agentTokenTtlMs: options.agentTokenTtlMs,
      legacyCredentials: options.legacyCredentials,
      namespace: options.namespace,
      log,
      now,
      random,
    });
  }

  /** Starts the controllers. */
  start(): void {
    this.controllers.start(this.#ended.signal);
  }

  /** Tells agents to go elsewhere and gives streams time to end. */
  async drain(drainMs: number): Promise<void> {
    this.registry.goAwayAll({ waitMs: Math.min(drainMs, 2_000), reason: "the hub stops" });
    const late = new AbortController();
    await Promise.race([this.registry.drained(), delay(drainMs, late.signal).catch(() => {})]);
    late.abort();
  }

  /** Ends all at once. */
  end(): void {
    this.#ended.abort(new Error("the hub is no longer the leader"));
    this.registry.close();
  }
}
