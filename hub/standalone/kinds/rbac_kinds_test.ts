import assert from "node:assert/strict";
import { created, updated } from "./testing.ts";

Deno.test("roleRules checks rules", () => {
  const rules = [{}, { verbs: ["get"], nonResourceURLs: ["/a"] }];
  assert.deepEqual(created("Role", { rules }).faults, [
    "rules[0].verbs: Required value: verbs must contain at least one value",
    "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
    "rules[0].resources: Required value: resource rules must supply at least one resource",
    'rules[1].nonResourceURLs: Invalid value: ["/a"]: namespaced rules cannot apply to non-resource URLs',
  ]);
  const mixed = [{ verbs: ["get"], nonResourceURLs: ["/a"], resources: ["x"] }];
  assert.deepEqual(created("ClusterRole", { rules: mixed }).faults, [
    'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources ' +
    "and non-resource URLs",
  ]);
});

Deno.test("roleRules checks aggregation", () => {
  assert.deepEqual(created("ClusterRole", { aggregationRule: {} }).faults, [
    "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required " +
    "if aggregationRule is non-nil",
  ]);
  const clusterRoleSelectors = [{ matchLabels: { "a b": "" } }];
  const { faults } = created("ClusterRole", { aggregationRule: { clusterRoleSelectors } });
  assert.equal(
    faults.at(-1),
    "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
  );
});

const GROUP = "rbac.authorization.k8s.io";

Deno.test("roleBindingRules sets API groups", () => {
  const { object, faults } = created("RoleBinding", {
    roleRef: { kind: "ClusterRole", name: "view" },
    subjects: [{ kind: "User", name: "a" }, { kind: "ServiceAccount", name: "b", namespace: "x" }],
  });
  assert.deepEqual(faults, []);
  assert.deepEqual(object.roleRef, { kind: "ClusterRole", name: "view", apiGroup: GROUP });
  assert.deepEqual(object.subjects, [
    { kind: "User", apiGroup: GROUP, name: "a" },
    { kind: "ServiceAccount", name: "b", namespace: "x" },
  ]);
});

Deno.test("roleBindingRules checks role and subjects", () => {
  const roleRef = { kind: "Role", name: "a/b", apiGroup: "x" };
  const subjects = [{ kind: "ServiceAccount", name: "a" }, { kind: "Foo" }];
  assert.deepEqual(created("ClusterRoleBinding", { roleRef, subjects }).faults, [
    `roleRef.apiGroup: Unsupported value: "x": supported values: "${GROUP}"`,
    'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
    "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
    "subjects[0].namespace: Required value",
    "subjects[1].name: Required value",
    'subjects[1].kind: Unsupported value: "Foo": supported values: "ServiceAccount", "User", "Group"',
  ]);
});

Deno.test("roleBindingRules lets nobody change the role", () => {
  const roleRef = { apiGroup: GROUP, kind: "ClusterRole", name: "view" };
  const { faults } = updated("RoleBinding", { roleRef }, { roleRef: { ...roleRef, name: "edit" } });
  assert.deepEqual(faults, [
    `roleRef: Invalid value: {"APIGroup":"${GROUP}","Kind":"ClusterRole","Name":"edit"}: ` +
    "cannot change roleRef",
  ]);
});
