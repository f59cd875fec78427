/**
 * From the parent's API to the hub: the APIService, the hub itself, its kinds.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  Condition,
  ManagedCluster,
} from "../../../shared/kube/mod.ts";
import {
  PROXIES_GROUP,
  PROXIES_VERSION,
  SYSTEM_NAMESPACE,
} from "../../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../../shared/kube/conditions.ts";
import {
  API_SERVICES,
  CLUSTER_REGISTRATION_REQUESTS,
  MANAGED_CLUSTERS,
} from "../../../shared/kube/resources.ts";
import { isStatus, StatusError } from "../../../shared/kube/status.ts";
import { byName } from "../../fleet/clusters.ts";
import { asking, parentOf, type Patient } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

const API_SERVICE = `${PROXIES_VERSION}.${PROXIES_GROUP}`;
const LOOK = `\`kubectl -n ${SYSTEM_NAMESPACE} get pods\` and ` +
  `\`kubectl -n ${SYSTEM_NAMESPACE} logs deploy/clusternet-hub\` on the parent say why`;

/** The steps; they need `login`. */
export function hubSteps(patient: Patient): Step[] {
  return [
    {
      id: "apiservice",
      title: `the APIService ${API_SERVICE}`,
      needs: ["login"],
      run: () => apiService(patient),
    },
    { id: "hub", title: "the hub", needs: ["apiservice"], run: () => hub(patient) },
    {
      id: "kinds",
      title: "the kinds of the hub",
      needs: ["login"],
      run: () => kinds(patient),
    },
  ];
}

function install({ context }: Patient): string {
  return `\`${context.program} init\` installs a hub; or choose the right parent with --context`;
}

async function apiService(patient: Patient): Promise<Outcome> {
  const { client } = parentOf(patient);
  const { groups = [] } = await client.json<{ groups?: { name?: string }[] }>(
    "/apis",
    asking(patient),
  );
  const has = (name: string): boolean => groups.some((group) => group.name === name);
  patient.standalone = !has(API_SERVICES.group);
  if (patient.standalone) {
    return has(PROXIES_GROUP)
      ? ok(`a hub of its own serves ${PROXIES_GROUP}; it needs no APIService`)
      : broken(`the server does not serve ${PROXIES_GROUP}`, install(patient));
  }
  let found: { status?: { conditions?: Condition[] } };
  try {
    found = await client.get(API_SERVICES, API_SERVICE, asking(patient));
  } catch (error) {
    if (isStatus(error, 404)) {
      return broken(
        `the parent has no hub: there is no APIService ${API_SERVICE}`,
        install(patient),
      );
    }
    if (isStatus(error, 403)) return unknown("you may not read the APIService; the next hop tells");
    throw error;
  }
  const available = findCondition(found.status?.conditions, "Available");
  if (available?.status === "True") return ok(`APIService ${API_SERVICE} is Available`);
  const why = available === undefined ? "" : `: ${available.reason}: ${available.message}`;
  return broken(`APIService ${API_SERVICE} is not Available${why}`, LOOK);
}

async function hub(patient: Patient): Promise<Outcome> {
  const { client } = parentOf(patient);
  try {
    await client.json(`/apis/${PROXIES_GROUP}/${PROXIES_VERSION}`, asking(patient));
    if (patient.standalone) {
      const ready = await client.raw("/readyz?verbose", asking(patient));
      const text = await ready.text();
      if (ready.status >= 500) {
        const failed = text.split("\n").filter((line) => line.startsWith("[-]")).join(" ");
        return broken(`the hub is not ready: ${failed}`, "the log of the hub says why");
      }
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return broken(
      `the hub does not answer: ${error.message}`,
      error.code === 404
        ? install(patient)
        : patient.standalone
        ? "the log of the hub says why"
        : LOOK,
    );
  }
  patient.hubVersion = await hubVersion(patient) ?? "";
  return ok(
    patient.hubVersion === "" ? "the hub answers" : `the hub answers, ${patient.hubVersion}`,
  );
}

/** From its OpenAPI document, which carries the version; not everybody may read it. */
async function hubVersion(patient: Patient): Promise<string | undefined> {
  const path = `/openapi/v3/apis/${PROXIES_GROUP}/${PROXIES_VERSION}`;
  try {
    const { info } = await parentOf(patient).client.json<{ info?: { version?: unknown } }>(
      path,
      asking(patient),
    );
    return typeof info?.version === "string" ? info.version.replace(/^v/, "") : undefined;
  } catch {
    return undefined;
  }
}

async function kinds(patient: Patient): Promise<Outcome> {
  const { client } = parentOf(patient);
  try {
    const { items } = await client.list<ManagedCluster>(MANAGED_CLUSTERS, asking(patient));
    patient.clusters = items.sort(byName);
  } catch (error) {
    if (isStatus(error, 404)) {
      return broken("the parent does not know the kind ManagedCluster", install(patient));
    }
    if (!isStatus(error, 403)) throw error;
    return unknown(
      "you may not list the clusters",
      "an administrator of the parent grants get, list and watch on managedclusters and " +
        "clusterregistrationrequests of clusters.clusternet.io; without it, give the cluster's id",
    );
  }
  try {
    const { items } = await client.list<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      asking(patient),
    );
    patient.requests = items;
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
  }
  const count = patient.clusters.length;
  return ok(count === 1 ? "1 cluster is registered" : `${count} clusters are registered`);
}
