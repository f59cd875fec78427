import assert from "node:assert/strict";
import type { ApiObject } from "../store/types.ts";
import { onlyCollectorFields } from "./only_collector_fields.ts";

const role = (
  metadata: Record<string, unknown>,
  more: Record<string, unknown> = {},
): ApiObject => ({
  kind: "Role",
  apiVersion: "rbac.authorization.k8s.io/v1",
  metadata: { name: "r", ...metadata },
  ...more,
});

Deno.test("onlyCollectorFields overlooks owners, finalizers and managed fields", () => {
  const old = role({ finalizers: ["a/b"], managedFields: [{}] }, { rules: [] });
  assert.equal(onlyCollectorFields(role({ ownerReferences: [{ uid: "u" }] }), old), true);
  assert.equal(onlyCollectorFields(role({ labels: { a: "b" } }), old), false);
  assert.equal(onlyCollectorFields(role({}, { rules: [{ verbs: ["get"] }] }), old), false);
});

Deno.test("onlyCollectorFields takes empty for absent and gives up on bottomless objects", () => {
  assert.equal(onlyCollectorFields(role({ labels: {} }, { rules: null }), role({})), true);
  const nested = (depth: number): unknown => {
    let value: unknown = "x";
    for (; depth > 0; depth--) value = [value];
    return value;
  };
  const [a, b] = [role({}, { deep: nested(9000) }), role({}, { deep: nested(9000) })];
  assert.equal(onlyCollectorFields(a, b), false);
});
