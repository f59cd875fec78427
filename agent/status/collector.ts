/**
 * Looks at the child: its version, its health and its nodes.
 *
 * @module
 */
import { withDeadline } from "../../shared/backoff.ts";
import type { ManagedClusterStatus } from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { type NodeSummary, summariseNodes } from "./nodes.ts";

/** What is quickly known, and looked at often. */
export type Health = Required<Pick<ManagedClusterStatus, "healthz" | "livez" | "readyz">> & {
  k8sVersion?: string;
  platform?: string;
};

/** Options of {@linkcode Collector}. */
export interface CollectorOptions {
  /** Client of the child. */
  client: KubeClient;
  /** How long one look may take, in milliseconds. @default {5_000} */
  healthMs?: number;
  /** How long listing all nodes may take, in milliseconds. @default {60_000} */
  nodesMs?: number;
  /** @default {silentLog} */
  log?: Log;
}

/** Looks at the child; what cannot be seen is unhealthy or left out, never thrown. */
export class Collector {
  readonly #client: KubeClient;
  readonly #healthMs: number;
  readonly #nodesMs: number;
  readonly #log: Log;
  #version: { k8sVersion?: string; platform?: string } = {};
  #nodes: NodeSummary | undefined;
  #said = "";

  constructor({ client, healthMs = 5_000, nodesMs = 60_000, log = silentLog }: CollectorOptions) {
    this.#client = client;
    this.#healthMs = healthMs;
    this.#nodesMs = nodesMs;
    this.#log = log;
  }

  /**
   * Asks for version and health, all at once.
   *
   * @param signal ends it
   * @returns health; `false` where there was no good answer in time; the last known version
   * @throws the signal's reason
   */
  async health(signal: AbortSignal): Promise<Health> {
    const [healthz, livez, readyz] = await Promise.all([
      this.#ok("/healthz", signal),
      this.#ok("/livez", signal),
      this.#ok("/readyz", signal),
      this.#readVersion(signal),
    ]);
    signal.throwIfAborted();
    return { ...this.#version, healthz, livez, readyz };
  }

  /**
   * Lists the nodes.
   *
   * @param signal ends it
   * @returns the sums; those of the last time when they cannot be read now
   * @throws the signal's reason
   */
  async nodes(signal: AbortSignal): Promise<NodeSummary | undefined> {
    try {
      this.#nodes = await withDeadline(
        this.#nodesMs,
        "list the nodes of this cluster",
        (inner) => summariseNodes(this.#client, inner),
        signal,
      );
      this.#said = "";
    } catch (error) {
      signal.throwIfAborted();
      const text = String(error);
      if (text !== this.#said) {
        this.#log.warn("Cannot sum up the nodes; the last known sums are reported", { error });
      }
      this.#said = text;
    }
    return this.#nodes;
  }

  async #ok(path: string, signal: AbortSignal): Promise<boolean> {
    try {
      return await withDeadline(this.#healthMs, `ask ${path}`, async (inner) => {
        const response = await this.#client.raw(path, { signal: inner });
        await response.body?.cancel();
        return response.ok;
      }, signal);
    } catch (error) {
      this.#log.debug("The child's health cannot be seen", { path, error });
      return false;
    }
  }

  async #readVersion(signal: AbortSignal): Promise<void> {
    try {
      this.#version = await withDeadline(this.#healthMs, "ask /version", async (inner) => {
        const response = await this.#client.raw("/version", { signal: inner });
        if (!response.ok) {
          await response.body?.cancel();
          return this.#version;
        }
        const { gitVersion, platform } = await response.json() as Record<string, unknown>;
        return {
          ...(typeof gitVersion === "string" ? { k8sVersion: gitVersion } : {}),
          ...(typeof platform === "string" ? { platform } : {}),
        };
      }, signal);
    } catch (error) {
      this.#log.debug("The child's version cannot be seen", { error });
    }
  }
}
