/**
 * When no agent may attach: while the hub drains, and, for one cluster, while two agents fight for
 * it.
 *
 * @module
 */
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { DuplicateGuard, type DuplicateOptions, type Fight } from "./duplicates.ts";

/** Why an attach is refused, as its agent is told with GOAWAY. */
export interface AttachRefusal {
  /** A short name, for metrics. */
  name: string;
  /** A `SessionCode`. */
  code: number;
  /** A sentence. */
  reason: string;
  /** When the agent may dial again, in milliseconds. */
  waitMs: number;
}

/** What agents are told while the hub drains. */
export interface Drain {
  /** When to dial another hub at the latest, in milliseconds. */
  waitMs: number;
  /** Why the hub drains. */
  reason: string;
}

/** Decides about attaches. */
export class AttachGate {
  readonly #duplicates: DuplicateGuard;
  /** Set from the moment that the hub drains. */
  draining: Drain | undefined;

  /** Makes a gate that refuses nobody. */
  constructor(duplicates?: DuplicateOptions) {
    this.#duplicates = new DuplicateGuard(duplicates);
  }

  /**
   * Whether a cluster's attach is refused.
   *
   * @param now milliseconds
   * @returns why; `undefined` when it is not
   */
  refusal(clusterId: string, now: number): AttachRefusal | undefined {
    if (this.draining !== undefined) {
      return { name: "draining", code: SessionCode.SHUTTING_DOWN, ...this.draining };
    }
    const waitMs = this.#duplicates.refusedMs(clusterId, now);
    if (waitMs === 0) return undefined;
    return {
      name: "duplicate",
      code: SessionCode.DUPLICATE_AGENT,
      waitMs,
      reason: "two agents claim this cluster: stop one of them. Attaches are refused for " +
        `${Math.ceil(waitMs / 1000)} s`,
    };
  }

  /**
   * Notes that one instance's session replaced another's.
   *
   * @param now milliseconds
   * @returns the fight, when this makes it one: attaches of the cluster are then refused
   */
  replaced(clusterId: string, from: string, to: string, now: number): Fight | undefined {
    return this.#duplicates.replaced(clusterId, from, to, now);
  }

  /** Drops what is known of a cluster. */
  forget(clusterId: string): void {
    this.#duplicates.forget(clusterId);
  }
}
