/**
 * What is decided about a request, by whom, and how that is written into its status.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
  Condition,
} from "../../shared/kube/clusternet_types.ts";
import { withCredentials } from "./tokens.ts";

/** Who approves: the hub by itself, or a human. */
export type ApprovalMode = "auto" | "manual";

/** What is to be done with a request. */
export type Verdict = "approved" | "pending" | "denied" | "revoked";

/**
 * Finds a condition.
 *
 * @returns the condition, when its status is `True`
 */
export function trueCondition(
  request: ClusterRegistrationRequest,
  type: string,
): Condition | undefined {
  return request.status?.conditions?.find((one) => one.type === type && one.status === "True");
}

/**
 * The condition by which a human said no: `Denied=True`, or an explicit `Approved=False`. The hub
 * writes neither.
 *
 * @returns the condition; `undefined` when nobody said no
 */
function denialOf(request: ClusterRegistrationRequest): Condition | undefined {
  return trueCondition(request, "Denied") ??
    request.status?.conditions?.find(({ type, status }) =>
      type === "Approved" && status === "False"
    );
}

/**
 * Decides. Only the status counts, which no agent can write: a revoked request stays revoked until
 * it is deleted; a human's `Denied=True` or `Approved=False` wins, in both modes. That a condition
 * is merely gone says nothing: what was granted stays granted.
 *
 * @returns the verdict
 */
export function verdictOn(request: ClusterRegistrationRequest, mode: ApprovalMode): Verdict {
  if (trueCondition(request, "Revoked") !== undefined) return "revoked";
  if (denialOf(request) !== undefined) return "denied";
  if (trueCondition(request, "Approved") !== undefined) return "approved";
  const { result, serviceAccount } = request.status ?? {};
  if (result === "Denied") return "denied";
  if (result === "Approved" && serviceAccount !== undefined) return "approved";
  return mode === "auto" ? "approved" : "pending";
}

/**
 * Whether somebody else than the hub itself approved.
 *
 * @returns `false` also where nobody did yet
 */
export function approvedByHand(request: ClusterRegistrationRequest): boolean {
  const approval = trueCondition(request, "Approved");
  return approval !== undefined && approval.reason !== "AutoApproved";
}

/**
 * Who approved, as far as the request tells. A condition does not name its author: the parent's
 * audit log does.
 *
 * @returns a part of a sentence
 */
export function approvedBy(request: ClusterRegistrationRequest): string {
  const approval = trueCondition(request, "Approved");
  if (approval === undefined || !approvedByHand(request)) {
    return "approved by the hub (--approval=auto)";
  }
  const because = approval.reason ? `, reason ${approval.reason.slice(0, 64)}` : "";
  return `approved by an administrator (condition Approved${because}); the parent's audit log ` +
    "says who set it";
}

/**
 * Whether a request's agent may dial in now.
 *
 * @returns `true` for an approved request that is neither denied, revoked nor being deleted
 */
export function isApproved(request: ClusterRegistrationRequest): boolean {
  return request.status?.result === "Approved" &&
    request.metadata.deletionTimestamp === undefined &&
    trueCondition(request, "Revoked") === undefined &&
    denialOf(request) === undefined;
}

/**
 * Whether a request's access is taken away for good, or until a human decides otherwise.
 *
 * @returns `false` for one that is approved, waits or failed
 */
export function isWithdrawn(request: ClusterRegistrationRequest): boolean {
  return request.metadata.deletionTimestamp !== undefined ||
    ["revoked", "denied"].includes(verdictOn(request, "manual"));
}

/**
 * Sets one condition; the time changes only with the status.
 *
 * @returns a new list; the old one is left as it is
 */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  condition: Pick<Condition, "type" | "status" | "reason" | "message">,
  now: number,
): Condition[] {
  const old = conditions?.find(({ type }) => type === condition.type);
  const lastTransitionTime = old?.status === condition.status && old.lastTransitionTime
    ? old.lastTransitionTime
    : rfc3339(now);
  const next = { ...condition, lastTransitionTime };
  if (old === undefined) return [...conditions ?? [], next];
  return conditions!.map((one) => (one === old ? next : one));
}

/**
 * The status of a request whose ManagedCluster was deleted.
 *
 * @param now milliseconds since the epoch
 * @returns the new status; its `errorMessage` says what can be done
 */
export function revokedStatus(
  request: ClusterRegistrationRequest,
  now: number,
): ClusterRegistrationRequestStatus & { errorMessage: string } {
  const message = "Its ManagedCluster was deleted; to register the cluster again, delete this " +
    "request";
  const { serviceAccount: _, ...rest } = withCredentials(request.status, undefined, undefined);
  return {
    ...rest,
    result: "Denied",
    errorMessage: message,
    conditions: withCondition(
      request.status?.conditions,
      { type: "Revoked", status: "True", reason: "ManagedClusterDeleted", message },
      now,
    ),
  };
}

/**
 * The status of a request that a human denied; what was granted is withdrawn by other means.
 *
 * @returns the new status
 */
export function deniedStatus(
  request: ClusterRegistrationRequest,
): ClusterRegistrationRequestStatus {
  const { serviceAccount: _, ...rest } = withCredentials(request.status, undefined, undefined);
  const denial = denialOf(request);
  const message = denial?.message ||
    (denial?.type === "Approved"
      ? "An administrator took the approval back (Approved=False); what was granted is withdrawn"
      : "Denied by an administrator");
  return { ...rest, result: "Denied", errorMessage: message };
}

/**
 * A time as Kubernetes writes it.
 *
 * @param ms milliseconds since the epoch
 * @returns RFC 3339, whole seconds, UTC
 */
export function rfc3339(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
