/**
 * A script of stock kubectl commands that is run on both APIs.
 *
 * @module
 */

/** One command. */
export interface Command {
  /** Without `kubectl`. */
  args: readonly string[];
  stdin?: string;
  /** Only the exit code is compared, for this reason. */
  codeOnly?: string;
  /** Nothing is compared, for this reason. */
  differs?: string;
  /** Tried until it exits so: a controller has to act first. */
  untilCode?: number;
}

const NS = "scripted";

const manifests = `
apiVersion: v1
kind: ConfigMap
metadata: { name: settings, namespace: ${NS}, labels: { app: web } }
data: { colour: blue, size: small }
---
apiVersion: v1
kind: Secret
metadata: { name: password, namespace: ${NS}, labels: { app: web } }
stringData: { password: hunter2 }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: { name: reader, namespace: ${NS} }
rules: [{ apiGroups: [""], resources: [configmaps], verbs: [get, list] }]
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: { name: lock, namespace: ${NS} }
spec: { holderIdentity: me, leaseDurationSeconds: 30 }
`;

const cluster = `
apiVersion: clusters.clusternet.io/v1beta1
kind: ManagedCluster
metadata: { name: berlin, namespace: ${NS} }
spec: { clusterId: 00000000-0000-4000-8000-000000000001, clusterType: Edge }
`;

function run(line: string, extra: Partial<Command> = {}): Command {
  const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
  return { args, ...extra };
}

/** See the module text. */
export const SCRIPT: readonly Command[] = [
  run(`create namespace ${NS}`),
  run(`get namespace ${NS}`),
  run(`get ns ${NS} -o 'jsonpath={.status.phase}'`),
  run(`-n ${NS} get serviceaccount default`, { untilCode: 0 }),
  run("apply -f - --dry-run=server", { stdin: manifests }),
  run("apply -f -", { stdin: manifests }),
  run("apply -f -", { stdin: manifests }),
  run("diff -f -", { stdin: manifests }),
  run("diff -f -", {
    stdin: manifests.replace("small", "large"),
    codeOnly: "names temporary files",
  }),
  run("apply -f -", { stdin: manifests.replace("small", "large").replace("colour: blue, ", "") }),
  run(`-n ${NS} get configmap settings -o yaml`),
  run(`-n ${NS} get cm,secret,role,lease -l app=web`),
  run(`-n ${NS} get cm,secret,role,lease -o name`),
  run(`-n ${NS} get all`, { differs: "nothing that the embedded API serves is in category all" }),
  run(`-n ${NS} get secret password -o 'jsonpath={.data.password}'`),
  run(`-n ${NS} get secrets -o wide --show-labels`),
  run(`-n ${NS} get lease lock -o 'custom-columns=N:.metadata.name,H:.spec.holderIdentity'`),
  run(`-n ${NS} describe configmap settings`),
  run(`-n ${NS} describe secret password`),
  run(`-n ${NS} describe role reader`),
  run(`-n ${NS} describe serviceaccount default`),
  run(`-n ${NS} label configmap settings tier=front`),
  run(`-n ${NS} label configmap settings tier=back`),
  run(`-n ${NS} label configmap settings tier=back --overwrite`),
  run(`-n ${NS} annotate configmap settings 'note=a b c'`),
  run(`-n ${NS} patch configmap settings -p '{"data":{"size":"huge"}}'`),
  run(`-n ${NS} patch configmap settings --type=merge -p '{"data":{"size":null,"left":"right"}}'`),
  run(
    `-n ${NS} patch configmap settings --type=json -p '[{"op":"add","path":"/data/x","value":"y"}]'`,
  ),
  run(`-n ${NS} patch configmap settings --type=json -p '[{"op":"remove","path":"/data/none"}]'`),
  run(`-n ${NS} create configmap settings --from-literal=a=b`),
  run(`-n ${NS} create configmap more --from-literal=a=b`),
  run(`-n ${NS} create secret generic token --from-literal=a=b`),
  run(`-n ${NS} create serviceaccount robot`),
  run(`-n ${NS} create token robot --duration=1h`, { codeOnly: "prints a token" }),
  run(`-n ${NS} create token robot --duration=1m`),
  run(`-n ${NS} create rolebinding robots --role=reader --serviceaccount=${NS}:robot`),
  run(`-n ${NS} get rolebindings -o wide`),
  run("create clusterrole scripted --verb=get,list --resource=nodes"),
  run("create clusterrolebinding scripted --clusterrole=scripted --user=carol"),
  run("get clusterrole scripted -o yaml"),
  run(`auth can-i list configmaps -n ${NS} --as=system:serviceaccount:${NS}:robot`, {
    untilCode: 0,
  }),
  run(`auth can-i delete configmaps -n ${NS} --as=system:serviceaccount:${NS}:robot`),
  run("auth can-i '*' '*'"),
  run("auth whoami"),
  run("auth whoami --as=carol --as-group=ops"),
  run(`-n ${NS} get configmaps --as=carol`),
  run(`-n ${NS} apply --server-side -f - --field-manager=ci`, {
    stdin: manifests.split("---")[0]!,
  }),
  run(`-n ${NS} apply --server-side --force-conflicts -f - --field-manager=ci`, {
    stdin: manifests.split("---")[0]!,
  }),
  run(`-n ${NS} get configmap settings -o yaml --show-managed-fields`),
  run(`-n ${NS} replace -f -`, { stdin: manifests.split("---")[1]! }),
  run("apply -f -", { stdin: cluster }),
  run(`-n ${NS} get mcls`),
  run(`-n ${NS} get mcls -o wide`),
  run(
    `-n ${NS} patch mcls berlin --subresource=status --type=merge -p '{"status":{"readyz":true}}'`,
  ),
  run(`-n ${NS} get mcls berlin -o 'jsonpath={.status}'`),
  run("apply -f -", { stdin: cluster.replace("clusterType", "clusterTyp") }),
  run("apply -f -", { stdin: cluster.replace("000000000001", "000000000002") }),
  run("apply -f - --validate=strict", { stdin: cluster.replace("Edge", "5") }),
  run("explain configmap.data"),
  run("explain managedclusters.spec"),
  run("explain role.rules"),
  run("explain nonsense"),
  run("api-resources --api-group=rbac.authorization.k8s.io"),
  run("api-resources --api-group=clusters.clusternet.io"),
  run("get nonsense"),
  run(`-n ${NS} get configmap none`),
  run(`-n ${NS} get configmap none --ignore-not-found`),
  run(`-n ${NS} get events`),
  run(`-n ${NS} wait --for=jsonpath={.data.colour}=blue configmap/settings --timeout=5s`),
  run(`-n ${NS} wait --for=delete configmap/more --timeout=0s`),
  run(`-n ${NS} delete configmap more`),
  run(`-n ${NS} delete configmap more`),
  run(`-n ${NS} delete secrets -l app=web`),
  run(`-n ${NS} delete lease --all`),
  run("delete clusterrolebinding scripted"),
  run("delete clusterrole scripted"),
  run("delete namespace kube-system"),
  run(`delete namespace ${NS} --timeout=20s`),
  run(`get namespace ${NS}`),
];
