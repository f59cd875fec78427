import assert from "node:assert/strict";
import { created, updated } from "./testing.ts";

Deno.test("serviceAccountRules keeps of secrets the names", () => {
  const { object } = created("ServiceAccount", { secrets: [{ name: "a", kind: "b" }, {}] });
  assert.deepEqual(object.secrets, [{ name: "a" }, {}]);
});

Deno.test("namespaceRules sets label, finalizer and phase", () => {
  const { object } = created("Namespace", {
    metadata: { namespace: "x", labels: { "kubernetes.io/metadata.name": "zz" } },
    spec: { finalizers: ["b/c"] },
    status: { phase: "Terminating" },
  });
  assert.deepEqual(object, {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "a", labels: { "kubernetes.io/metadata.name": "a" } },
    spec: { finalizers: ["b/c", "kubernetes"] },
    status: { phase: "Active" },
  });
});

Deno.test("namespaceRules lets updates change neither finalizers nor status, finalize the first", () => {
  const from = { spec: { finalizers: ["kubernetes"] }, status: { phase: "Active" } };
  const to = { spec: { finalizers: ["a/b"] }, status: { phase: "Terminating" } };
  const { spec, status } = updated("Namespace", from, to).object;
  assert.deepEqual([spec, status], [from.spec, from.status]);
  assert.deepEqual(updated("Namespace", from, to, "finalize").object.spec, to.spec);
  assert.deepEqual(updated("Namespace", from, to, "finalize").object.status, from.status);
  assert.deepEqual(updated("Namespace", from, to, "status").faults, [
    "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty",
  ]);
});

Deno.test("namespaceRules names faults of finalizers as the real one does", () => {
  const words =
    'Invalid value: "a": name is neither a standard finalizer name nor is it fully qualified';
  const spec = { finalizers: ["a"] };
  assert.deepEqual(created("Namespace", { spec }).faults, [`spec.finalizers: ${words}`]);
  const from = { status: { phase: "Active" } };
  assert.deepEqual(updated("Namespace", from, { spec }, "finalize").faults, [
    `spec.finalizers[0]: ${words}`,
  ]);
});

Deno.test("nodeRules taints new nodes, and derives allocatable and podCIDRs", () => {
  const { object } = created("Node", {
    spec: { podCIDR: "10.0.0.0/24" },
    status: { capacity: { cpu: "1" } },
  });
  assert.deepEqual(object.spec, {
    podCIDR: "10.0.0.0/24",
    podCIDRs: ["10.0.0.0/24"],
    taints: [{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }],
  });
  assert.deepEqual(object.status, { capacity: { cpu: "1" }, allocatable: { cpu: "1" } });
});

Deno.test("nodeRules checks taints, ranges and quantities", () => {
  const { faults } = created("Node", {
    spec: {
      taints: [{ key: "a", effect: "NoSchedule" }, { key: "a", effect: "NoSchedule" }, {
        key: "b",
      }],
      podCIDRs: ["x"],
    },
    status: { capacity: { cpu: "-1", pods: "1500m" }, allocatable: {} },
  });
  assert.deepEqual(faults, [
    'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule",' +
    '"TimeAdded":null}: taints must be unique by key and effect pair',
    "metadata.taints[2].effect: Required value",
    'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or ' +
    "2001:db8::/64)",
    'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
    'status.capacity.pods: Invalid value: "1500m": must be an integer',
  ]);
});

Deno.test("nodeRules keeps status and spec apart, and what is set once", () => {
  const from = { spec: { podCIDRs: ["10.0.0.0/24"], providerID: "x" }, status: { phase: "a" } };
  const to = { spec: { podCIDRs: ["10.1.0.0/24"], providerID: "y" }, status: { phase: "b" } };
  const { object, faults } = updated("Node", from, to);
  assert.deepEqual(object.status, from.status);
  assert.deepEqual(faults, [
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    'spec.providerID: Forbidden: node updates may not change providerID except from "" to valid',
  ]);
  const status = updated("Node", from, to, "status").object;
  assert.deepEqual([status.spec, status.status], [from.spec, to.status]);
});

Deno.test("eventRules wants the namespace of what it speaks of", () => {
  const words = "does not match event.namespace";
  const involved = (namespace?: string): string[] =>
    created("Event", { involvedObject: namespace === undefined ? {} : { namespace } }).faults;
  assert.deepEqual(involved("ns"), []);
  assert.deepEqual(involved("x"), [`involvedObject.namespace: Invalid value: "x": ${words}`]);
  assert.deepEqual(involved(), [`involvedObject.namespace: Invalid value: "": ${words}`]);
});

Deno.test("eventRules wants more of events that have a time", () => {
  const { faults } = created("Event", {
    involvedObject: { namespace: "ns" },
    eventTime: "2020-01-01T00:00:00.000000Z",
    reportingComponent: "a/b",
  });
  assert.deepEqual(faults, [
    "reportingInstance: Required value",
    "action: Required value",
    "reason: Required value",
  ]);
});

Deno.test("leaseRules checks numbers, and drops what is behind a gate", () => {
  const spec = { leaseDurationSeconds: 0, leaseTransitions: -1, strategy: "x" };
  const { object, faults } = created("Lease", { spec });
  assert.deepEqual(faults, [
    "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
    "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
  ]);
  assert.deepEqual(object.spec, { leaseDurationSeconds: 0, leaseTransitions: -1 });
});
