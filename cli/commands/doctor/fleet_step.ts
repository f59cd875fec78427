/**
 * All clusters at once, by what the parent has written down of them.
 *
 * @module
 */
import type { ManagedCluster } from "../../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../../shared/kube/conditions.ts";
import { isPending, uniqueNames } from "../../fleet/clusters.ts";
import { shellWord } from "../../../shared/shell_word.ts";
import { conditionStatus, isConnected } from "../../fleet/state.ts";
import type { Patient } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

/** Healthy clusters are named one by one up to this many. */
const MAX_NAMED = 10;

/** The step; it needs `kinds`. */
export function fleetStep(patient: Patient): Step {
  return {
    id: "clusters",
    title: "the clusters",
    needs: ["kinds"],
    run: () => Promise.resolve(clusters(patient)),
  };
}

function isHealthy(cluster: ManagedCluster): boolean {
  return isConnected(cluster) && conditionStatus(cluster, "Ready") === "True" &&
    conditionStatus(cluster, "DuplicateAgent") !== "True";
}

function clusters({ context, clusters = [], requests = [] }: Patient): Outcome[] {
  const { program } = context;
  const names = uniqueNames(clusters);
  const healthy = clusters.filter(isHealthy);
  const waiting = requests.filter(isPending);
  const outcomes: Outcome[] = healthy.length > MAX_NAMED
    ? [ok(`${healthy.length} clusters are connected and ready`)]
    : healthy.map((one) => ok(`${names.get(one)} is connected and ready`));
  for (const one of clusters.filter((one) => !isHealthy(one))) {
    outcomes.push(
      broken(
        `${names.get(one)}: ${fault(one)}`,
        `\`${program} doctor ${shellWord(names.get(one)!)}\` finds out where`,
      ),
    );
  }
  for (const { spec, metadata } of waiting) {
    outcomes.push(
      unknown(
        `request ${metadata.name} waits for a decision`,
        `\`${program} accept ${spec.clusterId}\``,
      ),
    );
  }
  if (outcomes.length === 0) {
    outcomes.push(
      unknown(
        "no cluster has joined yet",
        `\`${program} token create --print-join-command\` prints the command that joins one`,
      ),
    );
  }
  return outcomes;
}

function fault(cluster: ManagedCluster): string {
  const { conditions } = cluster.status ?? {};
  const duplicate = findCondition(conditions, "DuplicateAgent");
  if (duplicate?.status === "True") return duplicate.message;
  const type = isConnected(cluster) ? "Ready" : "Connected";
  return findCondition(conditions, type)?.message || `it is not ${type.toLowerCase()}`;
}
