/**
 * What the hub keeps in memory of each request and each ManagedCluster: the fields that it uses.
 * Whoever may create one may fill its labels, annotations and finalizers with more than a megabyte,
 * and the hub holds every one of them for as long as it stands.
 *
 * Nothing that is left out is lost in the parent: the status of a request is written alone (an API
 * server takes nothing else from an update of `status`), and a ManagedCluster is only patched, its
 * finalizers after they were read anew.
 *
 * @module
 */
import {
  type ClusterRegistrationRequest,
  type Condition,
  type ManagedCluster,
  type ObjectMeta,
  REQUEST_UID_ANNOTATION,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";

/** All labels that are valid together are 24 KiB at most: 64 of 317 and 63 characters. */
const MAX_LABEL_CHARS = 32_768;
/** The longest text of the hub's own conditions is a tenth of it. */
const MAX_TEXT_CHARS = 4_096;
const MAX_CONDITIONS = 32;

/**
 * Labels that a request asks for, when they are too long to be kept: no valid key, so that the
 * request fails as one with such a label does.
 */
export const LABELS_TOO_LONG = "(longer than 32 KiB)";

/**
 * A request as the hub keeps it: without labels, annotations and finalizers, its labels for the
 * ManagedCluster bounded.
 *
 * @returns a new object
 */
export function keptRequest(request: ClusterRegistrationRequest): ClusterRegistrationRequest {
  const { apiVersion, kind, metadata, spec, status } = request;
  const labels = Object.entries(spec.clusterLabels ?? {});
  const chars = labels.reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  return {
    apiVersion,
    kind,
    metadata: keptMeta(metadata),
    spec: chars > MAX_LABEL_CHARS ? { ...spec, clusterLabels: { [LABELS_TOO_LONG]: "" } } : spec,
    ...(status === undefined ? {} : { status }),
  };
}

/**
 * A ManagedCluster as the hub keeps it: whose it is, whether the hub's finalizer holds it, and what
 * its conditions are decided from.
 *
 * @returns a new object
 */
export function keptCluster(cluster: ManagedCluster): ManagedCluster {
  const { apiVersion, kind, metadata, spec, status } = cluster;
  const uid = metadata.annotations?.[REQUEST_UID_ANNOTATION];
  return {
    apiVersion,
    kind,
    metadata: {
      ...keptMeta(metadata),
      ...(uid === undefined ? {} : { annotations: { [REQUEST_UID_ANNOTATION]: bounded(uid) } }),
      ...(metadata.finalizers?.includes(REVOKE_FINALIZER)
        ? { finalizers: [REVOKE_FINALIZER] }
        : {}),
    },
    spec,
    ...(status === undefined ? {} : { status: keptStatus(status) }),
  };
}

function keptMeta(metadata: ObjectMeta): ObjectMeta {
  const { name, namespace, uid, resourceVersion, generation } = metadata;
  const { creationTimestamp, deletionTimestamp } = metadata;
  return {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(generation === undefined ? {} : { generation }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
  };
}

function keptStatus(
  status: NonNullable<ManagedCluster["status"]>,
): NonNullable<ManagedCluster["status"]> {
  const { lastObservedTime, readyz, heartbeatFrequencySeconds, conditions } = status;
  return {
    ...(lastObservedTime === undefined ? {} : { lastObservedTime: bounded(lastObservedTime) }),
    ...(readyz === undefined ? {} : { readyz }),
    ...(heartbeatFrequencySeconds === undefined ? {} : { heartbeatFrequencySeconds }),
    ...(conditions === undefined
      ? {}
      : { conditions: conditions.slice(0, MAX_CONDITIONS).map(keptCondition) }),
  };
}

function keptCondition(condition: Condition): Condition {
  const { type, status, reason, message, lastTransitionTime } = condition;
  return {
    type: bounded(type),
    status,
    reason: bounded(reason),
    message: bounded(message),
    lastTransitionTime: bounded(lastTransitionTime),
  };
}

/** The whole text or nothing of it: a slice would hold the long one in memory. */
function bounded(text: string): string {
  return text.length > MAX_TEXT_CHARS ? "" : text;
}
