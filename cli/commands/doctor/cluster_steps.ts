/**
 * From the hub to the agent: your right to that cluster, the tunnel, what the hub says of it.
 *
 * @module
 */
import { PROXIES_GROUP } from "../../../shared/kube/clusternet_types.ts";
import { findCondition } from "../../../shared/kube/conditions.ts";
import { SELF_SUBJECT_ACCESS_REVIEWS } from "../../../shared/kube/resources.ts";
import { StatusError } from "../../../shared/kube/status.ts";
import type { SubjectAccessReview } from "../../../shared/kube/types.ts";
import { SOCKETS_PREFIX } from "../../../shared/sockets_path.ts";
import { shellWord } from "../../../shared/shell_word.ts";
import { clockSkew, lastHeard } from "../../fleet/state.ts";
import { ageOf } from "../../output/age.ts";
import { asking, idOf, parentOf, type Patient, skewText } from "./patient.ts";
import { broken, ok, type Outcome, type Step, unknown } from "./steps.ts";

/** The steps; they need `registration`. */
export function clusterSteps(patient: Patient): Step[] {
  return [
    {
      id: "rights",
      title: "your right to reach the cluster",
      needs: ["login", "registration"],
      run: () => rights(patient),
    },
    {
      id: "tunnel",
      title: "the agent's tunnel",
      needs: ["hub", "registration"],
      run: () => tunnel(patient),
    },
    {
      id: "conditions",
      title: "what the hub says of the cluster",
      needs: ["tunnel"],
      run: () => Promise.resolve(conditions(patient)),
    },
    {
      id: "childClock",
      title: "the clock of the cluster",
      needs: ["tunnel"],
      run: () => Promise.resolve(childClock(patient)),
    },
    {
      id: "versions",
      title: "the versions of agent and hub",
      needs: ["tunnel"],
      run: () => Promise.resolve(versions(patient)),
    },
  ];
}

async function mayI(patient: Patient, verb: string): Promise<boolean> {
  const review = await parentOf(patient).client.create<SubjectAccessReview>(
    SELF_SUBJECT_ACCESS_REVIEWS,
    {
      apiVersion: "authorization.k8s.io/v1",
      kind: "SelfSubjectAccessReview",
      spec: {
        resourceAttributes: {
          verb,
          group: PROXIES_GROUP,
          resource: "sockets",
          subresource: "proxy",
          name: idOf(patient),
        },
      },
    },
    asking(patient),
  );
  return review.status?.allowed === true;
}

async function rights(patient: Patient): Promise<Outcome> {
  const [get, create] = [await mayI(patient, "get"), await mayI(patient, "create")];
  if (get && create) return ok("you may reach the cluster: get and create on sockets/proxy");
  if (get) {
    return ok("you may read from the cluster; exec, port-forward and creating need create as well");
  }
  const id = idOf(patient);
  const role = `clusternet-user-${id.slice(0, 8)}`;
  const who = shellWord(patient.me?.username ?? "NAME");
  return broken(
    `you may not reach the cluster: no get on sockets/proxy "${id}" in the parent`,
    "an administrator of the parent runs: `kubectl create clusterrole " +
      `${role} --verb=get,create,update,patch,delete --resource=sockets.${PROXIES_GROUP}/proxy ` +
      `--resource-name=${id}\` and \`kubectl create clusterrolebinding ${role} ` +
      `--clusterrole=${role} --user=${who}\``,
  );
}

interface Socket {
  status?: { connected?: boolean; connectedAt?: string; disconnectedAt?: string; reason?: string };
}

async function tunnel(patient: Patient): Promise<Outcome> {
  const { context, cluster } = patient;
  const now = context.now();
  const heard = cluster === undefined ? undefined : lastHeard(cluster);
  const last = heard === undefined ? "" : `; last heard of ${ageOf(heard, now)} ago`;
  const condition = findCondition(cluster?.status?.conditions, "Connected");
  let socket: Socket;
  try {
    socket = await parentOf(patient).client.json<Socket>(
      `${SOCKETS_PREFIX}${idOf(patient)}`,
      asking(patient),
    );
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    if (error.code === 404) {
      return broken("the hub does not know the cluster", "see the log of the hub");
    }
    if (error.code !== 403) {
      return broken(`the hub does not tell of the tunnel: ${error.message}`, "see its log");
    }
    // Who may reach a cluster need not be allowed to ask about it
    if (condition === undefined) return unknown("you may not ask whether the agent is connected");
    return condition.status === "True"
      ? ok("the agent is connected, as the hub has written down")
      : broken(`no agent is connected: ${condition.message}${last}`, tunnelMend(patient));
  }
  const { connected, connectedAt, disconnectedAt, reason } = socket.status ?? {};
  if (connected) return ok(`the agent is connected, for ${ageOf(connectedAt, now)}`);
  const since = disconnectedAt === undefined ? "" : ` for ${ageOf(disconnectedAt, now)}`;
  const why = reason ?? (condition?.status === "True" ? undefined : condition?.message);
  return broken(
    `no agent is connected${since}${why === undefined ? "" : `: ${why}`}${last}`,
    tunnelMend(patient),
  );
}

function tunnelMend(patient: Patient): string {
  return "in that cluster, `kubectl -n clusternet-system get pods` and `kubectl -n " +
    "clusternet-system logs deploy/clusternet-agent` (or the terminal of `join --run`): does the " +
    `agent run, and does it get out to ${parentOf(patient).config.server}? Where it was run with ` +
    "`join --run`, the same command starts it again";
}

function conditions({ cluster }: Patient): Outcome | Outcome[] {
  if (cluster === undefined) return unknown("you may not see the ManagedCluster");
  const { conditions } = cluster.status ?? {};
  const outcomes: Outcome[] = [];
  const duplicate = findCondition(conditions, "DuplicateAgent");
  if (duplicate?.status === "True") {
    outcomes.push(
      broken(duplicate.message, "two machines hold a copy of the same agent: stop the wrong one"),
    );
  }
  const ready = findCondition(conditions, "Ready");
  if (ready?.status === "True") outcomes.push(ok(`Ready: ${ready.message}`));
  else if (ready?.reason === "AwaitingReport" || ready === undefined) {
    outcomes.push(unknown("the agent has not reported yet", "ask again in some seconds"));
  } else {
    outcomes.push(
      broken(
        `Ready=${ready.status}, ${ready.reason}: ${ready.message}`,
        ready.reason === "ChildNotReady"
          ? "`kubectl get --raw '/readyz?verbose'` in that cluster names what is not ready"
          : "the agent's log in that cluster says why its reports do not come",
      ),
    );
  }
  return outcomes;
}

function childClock({ cluster }: Patient): Outcome {
  const skew = cluster === undefined ? undefined : clockSkew(cluster);
  if (skew === undefined) return unknown("nothing tells the cluster's time");
  const text = skewText(skew);
  if (text === undefined) return ok("the cluster's clock agrees with the parent's");
  return broken(
    `the clock of the agent's machine is ${text} the parent's`,
    "set the clock that is wrong (NTP): tokens and certificates are valid from and until a time",
  );
}

function versions({ cluster, hubVersion }: Patient): Outcome {
  const agent = cluster?.status?.agentVersion;
  if (!agent) return unknown("the agent has not told its version");
  if (!hubVersion) return ok(`agent ${agent}; the hub does not tell its version`);
  const same = agent.replace(/^v/, "") === hubVersion;
  const note = same ? "" : ": bring them to the same version when you can";
  return ok(`agent ${agent}, hub ${hubVersion}${note}`);
}
