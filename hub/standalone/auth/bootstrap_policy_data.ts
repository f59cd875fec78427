/**
 * The default roles and bindings of kube-apiserver that clients of this API meet.
 *
 * Source: taken from a running kube-apiserver 1.36.3; k8s.io/kubernetes
 * `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`. The two of cluster-info are
 * kubeadm's: `cmd/kubeadm/app/phases/bootstraptoken/clusterinfo/clusterinfo.go`
 *
 * @module
 */
import { RBAC_GROUP } from "./rbac_objects.ts";

/** A rule as it is stored. */
export type RuleJson = Readonly<Record<string, readonly string[]>>;

/** A Role or ClusterRole that is there by default. */
export interface DefaultRole {
  /** Empty: a ClusterRole. */
  readonly namespace: string;
  readonly name: string;
  /** Whether it carries the label and annotation of what kube-apiserver makes itself. */
  readonly managed: boolean;
  /** Roles whose rules it is added to: `admin`, `edit`, `view`. */
  readonly aggregatesTo?: string;
  /** Aggregated from roles with the label of this one; `rules` are empty then. */
  readonly aggregates?: string;
  readonly rules: readonly RuleJson[];
}

/** A RoleBinding or ClusterRoleBinding that is there by default. */
export interface DefaultBinding {
  /** Empty: a ClusterRoleBinding. */
  readonly namespace: string;
  readonly name: string;
  readonly managed: boolean;
  /** Of the same scope. */
  readonly role: string;
  /** `Group` or `User`, and the name. */
  readonly subjects: readonly (readonly ["Group" | "User", string])[];
}

const READ = "get,list,watch";
const WRITE = "create,delete,deletecollection,patch,update";

/** Lists are written with commas; the core group is empty. */
function rule(verbs: string, apiGroups: string, resources: string, names?: string): RuleJson {
  return {
    verbs: verbs.split(","),
    apiGroups: apiGroups.split(","),
    resources: resources.split(","),
    ...(names === undefined ? {} : { resourceNames: names.split(",") }),
  };
}

function paths(verbs: string, urls: string): RuleJson {
  return { verbs: verbs.split(","), nonResourceURLs: urls.split(",") };
}

function clusterRole(
  name: string,
  rules: readonly RuleJson[],
  more: Pick<DefaultRole, "aggregates" | "aggregatesTo"> = {},
): DefaultRole {
  return { namespace: "", name, managed: true, rules, ...more };
}

function clusterBinding(role: string, ...groups: string[]): DefaultBinding {
  const subjects = groups.map((group) => ["Group", group] as const);
  return { namespace: "", name: role, managed: true, role, subjects };
}

/** Label of roles whose rules are added to another role. */
export function aggregateLabel(role: string): string {
  return `${RBAC_GROUP}/aggregate-to-${role}`;
}

