/**
 * What each identity of ours can do, by kube-apiserver's own word, against a written list; and
 * what a stolen token does not open, tried out.
 */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { clusterRules, namespaceRules } from "../../hub/registration/objects.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { newBootstrapToken } from "../e2e/agent_process.ts";
import { ROOT } from "../e2e/programs.ts";
import { cases, type Scene } from "./scene.ts";

/** Right by right: what is above an ordinary ServiceAccount, `resource|url names verbs`. */
type Rights = Record<string, readonly string[]>;

const ANYWHERE = [
  "clusterregistrationrequests.clusters.clusternet.io [] get list watch",
  "clusterregistrationrequests.clusters.clusternet.io/status [] update",
  "clusterrolebindings.rbac.authorization.k8s.io [] create get update delete",
  "clusterroles.rbac.authorization.k8s.io [] create get update delete",
  "events [] create patch",
  "managedclusters.clusters.clusternet.io [] create get list watch patch delete",
  "managedclusters.clusters.clusternet.io/status [] get patch",
  "namespaces [] create get",
  "rolebindings.rbac.authorization.k8s.io [] create get update delete",
  "roles.rbac.authorization.k8s.io [] create get update delete",
  "sockets.proxies.clusternet.io/attach [] get",
  "subjectaccessreviews.authorization.k8s.io [] create",
  "tokenreviews.authentication.k8s.io [] create",
  "apiservices.apiregistration.k8s.io [v1alpha1.proxies.clusternet.io] get update",
];

/** The hub's ServiceAccount in the parent, by namespace. */
const HUB: Rights = {
  "default": ANYWHERE,
  "kube-system": [...ANYWHERE, "configmaps [extension-apiserver-authentication] get list watch"],
  "clusternet-system": [
    ...ANYWHERE,
    "leases.coordination.k8s.io [] create",
    "leases.coordination.k8s.io [clusternet-hub] get update patch",
    "secrets [] create",
    "secrets [clusternet-hub-serving] get update",
  ],
  "clusternet-agents": [
    ...ANYWHERE,
    "serviceaccounts [] create get delete",
    "serviceaccounts/token [] create",
  ],
  "<dedicated>": ANYWHERE,
};

const OWN = [
  "clusterregistrationrequests.clusters.clusternet.io [clusternet-<id>] get",
  "sockets.proxies.clusternet.io/attach [<id>] get",
];

/** An agent's ServiceAccount in the parent. */
const AGENT: Rights = {
  "default": OWN,
  "kube-system": OWN,
  "clusternet-system": OWN,
  "clusternet-agents": OWN,
  "<dedicated>": [
    ...OWN,
    "managedclusters.clusters.clusternet.io [<name>] get",
    "managedclusters.clusters.clusternet.io/status [<name>] get patch",
  ],
};

/** A bootstrap token in the parent. */
const BOOTSTRAP: Rights = {
  "default": ["clusterregistrationrequests.clusters.clusternet.io [] create get"],
  "clusternet-agents": ["clusterregistrationrequests.clusters.clusternet.io [] create get"],
};

const IN_CHILD = [
  "groups [] impersonate",
  "nodes [] list",
  "uids.authentication.k8s.io [] impersonate",
  "users [] impersonate",
];

/** The agent's ServiceAccount in the child. */
const CHILD: Rights = {
  "default": IN_CHILD,
  "kube-system": IN_CHILD,
  "clusternet-system": [
    ...IN_CHILD,
    "configmaps [clusternet-agent-targets] get list watch",
    "events [] create patch",
    "leases.coordination.k8s.io [] create",
    "leases.coordination.k8s.io [self-cluster] get update patch",
    "secrets [] create",
    "secrets [parent-cluster] get update patch",
  ],
};

/** @returns `kubectl auth can-i --list` as lines `resource|url names verbs` */
async function rightsOf(
  cluster: Cluster,
  kubeconfig: string,
  namespace: string,
): Promise<Set<string>> {
  const text = await cluster.kubectlOk(["auth", "can-i", "--list", "-n", namespace], {
    kubeconfig,
  });
  const lines = text.trimEnd().split("\n").slice(1).map((line) => {
    const match = /^(\S*)\s+\[([^\]]*)\]\s+\[([^\]]*)\]\s+\[([^\]]*)\]$/.exec(line);
    assert.ok(match !== null, `cannot read: ${line}`);
    const [, resource, url, names, verbs] = match;
    return `${resource}${url} [${names}] ${verbs}`;
  });
  return new Set(lines);
}

