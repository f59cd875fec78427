/**
 * The agent's allow-list as a whole: what the flags and the ConfigMap say, the server that obeys
 * them, and who is told.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import type { MetricsRegistry } from "../../shared/metrics.ts";
import { writeEvent } from "../events.ts";
import { TargetConfigMap } from "./config_map.ts";
import { type NetPermission, sayDenied } from "./net_permission.ts";
import { TargetPolicy } from "./policy.ts";
import { createTargetServer, type TargetServer, type TargetServerOptions } from "./serve.ts";
import { createTargetMetrics } from "./target_metrics.ts";

/** Options of {@linkcode Targets}. */
export interface TargetsOptions extends Omit<TargetServerOptions, "policy"> {
  /** The way to the child's API, with the agent's own rights. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
  /** Entries of `--allow-target`. */
  allow: readonly string[];
  /** Name of the ConfigMap with more of them; empty for none. */
  configMap: string;
  /** What this process may dial. @default {all} */
  netPermission?: NetPermission | undefined;
  /** Takes metrics. */
  registry: MetricsRegistry;
  /** Milliseconds. */
  now: () => number;
  /** 0 to 1. */
  random: () => number;
  /** Ends the watch. */
  signal: AbortSignal;
}

/** At most so long the tunnel waits for the list, in milliseconds. */
const LIST_MS = 2_000;

/** See the module text. */
export class Targets {
  /** Serves streams. */
  readonly server: TargetServer;
  readonly #list: TargetConfigMap | undefined;
  #leading = false;

  /**
   * Starts to watch the ConfigMap.
   *
   * @throws {RangeError} for an entry or URL that cannot be read
   */
  constructor(options: TargetsOptions) {
    const { client, namespace, allow, configMap, netPermission, registry, child } = options;
    const { log = silentLog, now, random, signal } = options;
    const policy = new TargetPolicy({
      childServer: child.server,
      allow,
      ...(configMap === "" ? {} : { listName: `ConfigMap ${namespace}/${configMap}` }),
    });
    const check = (entries: typeof policy.flags, to: Log): void => {
      if (netPermission !== undefined) sayDenied(entries, netPermission, to);
    };
    check(policy.flags, log);
    this.server = createTargetServer({ ...options, policy });
    if (configMap !== "") {
      this.#list = new TargetConfigMap({
        client,
        namespace,
        name: configMap,
        apply: (entries) => {
          policy.setListed(entries);
          check(entries, log);
        },
        // Standbys watch too, so that they have a good list when they take over; one agent tells
        event: (...event) => {
          if (this.#leading) writeEvent(client, ...event);
        },
        log,
        now,
        random,
      });
      this.#list.start(signal);
    }
    createTargetMetrics(registry, () => ({
      flagEntries: policy.flags.length,
      listEntries: this.#list?.entries.length ?? 0,
      fault: this.#list?.fault,
    }));
  }

  /**
   * Waits a little for the ConfigMap, so that the first request finds its list in force.
   *
   * @param signal ends the wait
   * @returns resolves when this agent may serve, in any case; never rejects
   */
  async lead(signal: AbortSignal): Promise<void> {
    await this.#list?.ready(LIST_MS, signal);
    this.#leading = true;
    this.#list?.repeatFault();
  }

  /** Another agent may lead now: this one writes no Events. */
  standBy(): void {
    this.#leading = false;
  }

  /** Cuts every stream; resolves when all is closed, after the signal. */
  async close(): Promise<void> {
    this.server.close();
    await this.#list?.stopped;
  }
}