/** In the order of their names. */
export const DEFAULT_ROLES: readonly DefaultRole[] = [
  clusterRole("admin", [], { aggregates: "admin" }),
  clusterRole("cluster-admin", [rule("*", "*", "*"), paths("*", "*")]),
  clusterRole("edit", [], { aggregates: "edit", aggregatesTo: "admin" }),
  clusterRole("system:aggregate-to-admin", [
    rule("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    rule(
      "create,delete,deletecollection,get,list,patch,update,watch",
      "rbac.authorization.k8s.io",
      "rolebindings,roles",
    ),
  ], { aggregatesTo: "admin" }),
  clusterRole("system:aggregate-to-edit", [
    rule(READ, "", "pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy"),
    rule("impersonate", "", "serviceaccounts"),
    rule(WRITE, "", "pods,pods/attach,pods/exec,pods/portforward,pods/proxy"),
    rule("create", "", "pods/eviction"),
    rule(
      WRITE,
      "",
      "configmaps,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy",
    ),
    rule("create", "", "serviceaccounts/token"),
    rule(WRITE, ",events.k8s.io", "events"),
    rule(
      WRITE,
      "apps",
      "daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale",
    ),
    rule(WRITE, "autoscaling", "horizontalpodautoscalers"),
    rule(WRITE, "batch", "cronjobs,jobs"),
    rule(
      WRITE,
      "extensions",
      "daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale",
    ),
    rule(WRITE, "policy", "poddisruptionbudgets"),
    rule(WRITE, "networking.k8s.io", "ingresses,networkpolicies"),
    rule(
      "create,delete,deletecollection,get,list,patch,update,watch",
      "coordination.k8s.io",
      "leases",
    ),
    rule(WRITE, "resource.k8s.io", "resourceclaims,resourceclaimtemplates"),
  ], { aggregatesTo: "edit" }),
  clusterRole("system:aggregate-to-view", [
    rule(
      READ,
      "",
      "configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status",
    ),
    rule(
      READ,
      "",
      "bindings,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status",
    ),
    rule(READ, "", "namespaces"),
    rule(READ, ",events.k8s.io", "events"),
    rule(READ, "discovery.k8s.io", "endpointslices"),
    rule(
      READ,
      "apps",
      "controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status",
    ),
    rule(READ, "autoscaling", "horizontalpodautoscalers,horizontalpodautoscalers/status"),
    rule(READ, "batch", "cronjobs,cronjobs/status,jobs,jobs/status"),
    rule(
      READ,
      "extensions",
      "daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale",
    ),
    rule(READ, "policy", "poddisruptionbudgets,poddisruptionbudgets/status"),
    rule(READ, "networking.k8s.io", "ingresses,ingresses/status,networkpolicies"),
    rule(READ, "resource.k8s.io", "resourceclaims,resourceclaims/status,resourceclaimtemplates"),
  ], { aggregatesTo: "view" }),
  clusterRole("system:auth-delegator", [
    rule("create", "authentication.k8s.io", "tokenreviews"),
    rule("create", "authorization.k8s.io", "subjectaccessreviews"),
  ]),
  clusterRole("system:basic-user", [
    rule("create", "authorization.k8s.io", "selfsubjectaccessreviews,selfsubjectrulesreviews"),
    rule("create", "authentication.k8s.io", "selfsubjectreviews"),
  ]),
  clusterRole("system:discovery", [
    paths(
      "get",
      "/api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/",
    ),
  ]),
  clusterRole("system:monitoring", [
    paths(
      "get",
      "/flagz,/healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*,/statusz",
    ),
    rule("get", "", "nodes/metrics"),
  ]),
  clusterRole("system:public-info-viewer", [
    paths("get", "/healthz,/livez,/readyz,/version,/version/"),
  ]),
  clusterRole("system:service-account-issuer-discovery", [
    paths(
      "get",
      "/.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/",
    ),
  ]),
  clusterRole("view", [], { aggregates: "view", aggregatesTo: "edit" }),
  {
    namespace: "kube-system",
    name: "extension-apiserver-authentication-reader",
    managed: true,
    rules: [rule(READ, "", "configmaps", "extension-apiserver-authentication")],
  },
  {
    namespace: "kube-public",
    name: "kubeadm:bootstrap-signer-clusterinfo",
    managed: false,
    rules: [rule("get", "", "configmaps", "cluster-info")],
  },
];

/** In the order of their names. */
export const DEFAULT_BINDINGS: readonly DefaultBinding[] = [
  clusterBinding("cluster-admin", "system:masters"),
  clusterBinding("system:basic-user", "system:authenticated"),
  clusterBinding("system:discovery", "system:authenticated"),
  clusterBinding("system:monitoring", "system:monitoring"),
  clusterBinding("system:public-info-viewer", "system:authenticated", "system:unauthenticated"),
  clusterBinding("system:service-account-issuer-discovery", "system:serviceaccounts"),
  {
    namespace: "kube-system",
    name: "system::extension-apiserver-authentication-reader",
    managed: true,
    role: "extension-apiserver-authentication-reader",
    subjects: [["User", "system:kube-controller-manager"], ["User", "system:kube-scheduler"]],
  },
  {
    namespace: "kube-public",
    name: "kubeadm:bootstrap-signer-clusterinfo",
    managed: false,
    role: "kubeadm:bootstrap-signer-clusterinfo",
    subjects: [["User", "system:anonymous"]],
  },
];
