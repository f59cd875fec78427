/** What can be said of the manifests without a cluster. */
import assert from "node:assert/strict";
import { parseAllDocuments } from "yaml";
import { CREATED_BY_LABEL } from "../../shared/kube/clusternet_types.ts";
import { SERVING_SECRET } from "../front/ca_store.ts";
import { clusterRules, namespaceRules, objectsFor, type PolicyRule } from "./objects.ts";
import { ID } from "./testing.ts";

const DEPLOY = new URL("../../deploy/", import.meta.url);

interface Manifest {
  kind: string;
  metadata: { name: string; namespace?: string };
  rules?: Partial<PolicyRule>[];
  spec?: Record<string, unknown>;
}

async function manifests(directory: URL = DEPLOY): Promise<Manifest[]> {
  const found: Manifest[] = [];
  for await (const entry of Deno.readDir(directory)) {
    const url = new URL(entry.isDirectory ? `${entry.name}/` : entry.name, directory);
    if (entry.isDirectory) found.push(...await manifests(url));
    if (!entry.name.endsWith(".yaml")) continue;
    for (const document of parseAllDocuments(await Deno.readTextFile(url))) {
      assert.deepEqual("errors" in document ? document.errors : [], [], url.pathname);
      found.push(document.toJS() as Manifest);
    }
  }
  return found;
}

const all = await manifests();

Deno.test("no rule in deploy/ has a wildcard, escalate or bind", () => {
  const withRules = all.filter(({ rules }) => rules !== undefined);
  assert.ok(withRules.length >= 5);
  for (const { kind, metadata, rules } of withRules) {
    for (const word of rules!.flatMap((rule) => Object.values(rule).flat())) {
      assert.doesNotMatch(word, /^\*$|\/\*|^escalate$|^bind$/, `${kind} ${metadata.name}`);
    }
  }
});

Deno.test("the hub's ClusterRole has no right on Secrets, tokens, or to delete a namespace", () => {
  const { rules = [] } = all.find(({ kind, metadata }) =>
    kind === "ClusterRole" && metadata.name === "clusternet-hub"
  )!;
  for (const { resources = [], verbs = [] } of rules) {
    assert.ok(!resources.some((one) => /^secrets|^serviceaccounts|^pods/.test(one)));
    if (resources.includes("namespaces")) assert.deepEqual(verbs, ["create", "get"]);
  }
});

Deno.test("the hub holds every right that it grants to an agent", () => {
  const { rules = [] } = all.find(({ kind, metadata }) =>
    kind === "ClusterRole" && metadata.name === "clusternet-hub"
  )!;
  for (const wanted of [...clusterRules(ID), ...namespaceRules("edge-1")]) {
    for (const verb of wanted.verbs) {
      const held = rules.some((rule) =>
        rule.resourceNames === undefined && rule.verbs?.includes(verb) &&
        rule.apiGroups?.includes(wanted.apiGroups[0]!) &&
        rule.resources?.includes(wanted.resources[0]!)
      );
      assert.ok(held, `${verb} ${wanted.resources}`);
    }
  }
});

interface Policy {
  failurePolicy: string;
  variables?: { expression: string }[];
  validations: { expression: string; message?: string }[];
}

const policies = new Map(
  all.filter(({ kind }) => kind === "ValidatingAdmissionPolicy")
    .map(({ metadata, spec }) => [metadata.name, spec as unknown as Policy]),
);

function expressionsOf(policy: string): string {
  return policies.get(policy)!.validations.map(({ expression }) => expression).join("\n");
}

Deno.test("each fence fails closed, denies, and says what it wants", () => {
  const bindings = all.filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding")
    .map(({ spec }) => spec as unknown as { policyName: string; validationActions: string[] });
  assert.deepEqual(
    bindings.map(({ policyName }) => policyName).sort(),
    [...policies.keys()].sort(),
  );
  assert.equal(policies.size, 6);
  for (const [name, { failurePolicy, validations }] of policies) {
    assert.equal(failurePolicy, "Fail", name);
    for (const { message } of validations) assert.ok(message, name);
  }
  for (const { validationActions } of bindings) assert.deepEqual(validationActions, ["Deny"]);
});

Deno.test("the fences know every label, annotation and finalizer that the hub writes", () => {
  const own = objectsFor({
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: { name: `clusternet-${ID}`, uid: "u" },
    spec: { clusterId: ID, publicKey: { kty: "EC", crv: "P-256", x: "", y: "" } },
  });
  const { namespace, serviceAccount, managedCluster, ...rbac } = own;
  const known = (policy: string, words: readonly string[]): void => {
    const text = expressionsOf(policy);
    assert.ok(words.length > 0);
    for (const word of words) assert.ok(text.includes(`'${word}'`), `${policy}: ${word}`);
  };
  const marks = ({ metadata }: typeof namespace): string[] =>
    [metadata.labels!, metadata.annotations!].flatMap(Object.keys);
  for (const one of Object.values(rbac)) known("clusternet-hub-rbac", marks(one));
  for (const one of [namespace, serviceAccount]) known("clusternet-hub-accounts", marks(one));
  known("clusternet-hub-clusters", managedCluster.metadata.finalizers!);
  known("clusternet-hub-system", [SERVING_SECRET, CREATED_BY_LABEL, "clusternet-hub"]);
});

Deno.test("no APIService skips the verification of TLS", () => {
  for (const { spec } of all.filter(({ kind }) => kind === "APIService")) {
    assert.equal(spec?.insecureSkipTLSVerify, undefined);
  }
});

Deno.test("the pods fit into a restricted namespace", () => {
  const deployments = all.filter(({ kind }) => kind === "Deployment");
  assert.equal(deployments.length, 2);
  for (const { spec } of deployments) {
    const pod = (spec as { template: { spec: Record<string, unknown> } }).template.spec as {
      securityContext: Record<string, unknown>;
      containers: { securityContext: Record<string, unknown> }[];
    };
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.deepEqual(pod.securityContext.seccompProfile, { type: "RuntimeDefault" });
    for (const { securityContext } of pod.containers) {
      assert.equal(securityContext.readOnlyRootFilesystem, true);
      assert.equal(securityContext.allowPrivilegeEscalation, false);
      assert.deepEqual(securityContext.capabilities, { drop: ["ALL"] });
    }
  }
});

Deno.test("printer columns are the original's first, then ours", () => {
  const columns = (plural: string): string[] => {
    const crd = all.find(({ metadata }) => metadata.name === `${plural}.clusters.clusternet.io`)!;
    const [version] = (crd.spec as {
      versions: { additionalPrinterColumns: { name: string }[] }[];
    }).versions;
    return version!.additionalPrinterColumns.map(({ name }) => name);
  };
  const requests = ["CLUSTER-ID", "STATUS", "AGE"];
  assert.deepEqual(columns("clusterregistrationrequests").slice(0, 3), requests);
  const clusters = ["CLUSTER-ID", "CLUSTER-TYPE", "KUBERNETES", "READYZ", "AGE"];
  assert.deepEqual(columns("managedclusters").slice(0, 5), clusters);
});
