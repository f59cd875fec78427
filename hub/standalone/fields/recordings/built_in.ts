/**
 * Writes of all other built-in kinds.
 *
 * @module
 */
import {
  apply,
  type Body,
  create,
  force,
  merge,
  of,
  type Sequence,
  strategic,
  TIME,
} from "./sequence.ts";

const secret = of("", "v1", "secrets", "Secret");
const account = of("", "v1", "serviceaccounts", "ServiceAccount");
const role = of("rbac.authorization.k8s.io", "v1", "roles", "Role");
const clusterRole = of("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole");
const binding = of("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding");
const lease = of("coordination.k8s.io", "v1", "leases", "Lease");
const event = of("", "v1", "events", "Event");
const namespace = of("", "v1", "namespaces", "Namespace");
const node = of("", "v1", "nodes", "Node");
const rule = (...verbs: string[]): Body => ({ apiGroups: [""], resources: ["pods"], verbs });
const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" };
const user = (name: string): Body => ({
  apiGroup: "rbac.authorization.k8s.io",
  kind: "User",
  name,
});

/** See the module text. */
export const BUILT_IN: readonly Sequence[] = [
  secret.sequence("secret_data", [
    create("a", secret.object({ type: "Opaque", data: { a: "MQ==" } })),
    apply("b", secret.object({ data: { a: "MQ==", b: "Mg==" } })),
    apply("b", secret.object({ data: { a: "Mg==" } })),
    merge("c", { data: { b: "Mw==" } }),
    apply("b", secret.object({ type: "other" })),
  ]),
  account.sequence("service_account_secrets", [
    create("a", account.object({ secrets: [{ name: "one" }, { name: "two" }] })),
    strategic("b", { secrets: [{ name: "three" }], automountServiceAccountToken: false }),
    strategic("b", { secrets: [{ name: "one", $patch: "delete" }] }),
    strategic("b", {
      "$setElementOrder/secrets": [{ name: "four" }, { name: "two" }, { name: "three" }],
      secrets: [{ name: "four" }],
    }),
    strategic("b", { secrets: [{ namespace: "x" }] }),
    apply("c", account.object({ secrets: [{ name: "five" }, { name: "two" }] })),
    apply("c", account.object({ secrets: [{ name: "two", namespace: "n" }] })),
    force("c", account.object({ secrets: [{ name: "two", namespace: "n" }] })),
    apply("c", account.object({ secrets: [{ name: "six" }, { name: "six" }] })),
    apply("c", account.object({ imagePullSecrets: [{ name: "p" }] })),
    apply("d", account.object({ imagePullSecrets: [{ name: "q" }] })),
    merge("e", { secrets: [{ name: "two" }] }),
  ]),
  role.sequence("role_rules", [
    create("a", role.object({ rules: [rule("get")] })),
    apply("b", role.object({ rules: [rule("get")] })),
    apply("b", role.object({ rules: [rule("get", "list")] })),
    force("b", role.object({ rules: [rule("get", "list")] })),
    strategic("c", { rules: [rule("watch")] }),
    merge("c", { rules: null }),
    apply("b", role.object()),
  ]),
  role.sequence("role_applied", [
    apply("a", role.object({ rules: [rule("get")] })),
    apply("a", role.object({ rules: [] })),
    apply("a", role.object()),
    apply("b", role.object({ rules: [rule("list")] })),
    apply("b", role.object({ rules: [{ frob: 1 }] })),
  ]),
  clusterRole.sequence("cluster_role", [
    create(
      "a",
      clusterRole.object({
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { none: "such" } }] },
        rules: [],
      }),
    ),
    apply(
      "b",
      clusterRole.object({
        aggregationRule: { clusterRoleSelectors: [{ matchLabels: { none: "other" } }] },
      }),
    ),
    force("b", clusterRole.object({}, { labels: { x: "y" } })),
  ]),
  binding.sequence("role_binding", [
    create("a", binding.object({ roleRef, subjects: [user("u")] })),
    apply("b", binding.object({ roleRef, subjects: [user("u")] })),
    apply("b", binding.object({ roleRef, subjects: [user("v")] })),
    force("b", binding.object({ roleRef, subjects: [user("v")] })),
    merge("c", { subjects: [] }),
  ]),
  binding.sequence("role_binding_applied", [
    apply("a", binding.object({ roleRef, subjects: [user("u")] })),
    apply("a", binding.object({ roleRef })),
  ]),
  lease.sequence("lease", [
    create("a", lease.object({ spec: { holderIdentity: "one", leaseDurationSeconds: 15 } })),
    merge("b", { spec: { holderIdentity: "two", renewTime: "2026-01-01T00:00:00.000000Z" } }),
    apply("c", lease.object({ spec: { leaseDurationSeconds: 15 } })),
    apply("c", lease.object({ spec: { leaseDurationSeconds: 20 } })),
    apply("c", lease.object({ spec: { leaseDurationSeconds: "x" } })),
    apply("c", lease.object({ spec: {} })),
    merge("b", { spec: { holderIdentity: "" } }),
  ]),
  lease.sequence("lease_applied", [
    apply("a", lease.object({ spec: { holderIdentity: "one", acquireTime: null } })),
    apply("a", lease.object({ spec: { holderIdentity: "two" } })),
  ]),
  event.sequence("event", [
    create(
      "a",
      event.object({
        involvedObject: { kind: "Pod", name: "p", namespace: "team" },
        reason: "Started",
        message: "m",
        type: "Normal",
        source: { component: "c" },
        firstTimestamp: TIME,
        lastTimestamp: TIME,
        count: 1,
      }),
    ),
    strategic("b", { count: 2, lastTimestamp: "2026-01-02T00:00:00Z" }),
  ]),
  namespace.sequence("namespace", [
    create("a", namespace.object({}, { labels: { x: "1" } })),
    apply("b", namespace.object({}, { labels: { x: "1", y: "2" } })),
    apply("b", namespace.object({ status: { phase: "Terminating" } }, { labels: { y: "2" } })),
    strategic("c", {
      status: {
        conditions: [{
          type: "X",
          status: "True",
          reason: "R",
          message: "m",
          lastTransitionTime: TIME,
        }],
      },
    }, "status"),
    merge("c", { metadata: { annotations: { via: "status" } } }, "status"),
    strategic("c", { status: { conditions: [{ type: "X", status: "False" }] } }, "status"),
  ]),
  namespace.sequence("namespace_applied", [
    apply("a", namespace.object({ spec: { finalizers: ["kubernetes"] } })),
    apply("a", namespace.object()),
  ]),
  node.sequence("node", [
    apply("a", node.object({ spec: { podCIDRs: ["10.0.0.0/24"], podCIDR: "10.0.0.0/24" } })),
    apply("b", node.object({ spec: { unschedulable: true } }, { labels: { b: "1" } })),
    strategic("c", {
      status: {
        capacity: { cpu: "4", memory: "8Gi" },
        addresses: [{ type: "Hostname", address: "h" }],
        conditions: [
          { type: "Ready", status: "True", lastHeartbeatTime: TIME },
          { type: "Other", status: "False", lastHeartbeatTime: TIME },
        ],
      },
    }, "status"),
    strategic("d", {
      status: { conditions: [{ type: "Ready", status: "False", lastHeartbeatTime: TIME }] },
    }, "status"),
    apply("e", node.object({ status: { capacity: { cpu: 4 } } }), "status"),
    apply(
      "e",
      node.object({ status: { conditions: [{ type: "Third", status: "True" }] } }),
      "status",
    ),
    apply(
      "e",
      node.object({ status: { conditions: [{ type: "Ready", status: "True" }] } }),
      "status",
    ),
    strategic("d", {
      status: {
        "$setElementOrder/conditions": [{ type: "Other" }, { type: "Ready" }],
        conditions: [{ type: "Third", $patch: "delete" }],
      },
    }, "status"),
    strategic("f", { spec: { unschedulable: false } }),
  ]),
];
