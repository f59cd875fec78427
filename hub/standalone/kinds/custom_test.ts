import assert from "node:assert/strict";
import { created, updated } from "./testing.ts";

const ID = "00000000-0000-0000-0000-000000000001";
const KEY = { kty: "EC", crv: "P-256", x: "0".repeat(43), y: "1".repeat(43) };
const REQUEST = { metadata: { name: `clusternet-${ID}` }, spec: { clusterId: ID, publicKey: KEY } };
const CLUSTER = { spec: { clusterId: ID } };
const UNCHECKED =
  "<nil>: Invalid value: null: some validation rules were not checked because the " +
  "object was invalid; correct the existing errors to complete validation";

function request(
  spec: Record<string, unknown>,
  more: Record<string, unknown> = {},
): typeof REQUEST {
  return { ...REQUEST, spec: { ...REQUEST.spec, ...spec }, ...more };
}

/** Faults of a status of a ClusterRegistrationRequest. */
function statusFaults(status: unknown, kind = "ClusterRegistrationRequest"): string[] {
  const base = kind === "ManagedCluster" ? CLUSTER : REQUEST;
  return updated(kind, base, { ...base, status }, "status").faults;
}

Deno.test("customRules takes what is right: generation 1, no status", () => {
  const { object, faults } = created("ClusterRegistrationRequest", {
    ...REQUEST,
    status: { result: "Approved" },
  });
  assert.deepEqual(faults, []);
  assert.equal(object.metadata.generation, 1);
  assert.equal(object.status, undefined);
});

Deno.test("customRules evaluates CEL rules, transition rules on updates alone", () => {
  const { faults } = created("ClusterRegistrationRequest", {
    ...REQUEST,
    metadata: { name: "foo" },
  });
  assert.deepEqual(faults, [
    '<nil>: Invalid value: metadata.name must be "clusternet-" and spec.clusterId',
  ]);
  const other = ID.replace("1", "2");
  const to = request({
    clusterId: other,
    clusterName: "x",
    publicKey: { ...KEY, x: "2".repeat(43) },
  });
  assert.deepEqual(updated("ClusterRegistrationRequest", REQUEST, to).faults, [
    '<nil>: Invalid value: metadata.name must be "clusternet-" and spec.clusterId',
    "spec: Invalid value: spec.clusterName is immutable",
    `spec.clusterId: Invalid value: "${other}": spec.clusterId is immutable`,
    "spec.publicKey: Invalid value: spec.publicKey is immutable: another agent holds this cluster id. " +
    "To let a new key in, delete the ClusterRegistrationRequest first",
  ]);
});

Deno.test("customRules counts generations of all but status and metadata", () => {
  const from = request({}, { metadata: { ...REQUEST.metadata, generation: 4 } });
  const generation = (to: Record<string, unknown>): unknown =>
    updated("ClusterRegistrationRequest", from, to).object.metadata.generation;
  assert.equal(generation(request({ clusterType: "x" })), 5);
  assert.equal(generation(request({}, { metadata: { ...from.metadata, labels: { a: "b" } } })), 4);
  assert.equal(generation(request({}, { status: { result: "Denied" } })), 4);
});

Deno.test("customRules keeps status and the rest apart", () => {
  const from = request({}, { status: { result: "Approved" } });
  const to = request({ clusterType: "x" }, {
    metadata: { ...REQUEST.metadata, labels: { a: "b" }, resourceVersion: "7" },
    status: { result: "Denied" },
  });
  const main = updated("ClusterRegistrationRequest", from, to).object;
  assert.deepEqual(main.status, { result: "Approved" });
  const { object } = updated("ClusterRegistrationRequest", from, to, "status");
  assert.deepEqual([object.spec, object.status], [REQUEST.spec, { result: "Denied" }]);
  assert.deepEqual(object.metadata, { ...REQUEST.metadata, resourceVersion: "7" });
});