/** Compares what an identity has above an ordinary ServiceAccount with the list. */
async function expectRights(
  cluster: Cluster,
  token: string,
  expected: Rights,
  names: Readonly<Record<string, string>> = {},
): Promise<void> {
  await cluster.kubectl(["-n", "default", "create", "serviceaccount", "ordinary"]);
  const plain = (await cluster.kubectlOk(["-n", "default", "create", "token", "ordinary"])).trim();
  const [mine, ordinary] = await Promise.all([
    cluster.kubeconfigFor({ token }),
    cluster.kubeconfigFor({ token: plain }),
  ]);
  const named = (text: string): string =>
    Object.entries(names).reduce((all, [name, value]) => all.replaceAll(value, name), text);
  for (const [place, rights] of Object.entries(expected)) {
    const namespace = names[place] ?? place;
    const [all, base] = await Promise.all([
      rightsOf(cluster, mine, namespace),
      rightsOf(cluster, ordinary, namespace),
    ]);
    const above = [...all].filter((line) => !base.has(line)).map(named);
    assert.deepEqual(above.toSorted(), [...rights].toSorted(), `in namespace ${place}`);
  }
}

async function agentTokenOf({ child }: Scene): Promise<string> {
  const { data } = await child.api.get<{ data: Record<string, string> }>(
    "/api/v1/namespaces/clusternet-system/secrets/parent-cluster",
  );
  return atob(data["token"]!);
}

/** Tries commands as a token; each must be refused by RBAC or by a fence. */
async function refusedAll(
  cluster: Cluster,
  token: string,
  commands: readonly string[],
): Promise<void> {
  const kubeconfig = await cluster.kubeconfigFor({ token });
  for (const command of commands) {
    const { code, stdout, stderr } = await cluster.kubectl(command.split(" "), { kubeconfig });
    assert.notEqual(code, 0, `kubectl ${command} was let through: ${stdout}`);
    assert.match(stderr, /forbidden|denied request/i, `kubectl ${command}: ${stderr}`);
  }
}

/** What nobody of ours may do in the parent. */
const NOBODY = [
  "-n kube-system create token default",
  "-n default create token default",
  "-n kube-system get secrets",
  "-n default get secret foreign",
  "-n default create secret generic mine",
  "-n clusternet-system get secrets",
  "-n clusternet-agents get secrets",
  "create clusterrolebinding mine --clusterrole=cluster-admin --serviceaccount=default:default",
  "-n default create rolebinding mine --clusterrole=admin --serviceaccount=default:default",
  "create clusterrole mine --verb=get --resource=secrets",
  "-n kube-system delete serviceaccount default",
  "-n default delete serviceaccount foreign",
  "delete namespace default",
  "delete namespace clusternet-agents",
  "-n default create configmap mine",
  "-n default run mine --image=none",
  "get nodes",
  "get validatingadmissionpolicies",
  "delete validatingadmissionpolicy clusternet-hub-rbac",
  "delete clusterregistrationrequests --all",
  "get pods --as=system:kube-controller-manager",
  "get managedclusters -A --as=kubernetes-admin --as-group=system:masters",
];

