/**
 * Whether the cluster is registered, and if not, how far it got.
 *
 * @module
 */
import type { ClusterRegistrationRequest } from "../../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../../shared/kube/conditions.ts";
import { isClusterId } from "../../../shared/sockets_path.ts";
import { fullName, isPending, matchClusters } from "../../fleet/clusters.ts";
import type { Patient } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

/**
 * The step; it needs `kinds`. It finds the cluster's id.
 *
 * @param wanted name, id, or `namespace/name`
 */
export function registrationStep(patient: Patient, wanted: string): Step {
  return {
    id: "registration",
    title: `the registration of ${wanted}`,
    needs: ["kinds"],
    run: () => Promise.resolve(registration(patient, wanted)),
  };
}

function registration(patient: Patient, wanted: string): Outcome {
  const { clusters, requests } = patient;
  const found = matchClusters(clusters ?? [], wanted);
  if (found.length > 1) {
    return broken(
      `"${wanted}" is the name of ${found.length} clusters: ${found.map(fullName).join(", ")}`,
      "give namespace/name, or the id",
    );
  }
  const [cluster] = found;
  const id = cluster?.spec.clusterId ??
    (isClusterId(wanted.toLowerCase()) ? wanted.toLowerCase() : "");
  const request = requests?.find(({ metadata, spec, status }) =>
    id === ""
      ? [metadata.name, spec.clusterName, status?.managedClusterName].includes(wanted)
      : spec.clusterId === id
  );
  patient.clusterId = id === "" ? request?.spec.clusterId ?? "" : id;
  if (cluster !== undefined) patient.cluster = cluster;
  if (request !== undefined) patient.request = request;
  if (request !== undefined) {
    const fault = requestFault(patient, request);
    if (fault !== undefined) return fault;
  }
  if (cluster?.metadata.deletionTimestamp !== undefined) {
    return broken(
      `${wanted} is being deleted: its access is taken away`,
      "wait, or let it join anew",
    );
  }
  if (cluster !== undefined) return ok(`${fullName(cluster)} is registered, id ${id}`);
  if (clusters === undefined && id !== "") return unknown("you may not see the registration");
  if (request !== undefined) {
    return broken(
      `request ${request.metadata.name} is approved, but there is no ManagedCluster`,
      "the hub makes it within seconds; if not, its log says why",
    );
  }
  return broken(
    `neither a cluster nor a registration request is called "${wanted}"`,
    `in that cluster, run the command that \`${patient.context.program} token create ` +
      "--print-join-command` prints; where its agent runs already, `kubectl -n clusternet-system " +
      "logs deploy/clusternet-agent` there says why it does not register",
  );
}

function requestFault(
  { context }: Patient,
  request: ClusterRegistrationRequest,
): Outcome | undefined {
  const { metadata: { name }, spec, status } = request;
  if (isPending(request)) {
    return broken(
      `request ${name} waits for a decision`,
      `\`${context.program} accept ${spec.clusterId}\`; with automatic approval it is the hub that ` +
        "does not decide: see its log",
    );
  }
  const why = status?.errorMessage ? `: ${status.errorMessage}` : "";
  if (findCondition(status?.conditions, "Revoked")?.status === "True") {
    return broken(
      `the access of ${name} was revoked${why}`,
      `\`kubectl delete clsrr ${name}\` lets it register again`,
    );
  }
  if (status?.result === "Denied") {
    return broken(
      `request ${name} is denied${why}`,
      `\`${context.program} accept ${spec.clusterId}\` if that was a mistake`,
    );
  }
  if (status?.result === "Failed") {
    return broken(`the hub could not carry out request ${name}${why}`, "do what the message says");
  }
  return undefined;
}
