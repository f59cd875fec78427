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
  apiVersion?: string;
  kind?: string;
  metadata: ObjectMeta;
}

/** What a list answers. */
export interface KubeList<T> {
  apiVersion?: string;
  kind?: string;
  metadata?: { resourceVersion?: string; continue?: string; remainingItemCount?: number };
  items?: T[] | null;
}

/** `metav1.WatchEvent`; an ERROR never reaches the caller, it is thrown. */
export type WatchEvent<T> =
  | { type: "ADDED" | "MODIFIED" | "DELETED"; object: T }
  /** Only `metadata.resourceVersion` of the object counts. */
  | { type: "BOOKMARK"; object: KubeObject };

/** `coordination.k8s.io/v1` Lease. */
export interface Lease extends KubeObject {
  spec?: LeaseSpec;
}

/** Times are RFC 3339 with microseconds. */
export interface LeaseSpec {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
}

/** Core v1 Event. */
export interface KubeEvent extends KubeObject {
  involvedObject: ObjectReference;
  type: "Normal" | "Warning";
  reason: string;
  message: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  source?: { component?: string; host?: string };
  reportingComponent?: string;
  reportingInstance?: string;
}

/** Core v1 ObjectReference. */
export interface ObjectReference {
  apiVersion?: string;
  kind?: string;
  namespace?: string;
  name?: string;
  uid?: string;
  resourceVersion?: string;
  fieldPath?: string;
}

/** Core v1 Namespace. */
export interface Namespace extends KubeObject {
  status?: { phase?: "Active" | "Terminating" };
}

/** Core v1 Node. */
export interface Node extends KubeObject {
  spec?: { unschedulable?: boolean };
  status?: {
    capacity?: Record<string, string>;
    allocatable?: Record<string, string>;
    conditions?: { type: string; status: string }[];
    nodeInfo?: Record<string, string>;
  };
}

/** Core v1 ServiceAccount. */
export interface ServiceAccount extends KubeObject {
  automountServiceAccountToken?: boolean;
  secrets?: { name?: string }[];
}

/** Core v1 ConfigMap. */
export interface ConfigMap extends KubeObject {
  data?: Record<string, string>;
  binaryData?: Record<string, string>;
}

/** Core v1 Secret; values are base64. */
export interface Secret extends KubeObject {
  type?: string;
  immutable?: boolean;
  data?: Record<string, string>;
}

/** `rbac.authorization.k8s.io/v1` PolicyRule. */
export interface PolicyRule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  verbs: string[];
  nonResourceURLs?: string[];
}

/** `rbac.authorization.k8s.io/v1` Role and ClusterRole. */
export interface Role extends KubeObject {
  rules?: PolicyRule[] | null;
}

/** `rbac.authorization.k8s.io/v1` Subject. */
export interface RbacSubject {
  kind: "User" | "Group" | "ServiceAccount";
  name: string;
  namespace?: string;
  apiGroup?: string;
}

/** `rbac.authorization.k8s.io/v1` RoleBinding and ClusterRoleBinding; `roleRef` is immutable. */
export interface RoleBinding extends KubeObject {
  roleRef: { apiGroup: string; kind: "Role" | "ClusterRole"; name: string };
  subjects?: RbacSubject[];
}

/** What a review asks about. */
export interface ResourceAttributes {
  verb: string;
  group?: string;
  version?: string;
  resource?: string;
  subresource?: string;
  name?: string;
  namespace?: string;
}

/** `authorization.k8s.io/v1` SubjectAccessReview. */
export interface SubjectAccessReview {
  apiVersion: "authorization.k8s.io/v1";
  kind: "SubjectAccessReview";
  spec: {
    user?: string;
    uid?: string;
    groups?: string[];
    extra?: Record<string, string[]>;
    resourceAttributes?: ResourceAttributes;
    nonResourceAttributes?: { path: string; verb: string };
  };
  status?: { allowed: boolean; denied?: boolean; reason?: string; evaluationError?: string };
}

/** `authentication.k8s.io/v1` UserInfo. */
export interface UserInfo {
  username?: string;
  uid?: string;
  groups?: string[];
  extra?: Record<string, string[]>;
}

/** `authentication.k8s.io/v1` TokenReview. */
export interface TokenReview {
  apiVersion: "authentication.k8s.io/v1";
  kind: "TokenReview";
  spec: { token: string; audiences?: string[] };
  status?: { authenticated?: boolean; user?: UserInfo; audiences?: string[]; error?: string };
}

/** `authentication.k8s.io/v1` TokenRequest (KEP-1205). */
export interface TokenRequest {
  apiVersion: "authentication.k8s.io/v1";
  kind: "TokenRequest";
  spec: {
    audiences?: string[];
    /** At least 600. */
    expirationSeconds?: number;
    boundObjectRef?: ObjectReference;
  };
  status?: {
    token: string;
    /** RFC 3339. */
    expirationTimestamp: string;
  };
}
