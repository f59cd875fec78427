/**
 * Registration requests as a human decides on them.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import {
  type ClusterRegistrationRequest,
  type Condition,
  REQUEST_NAME_PREFIX,
} from "../../shared/kube/clusternet_types.ts";
import { findCondition, setCondition } from "../../shared/kube/conditions.ts";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { CliError } from "../context.ts";

/** Somebody else may write the status at the same time, the hub above all. */
const MAX_TRIES = 8;

/** @returns all requests of the parent */
export async function listRequests(
  client: Pick<KubeClient, "list">,
  signal: AbortSignal,
): Promise<ClusterRegistrationRequest[]> {
  return (await client.list<ClusterRegistrationRequest>(CLUSTER_REGISTRATION_REQUESTS, { signal }))
    .items;
}

/**
 * Whether nobody decided on a request yet.
 *
 * @returns `true` when it waits
 */
export function isPending({ metadata, status }: ClusterRegistrationRequest): boolean {
  return metadata.deletionTimestamp === undefined && status?.result === undefined &&
    !["Approved", "Denied", "Revoked"].some((type) =>
      findCondition(status?.conditions, type)?.status === "True"
    );
}

/**
 * Finds the requests that are meant.
 *
 * @param words each a cluster id, a request's name, or a cluster's name
 * @returns each once, in the order of the words
 * @throws {CliError} for a word that means none, or several
 */
export function findRequests(
  all: readonly ClusterRegistrationRequest[],
  words: readonly string[],
  program: string,
): ClusterRegistrationRequest[] {
  const found = new Map<string, ClusterRegistrationRequest>();
  for (const word of words) {
    const name = word.replace(/^.*\//, ""); // "clsrr/clusternet-...", as kubectl -o name prints it
    const exact = all.filter(({ metadata, spec }) =>
      metadata.name === name || spec.clusterId === name
    );
    const matching = exact.length > 0
      ? exact
      : all.filter(({ spec, status }) =>
        spec.clusterName === name || status?.managedClusterName === name
      );
    if (matching.length === 0) {
      throw new CliError(
        `No cluster "${word}" has asked to be registered: kubectl get clsrr shows those that have. ` +
          `To let one ask, run there what ${program} token create --print-join-command prints`,
      );
    }
    if (matching.length > 1) {
      const ids = matching.map(({ spec }) => spec.clusterId).join(", ");
      throw new CliError(`Several clusters are named "${word}": say which by its id: ${ids}`);
    }
    found.set(matching[0]!.metadata.name!, matching[0]!);
  }
  return [...found.values()];
}

/** Options of {@linkcode decide}. */
export interface DecideOptions {
  /** The parent. */
  client: Pick<KubeClient, "get" | "update">;
  /** The request. */
  request: ClusterRegistrationRequest;
  /** What the human says. */
  decision: "Approved" | "Denied";
  /** Why. */
  message: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Writes a human's decision into a request's conditions (hub/registration/verdict.ts reads them):
 * the other decision, where there is one, becomes `False`.
 *
 * @throws {CliError} for a cluster that was revoked
 */
export async function decide(options: DecideOptions): Promise<void> {
  const { client, signal } = options;
  let { request } = options;
  for (let tries = 1;; tries++) {
    const conditions = decided(request, options);
    if (conditions === undefined) return;
    try {
      await client.update(
        CLUSTER_REGISTRATION_REQUESTS,
        { ...request, status: { ...request.status, conditions } },
        { subresource: "status", fieldManager: "clusternet-ctl", signal },
      );
      return;
    } catch (error) {
      if (!isStatus(error, 409) || tries === MAX_TRIES) throw error;
      const name = `${REQUEST_NAME_PREFIX}${request.spec.clusterId}`;
      request = await client.get(CLUSTER_REGISTRATION_REQUESTS, name, { signal });
    }
  }
}

/** @returns the new conditions; `undefined` when they say so already */
function decided(
  { spec, status }: ClusterRegistrationRequest,
  { decision, message, now }: DecideOptions,
): Condition[] | undefined {
  if (findCondition(status?.conditions, "Revoked")?.status === "True") {
    throw new CliError(
      `Cluster ${spec.clusterId} was revoked and stays so. To let it register again, delete its ` +
        `request: kubectl delete clsrr ${REQUEST_NAME_PREFIX}${spec.clusterId}`,
    );
  }
  const conditions = structuredClone(status?.conditions ?? []);
  const other = decision === "Approved" ? "Denied" : "Approved";
  const approve = decision === "Approved";
  const reason = approve ? "ByAdmin" : "DeniedByAdmin";
  const said = findCondition(conditions, decision)?.status === "True";
  const opposed = findCondition(conditions, other)?.status === "True";
  if (said && !opposed) return undefined;
  if (opposed) setCondition(conditions, { type: other, status: "False", reason, message }, now());
  setCondition(conditions, { type: decision, status: "True", reason, message }, now());
  return conditions;
}
