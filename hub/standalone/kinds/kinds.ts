/**
 * The table of what is served. Names, verbs, short names and categories are kube-apiserver's.
 *
 * @module
 */
import { CLUSTERS_GROUP, CLUSTERS_VERSION } from "../../../shared/kube/clusternet_types.ts";
import type { ApiKind, Subresource, Verb } from "./kind.ts";

const ALL: readonly Verb[] = [
  "create",
  "delete",
  "deletecollection",
  "get",
  "list",
  "patch",
  "update",
  "watch",
];
const CREATE: readonly Verb[] = ["create"];
const RBAC = "rbac.authorization.k8s.io";
const AUTHENTICATION = "authentication.k8s.io";
const AUTHORIZATION = "authorization.k8s.io";

type Row = Pick<ApiKind, "group" | "plural" | "kind"> & Partial<ApiKind>;

function row(fields: Row): ApiKind {
  return {
    version: "v1",
    singular: fields.kind.toLowerCase(),
    namespaced: true,
    verbs: ALL,
    shortNames: [],
    categories: [],
    subresources: [],
    selectableFields: [],
    custom: false,
    ...fields,
  };
}

function status(kind: string): Subresource {
  return { name: "status", kind, verbs: ["get", "patch", "update"] };
}

function review(group: string, kind: string, namespaced = false): ApiKind {
  const plural = `${kind.toLowerCase()}s`;
  return row({ group, plural, kind, namespaced, verbs: CREATE });
}

function custom(fields: Row): ApiKind {
  return row({
    version: CLUSTERS_VERSION,
    categories: ["clusternet"],
    custom: true,
    ...fields,
    subresources: [status(fields.kind)],
  });
}

/** Every resource, in the order of discovery. */
export const KINDS: readonly ApiKind[] = [
  row({ group: "", plural: "configmaps", kind: "ConfigMap", shortNames: ["cm"] }),
  row({
    group: "",
    plural: "events",
    kind: "Event",
    shortNames: ["ev"],
    selectableFields: [
      "involvedObject.apiVersion",
      "involvedObject.fieldPath",
      "involvedObject.kind",
      "involvedObject.name",
      "involvedObject.namespace",
      "involvedObject.resourceVersion",
      "involvedObject.uid",
      "reason",
      "reportingComponent",
      "source",
      "type",
    ],
  }),
  row({
    group: "",
    plural: "namespaces",
    kind: "Namespace",
    namespaced: false,
    verbs: ALL.filter((verb) => verb !== "deletecollection"),
    shortNames: ["ns"],
    subresources: [{ name: "finalize", kind: "Namespace", verbs: ["update"] }, status("Namespace")],
    selectableFields: ["status.phase"],
  }),
  row({
    group: "",
    plural: "nodes",
    kind: "Node",
    namespaced: false,
    shortNames: ["no"],
    subresources: [status("Node")],
    selectableFields: ["spec.unschedulable"],
  }),
  row({
    group: "",
    plural: "secrets",
    kind: "Secret",
    selectableFields: ["type"],
  }),
  row({
    group: "",
    plural: "serviceaccounts",
    kind: "ServiceAccount",
    shortNames: ["sa"],
    subresources: [
      {
        name: "token",
        group: AUTHENTICATION,
        version: "v1",
        kind: "TokenRequest",
        verbs: CREATE,
      },
    ],
  }),
  review(AUTHENTICATION, "SelfSubjectReview"),
  review(AUTHENTICATION, "TokenReview"),
  review(AUTHORIZATION, "LocalSubjectAccessReview", true),
  review(AUTHORIZATION, "SelfSubjectAccessReview"),
  review(AUTHORIZATION, "SelfSubjectRulesReview"),
  review(AUTHORIZATION, "SubjectAccessReview"),
  row({ group: "coordination.k8s.io", plural: "leases", kind: "Lease" }),
  row({
    group: RBAC,
    plural: "clusterrolebindings",
    kind: "ClusterRoleBinding",
    namespaced: false,
  }),
  row({ group: RBAC, plural: "clusterroles", kind: "ClusterRole", namespaced: false }),
  row({ group: RBAC, plural: "rolebindings", kind: "RoleBinding" }),
  row({ group: RBAC, plural: "roles", kind: "Role" }),
  custom({
    group: CLUSTERS_GROUP,
    plural: "clusterregistrationrequests",
    kind: "ClusterRegistrationRequest",
    namespaced: false,
    shortNames: ["clsrr"],
  }),
  custom({
    group: CLUSTERS_GROUP,
    plural: "managedclusters",
    kind: "ManagedCluster",
    shortNames: ["mcls"],
  }),
];

/**
 * Finds a resource by its path.
 *
 * @returns the kind, or `undefined` when it is not served
 */
export function kindOf(group: string, version: string, plural: string): ApiKind | undefined {
  return KINDS.find((kind) =>
    kind.plural === plural && kind.group === group && kind.version === version
  );
}
