/**
 * Reports the child's status to its ManagedCluster in the parent.
 *
 * @module
 */
import { Backoff, delay } from "../../shared/backoff.ts";
import {
  AGENT_FIELD_MANAGER,
  type ManagedClusterStatus,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { Sayer } from "../say.ts";
import type { Collector, Health } from "./collector.ts";
import type { NodeSummary } from "./nodes.ts";

/** Where reports go; asked anew for each. */
export interface ReportTarget {
  /** Client of the parent, with the agent's own token. */
  client: KubeClient;
  /** Dedicated namespace. */
  namespace: string;
  /** Name of the ManagedCluster. */
  name: string;
}

/** Options of {@linkcode Reporter}. */
export interface ReporterOptions {
  collector: Pick<Collector, "health" | "nodes">;
  /** `undefined` while there are no credentials. */
  target: (signal: AbortSignal) => Promise<ReportTarget | undefined>;
  agentVersion: string;
  /** The child's API server as the agent sees it. */
  apiserverURL: string;
  /** Between two reports, in milliseconds. */
  updateMs: number;
  /** Between two looks at the health, in milliseconds. */
  collectMs: number;
  /** The parent refuses the token; called for each such answer. */
  onUnauthorized?: () => void;
  /** Told how each report ended. */
  onReport?: (ok: boolean) => void;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** @default {Math.random} */
  random?: () => number;
  /** @default {silentLog} */
  log?: Log;
  /** The first report does not wait longer for the nodes, in milliseconds. @default {200} */
  firstNodesMs?: number;
}

/** Reports; one run for each time this agent leads. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #say: Sayer;
  readonly #backoff: Backoff;

  constructor(options: ReporterOptions) {
    const { now = Date.now, random = Math.random, log = silentLog } = options;
    this.#options = options;
    this.#now = now;
    this.#random = random;
    this.#say = new Sayer({ log, now });
    this.#backoff = new Backoff({ baseMs: 500, maxMs: 30_000, random });
  }

  /**
   * Looks and reports until the signal aborts: first as soon as there are credentials, then at
   * each change of health, and at least each update period.
   *
   * @param registered resolves when there are credentials; the first look does not wait for it
   * @param signal ends it
   * @returns never before the signal
   * @throws the signal's reason
   */
  async run(registered: Promise<unknown>, signal: AbortSignal): Promise<never> {
    const { collector, collectMs } = this.#options;
    const nodesRead = collector.nodes(signal);
    nodesRead.catch(() => {}); // It is awaited later; an abort before that is no fault
    let health = await collector.health(signal);
    await registered;
    let nodes = await this.#soon(nodesRead, signal);
    await this.#deliver(health, nodes, signal);
    if (nodes === undefined) {
      nodes = await nodesRead;
      if (nodes !== undefined) await this.#deliver(health, nodes, signal);
    }
    let nextReport = this.#now() + this.#period();
    while (true) {
      await delay(collectMs * (0.9 + 0.2 * this.#random()), signal);
      const seen = await collector.health(signal);
      const due = this.#now() >= nextReport;
      if (!due && sameHealth(seen, health)) continue;
      health = seen;
      if (due) nodes = await collector.nodes(signal);
      await this.#deliver(health, nodes, signal);
      nextReport = this.#now() + this.#period();
    }
  }

  /** A fleet that started at once must not report at once. */
  #period(): number {
    return this.#options.updateMs * (0.9 + 0.2 * this.#random());
  }

  async #soon(
    nodes: Promise<NodeSummary | undefined>,
    signal: AbortSignal,
  ): Promise<NodeSummary | undefined> {
    const enough = new AbortController();
    const wait = delay(
      this.#options.firstNodesMs ?? 200,
      AbortSignal.any([signal, enough.signal]),
    ).then(() => undefined, () => undefined);
    try {
      return await Promise.race([nodes, wait]);
    } finally {
      enough.abort();
      await wait;
    }
  }

  /** Sends one report until the parent took it, fresh in time at each try. */
  async #deliver(
    health: Health,
    nodes: NodeSummary | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { target, onReport, onUnauthorized } = this.#options;
    while (true) {
      signal.throwIfAborted();
      try {
        const to = await target(signal);
        if (to !== undefined) {
          await this.#send(to, health, nodes, signal);
          this.#backoff.reset();
          this.#say.reset();
          onReport?.(true);
          return;
        }
      } catch (error) {
        signal.throwIfAborted();
        onReport?.(false);
        if (isStatus(error, 401)) onUnauthorized?.();
        this.#say.say("warn", reportFault(error), { error });
      }
      await delay(Math.max(100, this.#backoff.next()), signal);
    }
  }

  async #send(
    { client, namespace, name }: ReportTarget,
    health: Health,
    nodes: NodeSummary | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { agentVersion, apiserverURL, updateMs } = this.#options;
    const status: ManagedClusterStatus = {
      ...health,
      ...nodes,
      agentVersion,
      apiserverURL,
      heartbeatFrequencySeconds: Math.max(1, Math.round(updateMs / 1000)),
      lastObservedTime: new Date(this.#now()).toISOString().replace(/\.\d+Z$/, "Z"),
    };
    await client.patch(MANAGED_CLUSTERS, name, {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ManagedCluster",
      metadata: { name, namespace },
      status,
    }, {
      type: "apply",
      namespace,
      subresource: "status",
      fieldManager: AGENT_FIELD_MANAGER,
      // The hub puts readyz to false while the agent is away: this takes it back
      force: true,
      signal,
    });
  }
}

function sameHealth(a: Health, b: Health): boolean {
  return a.healthz === b.healthz && a.livez === b.livez && a.readyz === b.readyz &&
    a.k8sVersion === b.k8sVersion && a.platform === b.platform;
}

function reportFault(error: unknown): string {
  if (isStatus(error, 401)) return "The parent refuses the agent's token for its status report";
  if (isStatus(error, 403)) {
    return "The agent may not report its status: it needs patch on managedclusters/status in its " +
      "namespace; the hub grants it when it approves the registration";
  }
  if (isStatus(error, 404)) return "The parent has no ManagedCluster for this cluster (any more)";
  return "Cannot report the status to the parent; tries again";
}
