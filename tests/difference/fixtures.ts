/**
 * For each stored kind: an object of it, changes to it, and what its rules refuse.
 *
 * @module
 */
import {
  CLUSTER_REGISTRATION_REQUESTS,
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  CONFIG_MAPS,
  EVENTS,
  LEASES,
  MANAGED_CLUSTERS,
  NAMESPACES,
  NODES,
  type ResourceRef,
  ROLE_BINDINGS,
  ROLES,
  SECRETS,
  SERVICE_ACCOUNTS,
} from "../../shared/kube/resources.ts";

/** An object as JSON. */
// deno-lint-ignore no-explicit-any
export type Json = any;

/** Namespace of all namespaced objects here. */
export const NAMESPACE = "difference";

/** What is known of a kind. */
export interface Fixture {
  readonly ref: ResourceRef;
  /** Fields of a good object, without `apiVersion`, `kind` and `metadata`. */
  body(index: number): Json;
  /** Merge patch that changes it; also what a PUT changes. */
  readonly change: Json;
  /** Merge patch to a good object that its rules refuse. */
  readonly invalid: Json;
  /** Name of the object with this number. */
  name(index: number): string;
  /** Whether it has the subresource `status`, and a merge patch for it. */
  readonly status?: Json;
  /** Built-in kinds know strategic merge patches. */
  readonly strategic: boolean;
}

function fixture(fields: Omit<Fixture, "name" | "strategic"> & Partial<Fixture>): Fixture {
  return { name: (index) => `cell-${index}`, strategic: true, ...fields };
}

/** A cluster id of the form that the CRD wants. */
export function clusterId(index: number): string {
  return `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`;
}

const JWK = {
  kty: "EC",
  crv: "P-256",
  x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
  y: "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
};
const RULES = [{ apiGroups: [""], resources: ["configmaps"], verbs: ["get"] }];
const SUBJECTS = [{ kind: "User", name: "alice", apiGroup: "rbac.authorization.k8s.io" }];
const OTHER_SUBJECTS = [{ kind: "Group", name: "ops", apiGroup: "rbac.authorization.k8s.io" }];
const ROLE_REF = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" };
const BAD_REF = { ...ROLE_REF, kind: "Rolle" };

/** All stored kinds. */
export const FIXTURES: readonly Fixture[] = [
  fixture({
    ref: NAMESPACES,
    body: () => ({}),
    change: { metadata: { labels: { site: "berlin" } } },
    invalid: { metadata: { labels: { "not a key": "x" } } },
    status: { status: { phase: "Active" } },
  }),
  fixture({
    ref: NODES,
    body: () => ({ spec: { podCIDR: "10.0.0.0/24", podCIDRs: ["10.0.0.0/24"] } }),
    change: { spec: { unschedulable: true } },
    invalid: { spec: { taints: [{ key: "a b", effect: "NoSchedule" }] } },
    status: { status: { conditions: [{ type: "Ready", status: "True", reason: "Test" }] } },
  }),
  fixture({
    ref: SECRETS,
    body: () => ({ data: { key: "dmFsdWU=" } }),
    change: { stringData: { other: "value" } },
    invalid: { data: { "not a key": "dmFsdWU=" } },
  }),
  fixture({
    ref: CONFIG_MAPS,
    body: () => ({ data: { key: "value" }, binaryData: { raw: "AAEC" } }),
    change: { data: { other: "value" } },
    invalid: { data: { "../key": "value" } },
  }),
  fixture({
    ref: SERVICE_ACCOUNTS,
    body: () => ({ secrets: [{ name: "one" }] }),
    change: { automountServiceAccountToken: false },
    invalid: { metadata: { annotations: { "a b": "x" } } },
  }),
  fixture({
    ref: EVENTS,
    body: (index) => ({
      involvedObject: {
        apiVersion: "v1",
        kind: "ConfigMap",
        name: `x-${index}`,
        namespace: NAMESPACE,
      },
      reason: "Tested",
      message: "something happened",
      type: "Normal",
      source: { component: "test" },
      count: 1,
    }),
    change: { count: 2, message: "it happened again" },
    invalid: { involvedObject: { namespace: "elsewhere" } },
  }),
  fixture({
    ref: LEASES,
    body: () => ({ spec: { holderIdentity: "one", leaseDurationSeconds: 15 } }),
    change: { spec: { holderIdentity: "two", leaseTransitions: 1 } },
    invalid: { spec: { leaseDurationSeconds: 0 } },
  }),
  fixture({
    ref: ROLES,
    body: () => ({ rules: RULES }),
    change: { rules: [{ ...RULES[0], verbs: ["get", "list"] }] },
    invalid: { rules: [{ apiGroups: [""], resources: ["configmaps"], verbs: [] }] },
  }),
  fixture({
    ref: CLUSTER_ROLES,
    body: () => ({ rules: RULES }),
    change: { rules: [{ nonResourceURLs: ["/healthz"], verbs: ["get"] }] },
    invalid: { rules: [{ verbs: ["get"] }] },
  }),
  fixture({
    ref: ROLE_BINDINGS,
    body: () => ({ roleRef: ROLE_REF, subjects: SUBJECTS }),
    change: { subjects: OTHER_SUBJECTS },
    invalid: { roleRef: BAD_REF },
  }),
  fixture({
    ref: CLUSTER_ROLE_BINDINGS,
    body: () => ({ roleRef: ROLE_REF, subjects: SUBJECTS }),
    change: { subjects: OTHER_SUBJECTS },
    invalid: { subjects: [{ kind: "User" }] },
  }),
  fixture({
    ref: CLUSTER_REGISTRATION_REQUESTS,
    name: (index) => `clusternet-${clusterId(index)}`,
    body: (index) => ({ spec: { clusterId: clusterId(index), publicKey: JWK } }),
    change: { spec: { clusterType: "Edge" } },
    invalid: { spec: { clusterId: "not-a-uuid" } },
    status: { status: { result: "Approved", managedClusterName: "berlin" } },
    strategic: false,
  }),
  fixture({
    ref: MANAGED_CLUSTERS,
    body: (index) => ({ spec: { clusterId: clusterId(index), clusterType: "Edge" } }),
    change: { spec: { syncMode: "Pull" } },
    invalid: { spec: { syncMode: "Sideways" } },
    status: { status: { k8sVersion: "v1.36.3", readyz: true } },
    strategic: false,
  }),
];

/** A whole object. */
export function objectOf({ ref, body, name }: Fixture, index: number, labels?: Json): Json {
  return {
    apiVersion: ref.group === "" ? ref.version : `${ref.group}/${ref.version}`,
    kind: ref.kind,
    metadata: {
      name: name(index),
      ...(ref.namespaced ? { namespace: NAMESPACE } : {}),
      ...(labels === undefined ? {} : { labels }),
    },
    ...body(index),
  };
}

/** Applies a merge patch (RFC 7386). */
export function merged(target: Json, patch: Json): Json {
  if (patch === null || typeof patch !== "object" || Array.isArray(patch)) return patch;
  const out: Json = target !== null && typeof target === "object" && !Array.isArray(target)
    ? { ...target }
    : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else out[key] = merged(out[key], value);
  }
  return out;
}
