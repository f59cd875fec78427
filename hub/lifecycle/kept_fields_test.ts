import assert from "node:assert/strict";
import {
  type ManagedCluster,
  REQUEST_UID_ANNOTATION,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";
import { ID, makeRequest } from "../registration/testing.ts";
import { invalidRequest } from "../registration/validate.ts";
import { keptCluster, keptRequest } from "./kept_fields.ts";

const LONG = "z".repeat(200_000);
const many = Array.from({ length: 10_000 }, (_, i) => `evil.io/${"x".repeat(50)}${i}`);
const meta = {
  uid: "u",
  resourceVersion: "7",
  creationTimestamp: "2026-06-01T00:00:00Z",
  deletionTimestamp: "2026-06-01T00:00:01Z",
};

Deno.test("keptRequest() keeps what is used, however much was written into it", () => {
  const request = makeRequest({ clusterLabels: { tier: "gold" } });
  const full = {
    ...request,
    metadata: {
      ...request.metadata,
      ...meta,
      finalizers: many,
      annotations: { a: LONG },
      labels: Object.fromEntries(many.map((key) => [key, "y"])),
      managedFields: many,
    },
    status: { result: "Approved" as const },
  };
  const kept = keptRequest(full);
  assert.deepEqual(kept, {
    ...request,
    metadata: { ...request.metadata, ...meta },
    status: { result: "Approved" },
  });
  assert.equal(full.metadata.finalizers, many, "the object itself is left alone");
});

Deno.test("keptRequest() keeps no labels that are too long, and the request stays invalid", () => {
  const request = makeRequest({ clusterLabels: { [LONG]: "x" } });
  const kept = keptRequest({ ...request, metadata: { ...request.metadata, ...meta } });
  assert.ok(JSON.stringify(kept).length < 1_000);
  assert.match(invalidRequest(kept)!, /is no label key/);
});

Deno.test("keptCluster() keeps whose it is, the hub's finalizer, and what conditions need", () => {
  const condition = {
    type: "Ready",
    status: "True" as const,
    reason: "ChildReady",
    message: "ready",
    lastTransitionTime: "2026-06-01T00:00:00Z",
  };
  const bare: ManagedCluster = {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ManagedCluster",
    metadata: { name: "edge-1", namespace: "n" },
    spec: { clusterId: ID },
  };
  const kept = keptCluster({
    ...bare,
    metadata: {
      ...bare.metadata,
      ...meta,
      finalizers: [...many, REVOKE_FINALIZER],
      annotations: { a: LONG, [REQUEST_UID_ANNOTATION]: "r" },
      labels: { a: LONG },
    },
    status: {
      lastObservedTime: "2026-06-01T00:00:00Z",
      readyz: true,
      heartbeatFrequencySeconds: 180,
      k8sVersion: LONG,
      conditions: [condition, { ...condition, type: "Mine", message: LONG }],
    },
  });
  assert.deepEqual(kept, {
    ...bare,
    metadata: {
      ...bare.metadata,
      ...meta,
      annotations: { [REQUEST_UID_ANNOTATION]: "r" },
      finalizers: [REVOKE_FINALIZER],
    },
    status: {
      lastObservedTime: "2026-06-01T00:00:00Z",
      readyz: true,
      heartbeatFrequencySeconds: 180,
      conditions: [condition, { ...condition, type: "Mine", message: "" }],
    },
  });
});
