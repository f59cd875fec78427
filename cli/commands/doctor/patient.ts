/**
 * What the steps of an examination learn and hand on.
 *
 * @module
 */
import type { ClusterRegistrationRequest, ManagedCluster } from "../../../shared/kube/mod.ts";
import type { CliContext, Connected } from "../../context.ts";

/** See the module text; filled step by step. */
export interface Patient {
  readonly context: CliContext;
  /** Parent, once it is known. */
  parent?: Connected;
  /** The time of its answer by both clocks, in milliseconds since the epoch. */
  answered?: { here: number; there: number };
  /** Who the user is in the parent. */
  me?: { username: string; groups: readonly string[] };
  /** The parent is a hub that serves its API by itself. */
  standalone?: boolean;
  /** Version of the hub, without `v`. */
  hubVersion?: string;
  /** All clusters, where the user may list them. */
  clusters?: ManagedCluster[];
  /** All requests, where the user may list them. */
  requests?: ClusterRegistrationRequest[];
  /** Id of the cluster in question. */
  clusterId?: string;
  cluster?: ManagedCluster;
  request?: ClusterRegistrationRequest;
}

/** Deadline of each question, in milliseconds. */
export const ASK_MS = 10_000;

/** Clocks that differ by more than this are named, in milliseconds. */
export const MAX_SKEW_MS = 60_000;

/**
 * The parent of a patient.
 *
 * @throws {TypeError} before it is known: a step lacks a need
 */
export function parentOf({ parent }: Patient): Connected {
  if (parent === undefined) throw new TypeError("the parent is not known yet");
  return parent;
}

/** As {@linkcode parentOf}, for the cluster's id. */
export function idOf({ clusterId }: Patient): string {
  if (clusterId === undefined) throw new TypeError("the cluster is not known yet");
  return clusterId;
}

/** Options of every question. */
export function asking({ context }: Patient): { signal: AbortSignal; timeoutMs: number } {
  return { signal: context.signal, timeoutMs: ASK_MS };
}

/** @returns whether time lies apart, in words; `undefined` where it is close enough */
export function skewText(ms: number): string | undefined {
  if (Math.abs(ms) <= MAX_SKEW_MS) return undefined;
  return `${Math.round(Math.abs(ms) / 1000)} s ${ms > 0 ? "ahead of" : "behind"}`;
}