cases("least privilege", {}, async (step, scene) => {
  const { parent, child, clusterId } = scene;
  const agentToken = await agentTokenOf(scene);
  const { status } = await parent.api.get<
    { status: { dedicatedNamespace: string; managedClusterName: string } }
  >(`/apis/clusters.clusternet.io/v1beta1/clusterregistrationrequests/clusternet-${clusterId}`);
  const names = {
    "<id>": clusterId,
    "<dedicated>": status.dedicatedNamespace,
    "<name>": status.managedClusterName,
  };
  const tokenOf = async (cluster: Cluster, account: string): Promise<string> =>
    (await cluster.kubectlOk(["-n", "clusternet-system", "create", "token", account])).trim();
  await parent.kubectlOk(["-n", "default", "create", "serviceaccount", "foreign"]);
  await parent.kubectlOk(["-n", "default", "create", "secret", "generic", "foreign"]);

  await step("no rule of ours has a wildcard, escalate or bind", async () => {
    const words: string[] = [];
    const collect = (rules: readonly object[]): unknown =>
      words.push(...rules.flatMap((rule) => Object.values(rule).flat().map(String)));
    for (const directory of ["deploy/hub", "deploy/agent", "deploy/samples", "deploy/templates"]) {
      for await (const path of yamlFiles(`${ROOT}${directory}`)) {
        for (const document of parseAllDocuments(await Deno.readTextFile(path))) {
          const { rules } = document.toJS() as { rules?: object[] };
          if (rules !== undefined) collect(rules);
        }
      }
    }
    collect([...clusterRules(clusterId), ...namespaceRules("edge")]);
    // What really stands in both clusters, whoever made it
    for (const cluster of [parent, child]) {
      for (const kind of ["clusterroles", "roles"]) {
        const { items } = await cluster.api.get<
          { items: { metadata: { name: string }; rules?: object[] }[] }
        >(`/apis/rbac.authorization.k8s.io/v1/${kind}`);
        const ours = items.filter(({ metadata }) => metadata.name.startsWith("clusternet"));
        assert.ok(ours.length > 0);
        for (const { metadata, rules = [] } of ours) {
          if (metadata.name !== "clusternet-user") collect(rules);
        }
      }
    }
    assert.ok(words.length > 50);
    assert.deepEqual(words.filter((word) => /\*|^escalate$|^bind$/.test(word)), []);
  });

  await step("the hub's identity can do what is written, and nothing else", async () => {
    await expectRights(parent, await tokenOf(parent, "clusternet-hub"), HUB, names);
  });
  await step("a child's identity can do what is written, and nothing else", async () => {
    await expectRights(parent, agentToken, AGENT, names);
  });
  await step("a bootstrap token can do what is written, and nothing else", async () => {
    await expectRights(parent, await newBootstrapToken(parent), BOOTSTRAP);
  });
  await step("the agent's identity in the child: the written list, no more", async () => {
    await expectRights(child, await tokenOf(child, "clusternet-agent"), CHILD);
  });

  await step("the hub's token opens nothing else: refused", async () => {
    await refusedAll(parent, await tokenOf(parent, "clusternet-hub"), [
      ...NOBODY,
      "-n clusternet-agents delete serviceaccount default",
      "-n clusternet-system create token clusternet-hub",
      "-n clusternet-system get secret clusternet-hub-other",
      "delete clusterrolebinding clusternet-hub",
      "delete clusterrole cluster-admin",
      "create namespace mine",
    ]);
  });
  await step("a child's token opens nothing else: refused", async () => {
    await refusedAll(parent, agentToken, [
      ...NOBODY,
      "get managedclusters -A",
      "get clusterregistrationrequests",
      "get clusterregistrationrequest clusternet-00000000-1111-4222-8333-444444444444",
      `-n clusternet-agents create token default`,
      `-n ${names["<dedicated>"]} get secrets`,
      `-n ${names["<dedicated>"]} delete managedcluster ${names["<name>"]}`,
      `-n ${names["<dedicated>"]} create serviceaccount mine`,
      `get --raw ${scene.at("/proxy/direct/version")}`,
      `get --raw ${scene.at("/attach", "00000000-1111-4222-8333-444444444444")}`,
      "create namespace mine",
    ]);
  });
  await step("a bootstrap token opens nothing else: refused", async () => {
    await refusedAll(parent, await newBootstrapToken(parent), [
      ...NOBODY,
      "get managedclusters -A",
      "get clusterregistrationrequests",
      `get --raw ${scene.at("/proxy/direct/version")}`,
      `get --raw ${scene.at("/attach")}`,
      "create namespace mine",
    ]);
  });
});

async function* yamlFiles(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* yamlFiles(path);
    else if (name.endsWith(".yaml")) yield path;
  }
}
