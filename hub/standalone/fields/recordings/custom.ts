/**
 * Writes of custom kinds.
 *
 * @module
 */
import {
  apply,
  type Body,
  create,
  force,
  json,
  merge,
  of,
  put,
  type Sequence,
  strategic,
  TIME,
} from "./sequence.ts";

const cluster = of("clusters.clusternet.io", "v1beta1", "managedclusters", "ManagedCluster");
const request = of(
  "clusters.clusternet.io",
  "v1beta1",
  "clusterregistrationrequests",
  "ClusterRegistrationRequest",
);
const clusterId = "6b9cbbcf-33d5-4b5b-9a4e-3f0f2b2f3c11";
const condition = (type: string, status: string): Body => ({
  type,
  status,
  reason: "Because",
  message: "m",
  lastTransitionTime: TIME,
});
const status = (fields: Body): Body => cluster.object({ status: fields });

/** See the module text. */
export const CUSTOM: readonly Sequence[] = [
  cluster.sequence("cluster_writes", [
    create(
      "a",
      cluster.object({ spec: { clusterId, syncMode: "Pull" }, status: { readyz: true } }),
    ),
    merge("b", { spec: { syncMode: "Push" }, status: { readyz: true } }),
    merge("b", { status: { readyz: true, k8sVersion: "v1" } }, "status"),
    merge("c", { status: { readyz: null }, spec: { syncMode: "Dual" } }, "status"),
    json("c", [{ op: "add", path: "/status/livez", value: false }], "status"),
    merge("c", { metadata: { labels: { via: "status" } } }, "status"),
    merge("c", { metadata: { labels: { x: "1" } } }),
    strategic("c", {}),
    merge("c", { spec: { syncMode: null } }),
  ]),
  cluster.sequence("cluster_applied", [
    apply("a", cluster.object({ spec: { clusterId, syncMode: "Pull" }, status: { readyz: true } })),
    apply("b", cluster.object({ spec: { clusterId } })),
    apply("b", cluster.object({ spec: { clusterId, syncMode: "Push" } })),
    apply("a", cluster.object({ spec: { clusterId } })),
    apply("b", cluster.object({ spec: { clusterId, syncMode: "Push" } })),
    apply("b", cluster.object({ spec: { clusterId } })),
    apply("b", cluster.object({ spec: { clusterId: 1, foo: 2 } })),
    apply("b", cluster.object({}, { labels: { x: "y" } })),
    apply("a", cluster.object({}, { labels: { x: "y" } })),
  ]),
  cluster.sequence("cluster_conditions_applied", [
    create("a", cluster.object({ spec: { clusterId } })),
    apply(
      "hub",
      status({ conditions: [condition("Ready", "True"), condition("Connected", "True")] }),
      "status",
    ),
    apply("agent", status({ conditions: [condition("Disk", "True")], readyz: true }), "status"),
    apply("agent", status({ conditions: [condition("Ready", "False")] }), "status"),
    apply(
      "agent",
      status({ conditions: [condition("Ready", "True"), condition("Disk", "False")] }),
      "status",
    ),
    force("agent", status({ conditions: [condition("Ready", "False")] }), "status"),
    apply("hub", status({ conditions: [condition("Connected", "True")] }), "status"),
    apply(
      "hub",
      status({ conditions: [condition("A", "True"), condition("A", "True")] }),
      "status",
    ),
    apply("hub", status({ conditions: [{ status: "True" }] }), "status"),
    apply("hub", status({}), "status"),
    apply("agent", status({ readyz: false }), "status"),
  ]),
  cluster.sequence("cluster_conditions_order", [
    create("a", cluster.object({ spec: { clusterId } })),
    merge("b", {
      status: { conditions: ["A", "B", "C", "D", "E"].map((type) => condition(type, "True")) },
    }, "status"),
    apply(
      "c",
      status({ conditions: ["D", "X", "B"].map((type) => condition(type, "True")) }),
      "status",
    ),
    apply(
      "d",
      status({ conditions: ["Y", "E", "A"].map((type) => condition(type, "True")) }),
      "status",
    ),
    apply("c", status({ conditions: ["B", "X"].map((type) => condition(type, "True")) }), "status"),
    merge("b", {
      status: { conditions: ["E", "A"].map((type) => condition(type, "Unknown")) },
    }, "status"),
    json("b", [{ op: "remove", path: "/status/conditions/0" }], "status"),
    json("b", [{ op: "remove", path: "/status/conditions" }], "status"),
  ]),
  cluster.sequence("cluster_quantities", [
    create("a", cluster.object({ spec: { clusterId } })),
    apply("a", status({ capacity: { cpu: 4, memory: "8Gi" }, nodeStatistics: {} }), "status"),
    apply("b", status({ capacity: { cpu: "4" }, nodeStatistics: { readyNodes: 1 } }), "status"),
    force("b", status({ capacity: { cpu: "4" }, nodeStatistics: { readyNodes: 1 } }), "status"),
    apply("a", status({ capacity: { memory: "8Gi" } }), "status"),
    merge(
      "c",
      { status: { capacity: {}, nodeStatistics: { readyNodes: 2, lostNodes: 0 } } },
      "status",
    ),
    apply("b", status({ nodeStatistics: { readyNodes: "x" }, healthz: 1 }), "status"),
  ]),
  cluster.sequence("cluster_status_put", [
    create("a", cluster.object({ spec: { clusterId } }, { labels: { x: "1" } })),
    put("b", cluster.object({ spec: { clusterId }, status: { readyz: true } }), "status"),
    put("c", cluster.object({ spec: { clusterId } }, { labels: { y: "2" } })),
    put("b", cluster.object({ spec: { clusterId } }), "status"),
    merge("b", { metadata: { managedFields: [] }, status: { livez: true } }, "status"),
    merge("b", { metadata: { managedFields: [] } }),
    merge("b", { metadata: { managedFields: [{}] } }),
    merge("b", { status: { livez: false } }, "status"),
    apply("hub", status({ readyz: true }), "status"),
    apply("d", cluster.object({}, { labels: { y: "2" } })),
  ]),
  request.sequence("registration_request", [
    create(
      "a",
      {
        ...request.object({
          spec: {
            clusterId,
            publicKey: { kty: "EC", crv: "P-256", x: "x".repeat(43), y: "y".repeat(43) },
            clusterLabels: { a: "b" },
          },
        }),
        metadata: { name: `clusternet-${clusterId}` },
      },
    ),
    merge("b", { spec: { clusterLabels: { a: null, c: "d" } } }),
    merge("hub", {
      status: {
        result: "Approved",
        serviceAccount: { namespace: "n", name: "s", uid: "u" },
        conditions: [{ type: "Approved", status: "True" }],
      },
    }, "status"),
    {
      ...apply("kubectl", {
        ...request.object({ status: { conditions: [{ type: "Denied", status: "True" }] } }),
        metadata: { name: `clusternet-${clusterId}` },
      }, "status"),
    },
  ]),
];
