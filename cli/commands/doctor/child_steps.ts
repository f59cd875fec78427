/**
 * Through the tunnel into the child: its API, who you are there, what you may do there.
 *
 * @module
 */
import { SYSTEM_NAMESPACE } from "../../../shared/kube/clusternet_types.ts";
import { isStatus, StatusError } from "../../../shared/kube/status.ts";
import type { PolicyRule, UserInfo } from "../../../shared/kube/types.ts";
import { shellWord } from "../../../shared/shell_word.ts";
import { directPath } from "../../fleet/state.ts";
import { gitVersion, SELF_REVIEW, SELF_REVIEW_PATH } from "./parent_steps.ts";
import { asking, idOf, parentOf, type Patient } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

/**
 * The steps; they need `rights` and `tunnel`.
 *
 * @param namespace of the child, in which rights are looked for
 */
export function childSteps(patient: Patient, namespace: string): Step[] {
  const child: Child = {};
  return [
    {
      id: "childApi",
      title: "the API of the cluster, through the tunnel",
      needs: ["rights", "tunnel"],
      run: () => reach(patient),
    },
    {
      id: "identity",
      title: "who you are in the cluster",
      needs: ["childApi"],
      run: () => identity(patient, child),
    },
    {
      id: "childRights",
      title: "what you may do in the cluster",
      needs: ["childApi"],
      run: () => rights(patient, child, namespace),
    },
  ];
}

interface Child {
  user?: UserInfo;
}

async function post<T>(patient: Patient, path: string, body: unknown): Promise<T> {
  return await parentOf(patient).client.json<T>(directPath(idOf(patient)) + path, {
    ...asking(patient),
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

async function reach(patient: Patient): Promise<Outcome> {
  const path = `${directPath(idOf(patient))}/version`;
  try {
    const version = await parentOf(patient).client.json(path, asking(patient));
    return ok(
      `the cluster's API answers through the tunnel, ${gitVersion(JSON.stringify(version))}`,
    );
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return broken(`the cluster's API does not answer: ${error.message}`, mendOf(error));
  }
}

/** Agents' own rights, and what a user may not do, are both told by a 403 of the child. */
function mendOf({ code, message }: StatusError): string {
  if (code === 401) {
    return "the child does not accept the agent's own credential: restart the agent there, and see " +
      "its log";
  }
  if (code === 403) {
    return /impersonat/.test(message)
      ? "in that cluster, give the agent its rights again: `kubectl apply -f deploy/agent/00-rbac.yaml`"
      : "the message names the right that is missing";
  }
  if (code === 502 || code === 504) {
    return `in that cluster: does its kube-apiserver run, and does the agent in ${SYSTEM_NAMESPACE} ` +
      "reach it (network policy)? Its log says more";
  }
  return "try again in some seconds; then see the logs of hub and agent";
}

async function identity(patient: Patient, child: Child): Promise<Outcome> {
  try {
    const { status } = await post<{ status?: { userInfo?: UserInfo } }>(
      patient,
      SELF_REVIEW_PATH,
      SELF_REVIEW,
    );
    child.user = status?.userInfo ?? {};
  } catch (error) {
    if (isStatus(error, 404)) return unknown("the cluster does not tell who you are");
    if (!isStatus(error, 403)) throw error;
    return broken(`the cluster refuses you: ${error.message}`, mendOf(error));
  }
  const { username = "", groups = [] } = child.user;
  const named = groups.filter((group) => group !== "system:authenticated");
  const list = named.length === 0 ? "" : `, in ${named.slice(0, 10).join(", ")}`;
  return ok(`in the cluster you are "${username}"${list}`);
}

/** What every user may do (ClusterRole system:basic-user). */
function isBasic({ resources = [] }: PolicyRule): boolean {
  return resources.every((resource) => resource.startsWith("selfsubject"));
}

async function rights(patient: Patient, child: Child, namespace: string): Promise<Outcome> {
  let status: { resourceRules?: PolicyRule[] | null; incomplete?: boolean };
  try {
    const review = await post<{ status?: typeof status }>(
      patient,
      "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
      {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SelfSubjectRulesReview",
        spec: { namespace },
      },
    );
    status = review.status ?? {};
  } catch (error) {
    if (isStatus(error, 404)) return await readNamespaces(patient, child);
    if (!isStatus(error, 403)) throw error;
    return broken(`the cluster refuses you: ${error.message}`, mendOf(error));
  }
  const rules = (status.resourceRules ?? []).filter((rule) => !isBasic(rule));
  if (rules.length > 0) {
    const all = rules.some(({ verbs, resources }) =>
      verbs.includes("*") && resources?.includes("*")
    );
    return ok(`you may ${all ? "do everything" : "do something"} in its namespace ${namespace}`);
  }
  if (status.incomplete) return unknown(`the cluster does not tell all that you may do there`);
  return broken(
    `you may do nothing in the cluster's namespace ${namespace} (-n looks at another)`,
    grant(child),
  );
}

/** For an API without rules reviews. */
async function readNamespaces(patient: Patient, child: Child): Promise<Outcome> {
  const path = `${directPath(idOf(patient))}/api/v1/namespaces?limit=1`;
  try {
    await parentOf(patient).client.json(path, asking(patient));
    return ok("you may read namespaces in the cluster");
  } catch (error) {
    if (!isStatus(error, 403)) throw error;
    return broken(error.message, grant(child));
  }
}

function grant({ user }: Child): string {
  const { username = "NAME", groups = [] } = user ?? {};
  const admin = groups.find((group) => /^clusternet:hub:(system:masters$|kubeadm:)/.test(group));
  const whom = admin === undefined
    ? `--user=${shellWord(username)}`
    : `--group=${shellWord(admin)}`;
  return "an administrator of that cluster runs there: `kubectl create clusterrolebinding " +
    `parent-view --clusterrole=view ${whom}\` (or cluster-admin in place of view)`;
}
