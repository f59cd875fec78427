/**
 * What is remembered of clusters that are, or were, connected; bounded.
 *
 * @module
 */
import type { LastSeen } from "./registry_types.ts";

/** Options of {@linkcode LastSeenMap}. */
export interface LastSeenOptions {
  /** When this hub started, in milliseconds. */
  startedAt: number;
  /** How long after a loss, or after the start, a return is expected, in milliseconds. */
  returnDueMs: number;
  /** Lost clusters that are remembered; the longest gone is dropped first. @default {20_000} */
  max?: number;
}

/** When each cluster came and went. */
export class LastSeenMap {
  readonly #options: LastSeenOptions;
  /** Ordered by the latest change. */
  readonly #clusters = new Map<string, LastSeen>();

  /** Makes an empty map. */
  constructor(options: LastSeenOptions) {
    this.#options = options;
  }

  /** What is known of a cluster. */
  get(clusterId: string): LastSeen {
    return { ...this.#clusters.get(clusterId) };
  }

  /** A session of a cluster came up. */
  connected(clusterId: string, at: number): void {
    this.#clusters.delete(clusterId);
    this.#clusters.set(clusterId, { connectedAt: at });
  }

  /** A cluster's last session ended. */
  disconnected(clusterId: string, connectedAt: number, at: number, reason: string): void {
    this.#clusters.delete(clusterId);
    this.#clusters.set(clusterId, { connectedAt, disconnectedAt: at, reason });
    for (const [id, { disconnectedAt }] of this.#clusters) {
      if (this.#clusters.size <= (this.#options.max ?? 20_000)) break;
      if (disconnectedAt !== undefined) this.#clusters.delete(id);
    }
  }

  /** Drops a cluster. */
  forget(clusterId: string): void {
    this.#clusters.delete(clusterId);
  }

  /** Whether a cluster that is not connected should be back within seconds. */
  returnDue(clusterId: string, now: number): boolean {
    const { startedAt, returnDueMs } = this.#options;
    const seen = this.#clusters.get(clusterId);
    if (seen?.disconnectedAt !== undefined) return now - seen.disconnectedAt < returnDueMs;
    return seen === undefined && now - startedAt < returnDueMs;
  }
}
