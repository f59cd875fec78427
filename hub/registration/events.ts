/**
 * What the users of the parent are told of a registration, as Events and as messages.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import type { StatusError } from "../../shared/kube/status.ts";
import { filterLabels } from "./objects.ts";
import { approvedBy } from "./verdict.ts";

/** An object that an Event can speak of. */
export interface EventSubject extends Pick<ManagedCluster, "metadata"> {
  apiVersion: string;
  kind: string;
}

/** Tells the users of the parent what happened to an object. */
export interface EventSink {
  record(
    object: EventSubject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void;
}

/** A request waits for a human: how to approve it. */
export function tellPending(events: EventSink, request: ClusterRegistrationRequest): void {
  events.record(
    request,
    "Normal",
    "ApprovalPending",
    "Waits for an administrator (--approval=manual). To approve: kubectl patch clsrr " +
      `${request.metadata.name} --subresource=status --type=merge -p ` +
      `'{"status":{"conditions":[{"type":"Approved","status":"True"}]}}'; ` +
      "to revoke later, the same with status False",
  );
}

/**
 * A request is approved, its cluster registered, and what its agent may not set left out.
 *
 * @param request with its new status
 */
export function tellApproved(
  events: EventSink,
  request: ClusterRegistrationRequest,
  cluster: ManagedCluster,
): void {
  const { namespace, name } = cluster.metadata;
  const by = approvedBy(request);
  events.record(request, "Normal", "Approved", `Registered as ${namespace}/${name}, ${by}`);
  events.record(cluster, "Normal", "Registered", `By request ${request.metadata.name}`);
  const { refused } = filterLabels(request.spec.clusterLabels);
  if (refused.length === 0) return;
  const keys = refused.slice(0, 10).join(", ");
  events.record(
    request,
    "Warning",
    "LabelsIgnored",
    `An agent may not set these labels: ${keys}`,
  );
}

/** An approved agent was given a token outside of its renewal. */
export function tellIssued(
  events: EventSink,
  request: ClusterRegistrationRequest,
  expiry: string,
): void {
  events.record(
    request,
    "Warning",
    "CredentialsIssued",
    "A fresh token beside its renewal (its ServiceAccount was made anew, the status held none, " +
      `or --legacy-credentials changed) is in the status, valid until ${expiry}`,
  );
}

/** @returns a refusal of the parent, with what to do about it */
export function explainRefusal(error: StatusError): string {
  const hint = error.code === 403
    ? "; apply deploy/hub again: the hub's rights or its admission policy are not those it needs"
    : error.code === 404
    ? "; apply deploy/hub again: namespace clusternet-agents or a CRD is missing"
    : "";
  return `The parent refuses: ${error.message}${hint}`;
}
