import assert from "node:assert/strict";
import { created, kindNamed, updated } from "./testing.ts";
import { strategyOf, updateRules } from "./strategy.ts";

Deno.test("validateMetadata wants a name", () => {
  assert.deepEqual(created("ConfigMap", { metadata: { name: "" } }).faults, [
    "metadata.name: Required value: name or generateName is required",
  ]);
});

Deno.test("validateMetadata checks owners", () => {
  const ownerReferences = [
    {},
    { apiVersion: "v1", kind: "Pod", name: "a", uid: "b", controller: true },
    { apiVersion: "v1", kind: "Pod", name: "c", uid: "d", controller: true },
    { apiVersion: "v1", kind: "Event", name: "x", uid: "z" },
  ];
  const list = JSON.stringify(ownerReferences);
  assert.deepEqual(created("ConfigMap", { metadata: { ownerReferences } }).faults, [
    'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
    'metadata.ownerReferences.kind: Invalid value: "": must not be empty',
    'metadata.ownerReferences.name: Invalid value: "": must not be empty',
    'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    `metadata.ownerReferences: Invalid value: ${list}: Only one reference can have Controller set ` +
    'to true. Found "true" in references for Pod/a and Pod/c',
    'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"x",' +
    '"uid":"z"}: /v1, Kind=Event is disallowed from being an owner',
  ]);
});

Deno.test("validateMetadata does not show a long list of owners for each of them", () => {
  const controllers = (count: number, name: string): string[] =>
    created("ConfigMap", {
      metadata: {
        ownerReferences: Array.from({ length: count }, (_, i) => ({
          apiVersion: "v1",
          kind: "Pod",
          name: `${name}${i}`,
          uid: "u",
          controller: true,
        })),
      },
    }).faults;
  assert.equal(controllers(10, "a").length, 9);
  const faults = controllers(200, "a".repeat(10_000));
  assert.equal(faults.length, 1);
});

Deno.test("validateMetadata is strict of finalizers for core kinds alone", () => {
  const metadata = { finalizers: ["zz"] };
  const words =
    'metadata.finalizers[0]: Invalid value: "zz": name is neither a standard finalizer ' +
    "name nor is it fully qualified";
  for (const kind of ["ConfigMap", "Secret", "Node", "Namespace", "Role", "ClusterRole"]) {
    const { faults } = created(kind, { metadata });
    assert.deepEqual(faults.filter((fault) => fault.startsWith("metadata")), [words], kind);
  }
  assert.deepEqual(created("Lease", { metadata }).faults, []);
});

Deno.test("keepForUpdate keeps what nobody may change, and refuses a deletion time", () => {
  const from = { metadata: { uid: "u", creationTimestamp: "2020-01-01T00:00:00Z", generation: 3 } };
  const { object, faults } = updated("ConfigMap", from, {
    metadata: {
      creationTimestamp: "2000-01-01T00:00:00Z",
      generation: -5,
      deletionTimestamp: "2000-01-01T00:00:00Z",
      deletionGracePeriodSeconds: 3,
    },
  });
  assert.deepEqual(faults, [
    'metadata.deletionTimestamp: Invalid value: "2000-01-01T00:00:00Z": field is immutable',
    "metadata.deletionGracePeriodSeconds: Invalid value: 3: field is immutable",
  ]);
  const { uid, creationTimestamp, generation } = object.metadata;
  assert.deepEqual({ uid, creationTimestamp, generation }, from.metadata);
});

Deno.test("validateMetadataUpdate lets no finalizer in while an object is deleted", () => {
  const metadata = { deletionTimestamp: "2020-01-01T00:00:00Z", finalizers: ["x/y"] };
  const { faults } = updated("ConfigMap", { metadata }, {
    metadata: { finalizers: ["x/y", "z/w", "b/c"] },
  });
  assert.deepEqual(faults, [
    "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, " +
    'found new finalizers []string{"b/c", "z/w"}',
  ]);
});

Deno.test("strategyOf is made once for a kind, and not for reviews", () => {
  const kind = kindNamed("Secret");
  assert.equal(strategyOf(kind), strategyOf(kind));
  assert.throws(() => strategyOf(kindNamed("TokenReview")), /it is not stored/);
});

Deno.test("updateRules says which kinds a PUT creates, and which want a version", () => {
  const rules = (name: string): unknown => updateRules(kindNamed(name));
  assert.deepEqual(rules("ConfigMap"), { createOnUpdate: false, unconditional: true });
  assert.deepEqual(rules("Lease"), { createOnUpdate: true, unconditional: false });
  assert.deepEqual(rules("Role"), { createOnUpdate: true, unconditional: true });
  assert.deepEqual(rules("ManagedCluster"), { createOnUpdate: false, unconditional: false });
});
