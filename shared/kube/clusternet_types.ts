/**
 * Types, names, labels and annotations of the API groups `clusters.clusternet.io` and
 * `proxies.clusternet.io`, as the original Clusternet serves them, plus our own fields.
 *
 * @module
 */

/** Group of `ClusterRegistrationRequest` and `ManagedCluster`. */
export const CLUSTERS_GROUP = "clusters.clusternet.io";
/** Version of {@linkcode CLUSTERS_GROUP}. */
export const CLUSTERS_VERSION = "v1beta1";
/** Group of `sockets`, served by the hub itself. */
export const PROXIES_GROUP = "proxies.clusternet.io";
/** Version of {@linkcode PROXIES_GROUP}. */
export const PROXIES_VERSION = "v1alpha1";

/** Namespace of the hub in the parent and of the agent in the child. */
export const SYSTEM_NAMESPACE = "clusternet-system";
/** Namespace in the parent that holds the ServiceAccount of every agent, and nothing else. */
export const AGENTS_NAMESPACE = "clusternet-agents";
/** Lease in the child whose UID is the cluster id; also the agents' leader election. */
export const SELF_CLUSTER_LEASE = "self-cluster";
/** Secret in the child that holds the key pair and the credentials for the parent. */
export const PARENT_CLUSTER_SECRET = "parent-cluster";
/** `metadata.name` of a `ClusterRegistrationRequest` is this and the cluster id. */
export const REQUEST_NAME_PREFIX = "clusternet-";
/** Role and RoleBinding of a child in its dedicated namespace. */
export const MANAGED_CLUSTER_ROLE = "clusternet-managedcluster-role";
/** Group that a bootstrap token for registration carries. */
export const BOOTSTRAP_GROUP = "system:bootstrappers:clusternet:register-cluster-token";
/** Finalizer on a `ManagedCluster`: its removal is the proof that the agent's access is void. */
export const REVOKE_FINALIZER = "clusternet.io/revoke";

/** Label: the cluster id. */
export const CLUSTER_ID_LABEL = "clusters.clusternet.io/cluster-id";
/** Label: the cluster name. */
export const CLUSTER_NAME_LABEL = "clusters.clusternet.io/cluster-name";
/** Label on a request: who made it. */
export const REGISTERED_BY_LABEL = "clusters.clusternet.io/registered-by";
/** Label: who created the object. */
export const CREATED_BY_LABEL = "clusternet.io/created-by";
/** Label on RBAC objects and the credentials Secret. */
export const BOOTSTRAPPING_LABEL = "clusters.clusternet.io/bootstrapping";
/** Annotation on RBAC objects. */
export const RBAC_AUTOUPDATE_ANNOTATION = "clusters.clusternet.io/rbac-autoupdate";
/** Annotation: UID of the request an object was made for; without it nothing is adopted. */
export const REQUEST_UID_ANNOTATION = "clusters.clusternet.io/request-uid";

/** `fieldManager` of the agent's status reports. */
export const AGENT_FIELD_MANAGER = "clusternet-agent";
/** `fieldManager` of the hub. */
export const HUB_FIELD_MANAGER = "clusternet-hub";

/** An agent's public key, RFC 7517, EC P-256: its lasting identity. */
export interface PublicKeyJwk {
  kty: "EC";
  crv: "P-256";
  x: string;
  y: string;
}

/** `metav1.Condition`. */
export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  lastTransitionTime: string;
  observedGeneration?: number;
}

/** The parts of `metav1.ObjectMeta` that this project reads or writes. */
export interface ObjectMeta {
  name?: string;
  generateName?: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** `metav1.OwnerReference`. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** A child cluster asks to be registered; cluster scoped, named `clusternet-<clusterId>`. */
export interface ClusterRegistrationRequest {
  apiVersion: "clusters.clusternet.io/v1beta1";
  kind: "ClusterRegistrationRequest";
  metadata: ObjectMeta;
  spec: ClusterRegistrationRequestSpec;
  status?: ClusterRegistrationRequestStatus;
}

/** What the agent says of its cluster. */
export interface ClusterRegistrationRequestSpec {
  /** UUID, lower case. */
  clusterId: string;
  clusterName?: string;
  clusterType?: string;
  /** Wanted dedicated namespace; the hub derives one when absent. */
  clusterNamespace?: string;
  clusterLabels?: Record<string, string>;
  syncMode?: "Push" | "Pull" | "Dual";
  /** Immutable. */
  publicKey: PublicKeyJwk;
}

/** What the hub decided, and the credentials that only the holder of the key can read. */
export interface ClusterRegistrationRequestStatus {
  dedicatedNamespace?: string;
  managedClusterName?: string;
  result?: "Approved" | "Denied" | "Failed";
  errorMessage?: string;
  /** JWE compact to `spec.publicKey` of {@linkcode SealedCredentials}. */
  sealedCredentials?: string;
  /** RFC 3339; when the sealed token expires. */
  sealedCredentialsExpiry?: string;
  /** The agent's ServiceAccount as the hub recorded it: the tunnel check rests on this. */
  serviceAccount?: { namespace: string; name: string; uid: string };
  conditions?: Condition[];
  /** base64, only with `--legacy-credentials`. */
  token?: string;
  /** base64 PEM, only with `--legacy-credentials`. */
  caCertificate?: string;
}

/** Plain text of `status.sealedCredentials`. */
export interface SealedCredentials {
  clusterId: string;
  /** ServiceAccount token for the parent. */
  token: string;
  /** RFC 3339. */
  expirationTimestamp: string;
  /** PEM of the parent's API server CA. */
  caCertificate: string;
  /** Dedicated namespace in the parent. */
  namespace: string;
  managedClusterName: string;
}

/** A registered child cluster; lives in its dedicated namespace. */
export interface ManagedCluster {
  apiVersion: "clusters.clusternet.io/v1beta1";
  kind: "ManagedCluster";
  metadata: ObjectMeta;
  spec: { clusterId: string; clusterType?: string; syncMode?: string };
  status?: ManagedClusterStatus;
}

/** Written by the agent but for `conditions`, which are the hub's alone. */
export interface ManagedClusterStatus {
  lastObservedTime?: string;
  k8sVersion?: string;
  platform?: string;
  healthz?: boolean;
  livez?: boolean;
  readyz?: boolean;
  agentVersion?: string;
  apiserverURL?: string;
  allocatable?: Record<string, string>;
  capacity?: Record<string, string>;
  nodeStatistics?: {
    readyNodes?: number;
    notReadyNodes?: number;
    unknownNodes?: number;
    lostNodes?: number;
  };
  heartbeatFrequencySeconds?: number;
  conditions?: Condition[];
}
