/**
 * The parts of Kubernetes' built-in types that this project reads or writes.
 *
 * Source: https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/
 *
 * @module
 */
import type { Condition, ObjectMeta, OwnerReference } from "./clusternet_types.ts";

export type { Condition, ObjectMeta, OwnerReference };

/** What every object has. */
export interface KubeObject {
  /** Group and version. */
  apiVersion?: string;
  /** CamelCase, singular. */
  kind?: string;
  /** Name, labels, versions and the rest. */
  metadata: ObjectMeta;
}

/** What a list answers. */
export interface KubeList<T> {
  /** Group and version. */
  apiVersion?: string;
  /** Such as `NodeList`. */
  kind?: string;
  /** Version of the whole list, and where its next page begins. */
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  /** The objects; those of a list come without `apiVersion` and `kind`. */
  items?: T[] | null;
}

/** `metav1.WatchEvent`; an ERROR never reaches the caller, it is thrown. */
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  /** Only `metadata.resourceVersion` of the object counts. */
  | { type: "BOOKMARK"; object: KubeObject };

/** `coordination.k8s.io/v1` Lease. */
export interface Lease extends KubeObject {
  /** What is wanted. */
  spec?: LeaseSpec;
}

/** Times are RFC 3339 with microseconds. */
export interface LeaseSpec {
  /** Who holds it; empty when nobody does. */
  holderIdentity?: string;
  /** Others wait so long after the last renewal that they saw. */
  leaseDurationSeconds?: number;
  /** When the holder took it. */
  acquireTime?: string;
  /** When the holder renewed it last. */
  renewTime?: string;
  /** How often the holder changed. */
  leaseTransitions?: number;
}

/** Core v1 Event. */
export interface KubeEvent extends KubeObject {
  /** What it speaks of. */
  involvedObject: ObjectReference;
  /** `Warning` when somebody should look. */
  type: "Normal" | "Warning";
  /** CamelCase. */
  reason: string;
  /** For a human. */
  message: string;
  /** How often it happened. */
  count?: number;
  /** RFC 3339. */
  firstTimestamp?: string;
  /** RFC 3339. */
  lastTimestamp?: string;
  /** Who says it. */
  source?: { component?: string; host?: string };
  /** Who says it. */
  reportingComponent?: string;
  /** Which of them. */
  reportingInstance?: string;
}

/** Core v1 ObjectReference. */
export interface ObjectReference {
  /** Group and version. */
  apiVersion?: string;
  /** CamelCase, singular. */
  kind?: string;
  /** Namespace, where there is one. */
  namespace?: string;
  /** Name within its namespace. */
  name?: string;
  /** Unique over time. */
  uid?: string;
  /** Opaque; changes with each write. */
  resourceVersion?: string;
  /** Part of the object. */
  fieldPath?: string;
}

/** Core v1 Namespace. */
export interface Namespace extends KubeObject {
  /** `Terminating` once it is being deleted. */
  status?: { phase?: "Active" | "Terminating" };
}

/** Core v1 Node. */
export interface Node extends KubeObject {
  /** Whether new Pods may come. */
  spec?: { unschedulable?: boolean };
  /** Size, state and versions. */
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string }[];
    nodeInfo?: Record<string, string>;
  };
}

/** Core v1 ServiceAccount. */
export interface ServiceAccount extends KubeObject {
  /** Whether Pods get its token without asking. */
  automountServiceAccountToken?: boolean;
  /** Secrets that Pods of it may use. */
  secrets?: { name?: string }[];
}

/** Core v1 ConfigMap. */
export interface ConfigMap extends KubeObject {
  /** By key. */
  data?: Record<string, string>;
  /** By key, base64. */
  binaryData?: Record<string, string>;
}

/** Core v1 Secret; values are base64. */
export interface Secret extends KubeObject {
  /** Such as `Opaque`. */
  type?: string;
  /** Whether it may change. */
  immutable?: boolean;
  /** By key, base64. */
  data?: Record<string, string>;
}

/** `rbac.authorization.k8s.io/v1` PolicyRule. */
export interface PolicyRule {
  /** Groups; `""` is the core. */
  apiGroups?: string[];
  /** Plurals, with `/subresource` where one is meant. */
  resources?: string[];
  /** These objects only. */
  resourceNames?: string[];
  /** Such as `get`. */
  verbs: string[];
  /** Paths outside of the API groups. */
  nonResourceURLs?: string[];
}

/** `rbac.authorization.k8s.io/v1` Role and ClusterRole. */
export interface RbacRole extends KubeObject {
  /** What it allows. */
  rules?: PolicyRule[] | null;
}

/** `rbac.authorization.k8s.io/v1` Subject. */
export interface RbacSubject {
  /** Kind of subject. */
  kind: "User" | "Group" | "ServiceAccount";
  /** As authentication names it. */
  name: string;
  /** Of a ServiceAccount. */
  namespace?: string;
  /** `rbac.authorization.k8s.io`, but for a ServiceAccount. */
  apiGroup?: string;
}

/** `rbac.authorization.k8s.io/v1` RoleBinding and ClusterRoleBinding; `roleRef` is immutable. */
export interface RbacRoleBinding extends KubeObject {
  /** What is granted. */
  roleRef: { apiGroup: string; kind: "Role" | "ClusterRole"; name: string };
  /** To whom. */
  subjects?: RbacSubject[];
}

/** What a review asks about. */
export interface ResourceAttributes {
  /** Such as `create`. */
  verb: string;
  /** `""` is the core. */
  group?: string;
  /** Such as `v1`. */
  version?: string;
  /** Plural, lower case. */
  resource?: string;
  /** Such as `status`. */
  subresource?: string;
  /** Empty means all. */
  name?: string;
  /** Empty means all, or cluster scoped. */
  namespace?: string;
}

/** `authorization.k8s.io/v1` SubjectAccessReview. */
export interface SubjectAccessReview {
  /** Group and version. */
  apiVersion: "authorization.k8s.io/v1";
  /** CamelCase, singular. */
  kind: "SubjectAccessReview";
  /** Who wants to do what. */
  spec: {
    user?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
    resourceAttributes?: ResourceAttributes;
    nonResourceAttributes?: { path: string; verb: string };
  };
  /** The answer. */
  status?: { allowed: boolean; denied?: boolean; reason?: string; evaluationError?: string };
}

/** `authentication.k8s.io/v1` UserInfo. */
export interface UserInfo {
  /** As authentication names it. */
  username?: string;
  /** Unique over time, where the authenticator knows it. */
  uid?: string;
  /** All groups. */
  groups?: string[];
  /** Further attributes, by key. */
  extra?: Record<string, string[]>;
}

/** `authentication.k8s.io/v1` TokenReview. */
export interface TokenReview {
  /** Group and version. */
  apiVersion: "authentication.k8s.io/v1";
  /** CamelCase, singular. */
  kind: "TokenReview";
  /** The token, and for whom it must be meant. */
  spec: { token: string; audiences?: string[] };
  /** The answer. */
  status?: { authenticated?: boolean; user?: UserInfo; audiences?: string[]; error?: string };
}

/** `authentication.k8s.io/v1` TokenRequest (KEP-1205). */
export interface TokenRequest {
  /** Group and version. */
  apiVersion: "authentication.k8s.io/v1";
  /** CamelCase, singular. */
  kind: "TokenRequest";
  /** What is wanted. */
  spec: {
    audiences?: string[];
    /** At least 600. */
    expirationSeconds?: number;
    boundObjectRef?: ObjectReference;
  };
  /** The answer. */
  status?: {
    token: string;
    /** RFC 3339. */
    expirationTimestamp: string;
  };
}
