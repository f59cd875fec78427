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
  /** Always `EC`. */
  kty: "EC";
  /** Always `P-256`. */
  crv: "P-256";
  /** Base64url. */
  x: string;
  /** Base64url. */
  y: string;
}

/** `metav1.Condition`. */
export interface Condition {
  /** Kind of condition, as `Ready`. */
  type: string;
  /** What holds now. */
  status: "True" | "False" | "Unknown";
  /** CamelCase, for machines. */
  reason: string;
  /** For people. */
  message: string;
  /** RFC 3339; when `status` last changed. */
  lastTransitionTime: string;
  /** Generation of the object that this speaks of. */
  observedGeneration?: number;
}

/** The parts of `metav1.ObjectMeta` that this project reads or writes. */
export interface ObjectMeta {
  /** Unique within its kind (and namespace). */
  name?: string;
  /** Prefix of a name that the server completes. */
  generateName?: string;
  /** Where it lives; absent for cluster-scoped objects. */
  namespace?: string;
  /** Unlike any other object's, ever. */
  uid?: string;
  /** Changes with each write; opaque. */
  resourceVersion?: string;
  /** Changes with each change of the spec. */
  generation?: number;
  /** RFC 3339. */
  creationTimestamp?: string;
  /** RFC 3339; set while finalizers hold it. */
  deletionTimestamp?: string;
  /** Selectable pairs. */
  labels?: Record<string, string>;
  /** Other pairs. */
  annotations?: Record<string, string>;
  /** What must be done before it goes. */
  finalizers?: string[];
  /** With the last of these it is collected. */
  ownerReferences?: OwnerReference[];
}

/** `metav1.OwnerReference`. */
export interface OwnerReference {
  /** Group and version. */
  apiVersion: string;
  /** Kind of object. */
  kind: string;
  /** Unique within its kind (and namespace). */
  name: string;
  /** Unlike any other object's, ever. */
  uid: string;
  /** Whether the owner manages it. */
  controller?: boolean;
  /** Whether foreground deletion of the owner waits for it. */
  blockOwnerDeletion?: boolean;
}

/** A child cluster asks to be registered; cluster scoped, named `clusternet-<clusterId>`. */
export interface ClusterRegistrationRequest {
  /** Group and version. */
  apiVersion: "clusters.clusternet.io/v1beta1";
  /** Kind of object. */
  kind: "ClusterRegistrationRequest";
  /** Name, labels and versions. */
  metadata: ObjectMeta;
  /** What is wanted. */
  spec: ClusterRegistrationRequestSpec;
  /** What holds now. */
  status?: ClusterRegistrationRequestStatus;
}

/** What the agent says of its cluster. */
export interface ClusterRegistrationRequestSpec {
  /** UUID, lower case. */
  clusterId: string;
  /** Name of the ManagedCluster. */
  clusterName?: string;
  /** Free text, as `EdgeClusterSelfProvisioned`. */
  clusterType?: string;
  /** Wanted dedicated namespace; the hub derives one when absent. */
  clusterNamespace?: string;
  /** Labels for the ManagedCluster. */
  clusterLabels?: Record<string, string>;
  /** Kept for the original's tools; means nothing here. */
  syncMode?: "Push" | "Pull" | "Dual";
  /** Immutable. */
  publicKey: PublicKeyJwk;
}

/** What the hub decided, and the credentials that only the holder of the key can read. */
export interface ClusterRegistrationRequestStatus {
  /** Namespace that was made for the cluster. */
  dedicatedNamespace?: string;
  /** Name of its ManagedCluster. */
  managedClusterName?: string;
  /** What the hub decided. */
  result?: "Approved" | "Denied" | "Failed";
  /** Why it failed or was denied. */
  errorMessage?: string;
  /** JWE compact to `spec.publicKey` of {@linkcode SealedCredentials}. */
  sealedCredentials?: string;
  /** RFC 3339; when the sealed token expires. */
  sealedCredentialsExpiry?: string;
  /** The agent's ServiceAccount as the hub recorded it: the tunnel check rests on this. */
  serviceAccount?: { namespace: string; name: string; uid: string };
  /** Approved, Denied and Revoked here; Accepted, Connected, Ready and DuplicateAgent on a ManagedCluster. */
  conditions?: Condition[];
  /** base64, only with `--legacy-credentials`. */
  token?: string;
  /** base64 PEM, only with `--legacy-credentials`. */
  caCertificate?: string;
}

/** Plain text of `status.sealedCredentials`. */
export interface SealedCredentials {
  /** UUID, lower case. */
  clusterId: string;
  /** ServiceAccount token for the parent. */
  token: string;
  /** RFC 3339. */
  expirationTimestamp: string;
  /** PEM of the parent's API server CA. */
  caCertificate: string;
  /** Dedicated namespace in the parent. */
  namespace: string;
  /** Name of its ManagedCluster. */
  managedClusterName: string;
}

/** A registered child cluster; lives in its dedicated namespace. */
export interface ManagedCluster {
  /** Group and version. */
  apiVersion: "clusters.clusternet.io/v1beta1";
  /** Kind of object. */
  kind: "ManagedCluster";
  /** Name, labels and versions. */
  metadata: ObjectMeta;
  /** What is wanted. */
  spec: { clusterId: string; clusterType?: string; syncMode?: string };
  /** What holds now. */
  status?: ManagedClusterStatus;
}

/** Written by the agent but for `conditions`, which are the hub's alone. */
export interface ManagedClusterStatus {
  /** RFC 3339, by the child's clock. */
  lastObservedTime?: string;
  /** Of the child, as `v1.36.3`. */
  k8sVersion?: string;
  /** As `linux/amd64`. */
  platform?: string;
  /** The child's `/healthz`. */
  healthz?: boolean;
  /** The child's `/livez`. */
  livez?: boolean;
  /** The child's `/readyz`; the hub sets it false while the child is silent. */
  readyz?: boolean;
  /** Of the agent. */
  agentVersion?: string;
  /** The child's API server, as its agent reaches it. */
  apiserverURL?: string;
  /** Sum over its nodes. */
  allocatable?: Record<string, string>;
  /** Sum over its nodes. */
  capacity?: Record<string, string>;
  /** Nodes by condition. */
  nodeStatistics?: {
    readyNodes?: number;
    notReadyNodes?: number;
    unknownNodes?: number;
    lostNodes?: number;
  };
  /** How often the agent reports. */
  heartbeatFrequencySeconds?: number;
  /** Approved, Denied and Revoked here; Accepted, Connected, Ready and DuplicateAgent on a ManagedCluster. */
  conditions?: Condition[];
}
