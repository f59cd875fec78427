/**
 * Resources and their paths: where each kind of object lives under an API server's URL.
 *
 * @module
 */
import { CLUSTERS_GROUP, CLUSTERS_VERSION } from "./clusternet_types.ts";

/** Names a resource of an API. */
export interface ResourceRef {
  /** Empty for the core group. */
  group: string;
  /** Such as `v1`. */
  version: string;
  /** Lower case, as in the path. */
  plural: string;
  /** CamelCase, singular. */
  kind: string;
  /** Whether its objects live in namespaces. */
  namespaced: boolean;
}

function resource(
  group: string,
  version: string,
  plural: string,
  kind: string,
  namespaced: boolean,
): ResourceRef {
  return { group, version, plural, kind, namespaced };
}

const RBAC = "rbac.authorization.k8s.io";

/** Core v1 namespaces. */
export const NAMESPACES: ResourceRef = resource("", "v1", "namespaces", "Namespace", false);
/** Core v1 nodes. */
export const NODES: ResourceRef = resource("", "v1", "nodes", "Node", false);
/** Core v1 pods. */
export const PODS: ResourceRef = resource("", "v1", "pods", "Pod", true);
/** Core v1 services. */
export const SERVICES: ResourceRef = resource("", "v1", "services", "Service", true);
/** Core v1 serviceaccounts; the subresource `token` is the TokenRequest. */
export const SERVICE_ACCOUNTS: ResourceRef = resource(
  "",
  "v1",
  "serviceaccounts",
  "ServiceAccount",
  true,
);
/** Core v1 secrets. */
export const SECRETS: ResourceRef = resource("", "v1", "secrets", "Secret", true);
/** Core v1 configmaps. */
export const CONFIG_MAPS: ResourceRef = resource("", "v1", "configmaps", "ConfigMap", true);
/** Core v1 events. */
export const EVENTS: ResourceRef = resource("", "v1", "events", "Event", true);
/** Deployments. */
export const DEPLOYMENTS: ResourceRef = resource("apps", "v1", "deployments", "Deployment", true);
/** Leases. */
export const LEASES: ResourceRef = resource("coordination.k8s.io", "v1", "leases", "Lease", true);
/** Roles. */
export const ROLES: ResourceRef = resource(RBAC, "v1", "roles", "Role", true);
/** RoleBindings. */
export const ROLE_BINDINGS: ResourceRef = resource(RBAC, "v1", "rolebindings", "RoleBinding", true);
/** ClusterRoles. */
export const CLUSTER_ROLES: ResourceRef = resource(
  RBAC,
  "v1",
  "clusterroles",
  "ClusterRole",
  false,
);
/** ClusterRoleBindings. */
export const CLUSTER_ROLE_BINDINGS: ResourceRef = resource(
  RBAC,
  "v1",
  "clusterrolebindings",
  "ClusterRoleBinding",
  false,
);
/** SubjectAccessReviews. */
export const SUBJECT_ACCESS_REVIEWS: ResourceRef = resource(
  "authorization.k8s.io",
  "v1",
  "subjectaccessreviews",
  "SubjectAccessReview",
  false,
);
/** SelfSubjectAccessReviews. */
export const SELF_SUBJECT_ACCESS_REVIEWS: ResourceRef = resource(
  "authorization.k8s.io",
  "v1",
  "selfsubjectaccessreviews",
  "SelfSubjectAccessReview",
  false,
);
/** TokenReviews. */
export const TOKEN_REVIEWS: ResourceRef = resource(
  "authentication.k8s.io",
  "v1",
  "tokenreviews",
  "TokenReview",
  false,
);
/** APIServices. */
export const API_SERVICES: ResourceRef = resource(
  "apiregistration.k8s.io",
  "v1",
  "apiservices",
  "APIService",
  false,
);
/** CustomResourceDefinitions. */
export const CUSTOM_RESOURCE_DEFINITIONS: ResourceRef = resource(
  "apiextensions.k8s.io",
  "v1",
  "customresourcedefinitions",
  "CustomResourceDefinition",
  false,
);
/** ClusterRegistrationRequests. */
export const CLUSTER_REGISTRATION_REQUESTS: ResourceRef = resource(
  CLUSTERS_GROUP,
  CLUSTERS_VERSION,
  "clusterregistrationrequests",
  "ClusterRegistrationRequest",
  false,
);
/** ManagedClusters. */
export const MANAGED_CLUSTERS: ResourceRef = resource(
  CLUSTERS_GROUP,
  CLUSTERS_VERSION,
  "managedclusters",
  "ManagedCluster",
  true,
);

/** Where within a resource. */
export interface ResourcePath {
  /** Needed for one object of a namespaced resource; a list without it spans all namespaces. */
  namespace?: string | undefined;
  /** Name within its namespace. */
  name?: string | undefined;
  /** Such as `status` or `token`. */
  subresource?: string | undefined;
}

/**
 * The `apiVersion` of its objects.
 *
 * @returns `v1` or `group/version`
 */
export function apiVersionOf(ref: ResourceRef): string {
  return ref.group === "" ? ref.version : `${ref.group}/${ref.version}`;
}

/**
 * The path of a resource, of one object, or of its subresource.
 *
 * @returns starts with `/`
 * @throws {TypeError} for an object of a namespaced resource without a namespace, and for a name
 * that is no path segment
 *
 * @example
 * ```ts
 * import { NODES, resourcePath } from "./resources.ts";
 * if (resourcePath(NODES, { name: "a" }) !== "/api/v1/nodes/a") throw new Error();
 * ```
 */
export function resourcePath(ref: ResourceRef, where: ResourcePath = {}): string {
  const { namespace, name, subresource } = where;
  if (ref.namespaced && name !== undefined && namespace === undefined) {
    throw new TypeError(`Cannot name ${ref.kind} "${name}": it needs a namespace`);
  }
  if (subresource !== undefined && name === undefined) {
    throw new TypeError(`Cannot name the ${subresource} of a ${ref.kind}: it needs a name`);
  }
  const base = ref.group === ""
    ? `/api/${segment(ref.version)}`
    : `/apis/${segment(ref.group)}/${segment(ref.version)}`;
  const scope = ref.namespaced && namespace !== undefined
    ? `/namespaces/${segment(namespace)}`
    : "";
  const object = name === undefined ? "" : `/${segment(name)}`;
  const sub = subresource === undefined ? "" : `/${subresource.split("/").map(segment).join("/")}`;
  return `${base}${scope}/${segment(ref.plural)}${object}${sub}`;
}

/**
 * Kubernetes' path segment names (`ValidatePathSegmentName`): no `/`, `%`, `.` or `..`, and no
 * control characters, which a URL parser drops. Anything else would name another object than the
 * caller means. A colon stays as it is, as client-go writes `system:` names.
 */
function segment(text: string): string {
  // deno-lint-ignore no-control-regex
  if (text === "" || text === "." || text === ".." || /[/%\x00-\x1f\x7f]/.test(text)) {
    throw new TypeError(`Cannot use ${JSON.stringify(text)} as a name in a path`);
  }
  return encodeURIComponent(text).replaceAll("%3A", ":");
}