Deno.test("customRules refuses by the schema, in the words of the real one", () => {
  assert.deepEqual(created("ManagedCluster").faults, ["spec: Required value", UNCHECKED]);
  assert.deepEqual(created("ManagedCluster", { spec: 1 }).faults, [
    'spec: Invalid value: "integer": spec in body must be of type object: "integer"',
    UNCHECKED,
  ]);
  assert.deepEqual(created("ManagedCluster", { spec: { clusterId: "Z" } }).faults, [
    'spec.clusterId: Invalid value: "Z": spec.clusterId in body should match ' +
    "'^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$'",
  ]);
  assert.deepEqual(created("ManagedCluster", { spec: { clusterId: ID, syncMode: "x" } }).faults, [
    'spec.syncMode: Unsupported value: "x": supported values: "Push", "Pull", "Dual"',
    UNCHECKED,
  ]);
});

Deno.test("validateSchema refuses values of a status", () => {
  const condition = { type: "A", status: "True" };
  const cases: readonly (readonly [status: unknown, ...faults: string[]])[] = [
    [1, 'status: Invalid value: "integer":  in body must be of type object: "integer"', UNCHECKED],
    [
      { conditions: [condition, condition] },
      'status.conditions[1]: Duplicate value: {"type":"A"}',
    ],
    [
      { conditions: [1] },
      'status.conditions[0]: Invalid value: "integer": conditions[0] in body must be of type object: ' +
      '"integer"',
      "status.conditions[0]: Invalid value: 1: must be an object for an array of list-type map",
      UNCHECKED,
    ],
    [
      { conditions: [{ ...condition, observedGeneration: 1.5 }] },
      'status.conditions[0].observedGeneration: Invalid value: "float64": ' +
      'conditions[0].observedGeneration in body must be of type int64: "float64"',
      'status: Invalid value: "": Checked value must be of type integer with format int64 in ' +
      "conditions[0].observedGeneration",
      UNCHECKED,
    ],
    [
      { sealedCredentialsExpiry: "x" },
      'status.sealedCredentialsExpiry: Invalid value: "x": sealedCredentialsExpiry in body must be of ' +
      'type date-time: "x"',
      UNCHECKED,
    ],
    [
      { token: "!!" },
      'status.token: Invalid value: "!!": token in body must be of type byte: "!!"',
      UNCHECKED,
    ],
    [
      { errorMessage: "x".repeat(2049) },
      "status.errorMessage: Too long: may not be more than 2048 bytes",
      UNCHECKED,
    ],
    [
      { conditions: Array.from({ length: 17 }, (_, at) => ({ ...condition, type: `A${at}` })) },
      "status.conditions: Too many: 17: must have at most 16 items",
      UNCHECKED,
    ],
  ];
  for (const [status, ...faults] of cases) {
    assert.deepEqual(statusFaults(status), faults);
  }
});

Deno.test("validateSchema knows values that are a number or a text", () => {
  const faults = (value: unknown): string[] =>
    statusFaults({ capacity: { y: value } }, "ManagedCluster");
  assert.deepEqual(faults(-1), []);
  assert.deepEqual(faults("1Gi"), []);
  assert.match(
    faults("abc")[0]!,
    /^status\.capacity\.y: Invalid value: "abc": capacity\.y in body/,
  );
  assert.deepEqual(faults(true), [
    'status.capacity.y: Invalid value: "boolean": capacity.y in body must be of type integer,string: ' +
    '"boolean"',
    'status: Invalid value: "": "capacity.y" must validate at least one schema (anyOf)',
    'status.capacity.y: Invalid value: "boolean": capacity.y in body must be of type integer: "boolean"',
    UNCHECKED,
  ]);
});

Deno.test("validateSchema lets stand what an update leaves as it was", () => {
  const from = { spec: { clusterId: "old", syncMode: "Push" } };
  const to = { spec: { clusterId: "old", syncMode: "Pull" } };
  assert.deepEqual(updated("ManagedCluster", from, to).faults, []);
});
