/**
 * The objects that a registration brings into being, with the original's labels and annotations.
 * All but the namespace are owned by the request, so that the parent's garbage collector removes
 * an agent's access even while the hub is away.
 *
 * @module
 */
import {
  AGENTS_NAMESPACE,
  BOOTSTRAPPING_LABEL,
  CLUSTER_ID_LABEL,
  CLUSTER_NAME_LABEL,
  type ClusterRegistrationRequest,
  CLUSTERS_GROUP,
  CREATED_BY_LABEL,
  MANAGED_CLUSTER_ROLE,
  type ManagedCluster,
  type ObjectMeta,
  PROXIES_GROUP,
  RBAC_AUTOUPDATE_ANNOTATION,
  REQUEST_UID_ANNOTATION,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";
import { KEY_ANNOTATION, keyHash } from "./last_key.ts";
import { managedClusterName, namespaceName, requestName, serviceAccountName } from "./names.ts";

/** The fields that all of these objects share. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

/** One rule of a Role or ClusterRole. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}

/** A Role or ClusterRole. */
export interface RoleObject extends KubeObject {
  rules: PolicyRule[];
}

/** A RoleBinding or ClusterRoleBinding. */
export interface BindingObject extends KubeObject {
  roleRef: { apiGroup: string; kind: string; name: string };
  subjects: { kind: string; name: string; namespace?: string; apiGroup?: string }[];
}

/** Where everything of one registration lives. */
export interface Placement {
  clusterId: string;
  /** Dedicated namespace. */
  namespace: string;
  managedClusterName: string;
  serviceAccountName: string;
}

/** Everything of one registration. */
export interface RegistrationObjects {
  namespace: KubeObject;
  serviceAccount: KubeObject;
  clusterRole: RoleObject;
  clusterRoleBinding: BindingObject;
  role: RoleObject;
  roleBinding: BindingObject;
  managedCluster: ManagedCluster;
}

/** The original's marks on RBAC objects. */
const RBAC = "rbac.authorization.k8s.io";
/** What the original writes on the namespace, the ServiceAccount and the ManagedCluster. */
const CREATED_BY_AGENT = "clusternet-agent";
const CREATED_BY_HUB = "clusternet-hub";
/** Label prefixes that mean something to us or to Kubernetes; an agent may not set them. */
const RESERVED_LABEL = /^(?:[^/]+\.)?(?:clusternet\.io|kubernetes\.io|k8s\.io)\//;
/** What the original's agents aggregate from node labels: theirs to set. */
const NODE_LABEL = /^node\.clusternet\.io\//;

/**
 * Where a request's objects live: as recorded in its status, else as its spec asks.
 *
 * @returns the names
 */
export function placementOf(request: ClusterRegistrationRequest): Placement {
  const { spec, status } = request;
  return {
    clusterId: spec.clusterId,
    namespace: status?.dedicatedNamespace ?? namespaceName(spec.clusterId, spec.clusterNamespace),
    managedClusterName: status?.managedClusterName ??
      managedClusterName(spec.clusterId, spec.clusterName),
    serviceAccountName: serviceAccountName(spec.clusterId),
  };
}

/**
 * Whether a ManagedCluster is the one that a request brought into being. Whoever may create
 * ManagedClusters somewhere can write any cluster's id and any request's UID into one: only the
 * place is the hub's own word.
 *
 * @returns `false` for everything else that names the same cluster
 */
export function isClusterOf(
  request: ClusterRegistrationRequest,
  { metadata, spec }: ManagedCluster,
): boolean {
  const place = placementOf(request);
  return metadata.namespace === place.namespace && metadata.name === place.managedClusterName &&
    spec.clusterId === place.clusterId &&
    metadata.annotations?.[REQUEST_UID_ANNOTATION] === request.metadata.uid;
}

/**
 * Splits the labels that an agent wants into those it may set and those it may not.
 *
 * @returns both; `refused` holds keys
 */
export function filterLabels(
  labels: Record<string, string> | undefined,
): { labels: Record<string, string>; refused: string[] } {
  const entries = Object.entries(labels ?? {});
  const reserved = (key: string): boolean => RESERVED_LABEL.test(key) && !NODE_LABEL.test(key);
  return {
    labels: Object.fromEntries(entries.filter(([key]) => !reserved(key))),
    refused: entries.map(([key]) => key).filter(reserved).sort(),
  };
}

/**
 * The right to dial in, and to read the own request: nothing else in the whole parent.
 *
 * @returns the rules of ClusterRole `clusternet-<id>`
 */
export function clusterRules(clusterId: string): PolicyRule[] {
  return [
    {
      apiGroups: [CLUSTERS_GROUP],
      resources: ["clusterregistrationrequests"],
      resourceNames: [requestName(clusterId)],
      verbs: ["get"],
    },
    {
      apiGroups: [PROXIES_GROUP],
      resources: ["sockets/attach"],
      resourceNames: [clusterId],
      verbs: ["get"],
    },
  ];
}

/**
 * The right to report the own status.
 *
 * @returns the rules of the Role in the dedicated namespace
 */
export function namespaceRules(name: string): PolicyRule[] {
  const common = { apiGroups: [CLUSTERS_GROUP], resourceNames: [name] };
  return [
    { ...common, resources: ["managedclusters"], verbs: ["get"] },
    { ...common, resources: ["managedclusters/status"], verbs: ["get", "patch"] },
  ];
}

/**
 * Builds everything a request needs.
 *
 * @param request must have been validated
 * @returns the objects, ready to create
 */
export function objectsFor(request: ClusterRegistrationRequest): RegistrationObjects {
  const place = placementOf(request);
  const uid = request.metadata.uid!;
  const identity = {
    [CLUSTER_ID_LABEL]: place.clusterId,
    [CLUSTER_NAME_LABEL]: place.managedClusterName,
  };
  const ownerReferences = [{
    apiVersion: request.apiVersion,
    kind: request.kind,
    name: requestName(place.clusterId),
    uid,
  }];
  const plain: ObjectMeta = {
    labels: { ...identity, [CREATED_BY_LABEL]: CREATED_BY_AGENT },
    annotations: { [REQUEST_UID_ANNOTATION]: uid },
  };
  const rbac: ObjectMeta = {
    labels: {
      ...identity,
      [CREATED_BY_LABEL]: CREATED_BY_HUB,
      [BOOTSTRAPPING_LABEL]: "rbac-defaults",
    },
    annotations: { [REQUEST_UID_ANNOTATION]: uid, [RBAC_AUTOUPDATE_ANNOTATION]: "true" },
    ownerReferences,
  };
  const name = requestName(place.clusterId);
  const subjects = [{
    kind: "ServiceAccount",
    namespace: AGENTS_NAMESPACE,
    name: place.serviceAccountName,
  }];
  const inNamespace = { name: MANAGED_CLUSTER_ROLE, namespace: place.namespace };
  return {
    namespace: {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: {
        ...plain,
        annotations: { ...plain.annotations, [KEY_ANNOTATION]: keyHash(request.spec.publicKey) },
        name: place.namespace,
      },
    },
    serviceAccount: {
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: {
        ...plain,
        ownerReferences,
        name: place.serviceAccountName,
        namespace: AGENTS_NAMESPACE,
      },
    },
    clusterRole: {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRole",
      metadata: { ...rbac, name },
      rules: clusterRules(place.clusterId),
    },
    clusterRoleBinding: {
      apiVersion: `${RBAC}/v1`,
      kind: "ClusterRoleBinding",
      metadata: { ...rbac, name },
      roleRef: { apiGroup: RBAC, kind: "ClusterRole", name },
      subjects,
    },
    role: {
      apiVersion: `${RBAC}/v1`,
      kind: "Role",
      metadata: { ...rbac, ...inNamespace },
      rules: namespaceRules(place.managedClusterName),
    },
    roleBinding: {
      apiVersion: `${RBAC}/v1`,
      kind: "RoleBinding",
      metadata: { ...rbac, ...inNamespace },
      roleRef: { apiGroup: RBAC, kind: "Role", name: MANAGED_CLUSTER_ROLE },
      subjects,
    },
    managedCluster: {
      apiVersion: "clusters.clusternet.io/v1beta1",
      kind: "ManagedCluster",
      metadata: {
        name: place.managedClusterName,
        namespace: place.namespace,
        labels: { ...filterLabels(request.spec.clusterLabels).labels, ...plain.labels },
        annotations: plain.annotations!,
        ownerReferences,
        finalizers: [REVOKE_FINALIZER],
      },
      spec: {
        clusterId: place.clusterId,
        ...(request.spec.clusterType === undefined
          ? {}
          : { clusterType: request.spec.clusterType }),
        ...(request.spec.syncMode === undefined ? {} : { syncMode: request.spec.syncMode }),
      },
    },
  };
}
