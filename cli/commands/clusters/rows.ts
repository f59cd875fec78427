/**
 * The table of clusters.
 *
 * @module
 */
import type { ManagedCluster } from "../../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../../shared/kube/conditions.ts";
import { conditionStatus, isConnected, lastHeard } from "../../fleet/state.ts";
import { ageOf } from "../../output/age.ts";
import { cell } from "../../output/table.ts";

const HEADER = ["NAME", "CLUSTER-ID", "KUBERNETES", "READY", "CONNECTED", "HEARTBEAT", "AGE"];
const WIDE = ["PLATFORM", "AGENT", "NAMESPACE", "MESSAGE"];

/** @returns the first row */
export function clusterHeader(wide: boolean): string[] {
  return wide ? [...HEADER, ...WIDE] : HEADER;
}

/**
 * A cluster's row. HEARTBEAT is the age of the last sign of life.
 *
 * @param now milliseconds since the epoch
 * @returns cells that are safe for a terminal
 */
export function clusterRow(cluster: ManagedCluster, wide: boolean, now: number): string[] {
  const { metadata, spec, status = {} } = cluster;
  const row = [
    metadata.name,
    spec.clusterId,
    status.k8sVersion,
    conditionStatus(cluster, "Ready"),
    conditionStatus(cluster, "Connected"),
    ageOf(lastHeard(cluster), now),
    ageOf(metadata.creationTimestamp, now),
  ];
  if (wide) row.push(status.platform, status.agentVersion, metadata.namespace, message(cluster));
  return row.map(cell);
}

/** What explains the state best. */
function message(cluster: ManagedCluster): string | undefined {
  const { conditions } = cluster.status ?? {};
  const duplicate = findCondition(conditions, "DuplicateAgent");
  if (duplicate?.status === "True") return duplicate.message;
  return findCondition(conditions, isConnected(cluster) ? "Ready" : "Connected")?.message;
}
