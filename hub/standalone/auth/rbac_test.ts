import assert from "node:assert/strict";
import type { User } from "../user.ts";
import { Rbac } from "./rbac.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  RBAC_GROUP,
  ROLE_BINDINGS,
  ROLES,
} from "./rbac_objects.ts";
import { FakeStore, SILENT } from "./testing.ts";
import type { Attributes, Decision } from "./types.ts";

const BOB: User = { name: "bob", groups: ["system:authenticated"], extra: {} };

function get(resource: string, namespace = "ns", name = ""): Attributes {
  return { isResource: true, verb: "get", group: "", resource, subresource: "", namespace, name };
}

function rule(...resources: string[]): Record<string, unknown> {
  return { verbs: ["get"], apiGroups: [""], resources };
}

function binding(
  name: string,
  roleKind: string,
  role: string,
  subject: Record<string, string>,
  namespace?: string,
): Record<string, unknown> {
  return {
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: RBAC_GROUP, kind: roleKind, name: role },
    subjects: [{ kind: "User", name: "somebody" }, subject],
  };
}

function setup(): {
  store: FakeStore;
  rbac: Rbac;
  ask: (user: User, what: Attributes) => Decision;
} {
  const store = new FakeStore();
  const rbac = new Rbac({ store, log: SILENT });
  return { store, rbac, ask: (user, what) => rbac.authorize(user, what) };
}

Deno.test("Rbac lets system:masters do anything, without a reason", () => {
  const { ask } = setup();
  const root = { ...BOB, groups: ["system:masters"] };
  assert.deepEqual(ask(root, get("secrets")), { allowed: true, reason: "" });
  assert.deepEqual(ask(BOB, get("secrets")), { allowed: false, reason: "" });
});

Deno.test("Rbac names the binding, the role and the subject", () => {
  const { store, ask } = setup();
  store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  store.add(ROLES, { metadata: { name: "r", namespace: "ns" }, rules: [rule("pods")] });
  const group = { kind: "Group", name: "system:authenticated" };
  store.add(CLUSTER_ROLE_BINDINGS, binding("crb", "ClusterRole", "cr", group));
  store.add(ROLE_BINDINGS, binding("rb", "Role", "r", { kind: "User", name: "bob" }, "ns"));
  store.add(
    ROLE_BINDINGS,
    binding("sa", "ClusterRole", "cr", { kind: "ServiceAccount", name: "acc" }, "ns"),
  );
  assert.equal(
    ask(BOB, get("nodes", "")).reason,
    'RBAC: allowed by ClusterRoleBinding "crb" of ClusterRole "cr" to Group "system:authenticated"',
  );
  assert.equal(
    ask(BOB, get("pods")).reason,
    'RBAC: allowed by RoleBinding "rb/ns" of Role "r" to User "bob"',
  );
  assert.equal(ask(BOB, get("pods", "other")).allowed, false);
  assert.equal(
    ask({ ...BOB, name: "system:serviceaccount:ns:acc", groups: [] }, get("nodes")).reason,
    'RBAC: allowed by RoleBinding "sa/ns" of ClusterRole "cr" to ServiceAccount "acc/ns"',
  );
});

Deno.test("Rbac gives a service account without a namespace nothing at cluster scope", () => {
  const { store, ask } = setup();
  store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  const subject = { kind: "ServiceAccount", name: "acc" };
  store.add(CLUSTER_ROLE_BINDINGS, binding("crb", "ClusterRole", "cr", subject));
  assert.equal(ask({ ...BOB, name: "system:serviceaccount::acc" }, get("nodes")).allowed, false);
});

Deno.test("Rbac says which roles are missing when it allows nothing", () => {
  const { store, ask } = setup();
  const bob = { kind: "User", name: "bob" };
  store.add(ROLE_BINDINGS, binding("a", "Role", "ghost", bob, "ns"));
  assert.equal(ask(BOB, get("pods")).reason, `RBAC: role.${RBAC_GROUP} "ghost" not found`);
  store.add(ROLE_BINDINGS, binding("b", "ClusterRole", "ghost2", bob, "ns"));
  assert.equal(
    ask(BOB, get("pods")).reason,
    `RBAC: [role.${RBAC_GROUP} "ghost" not found, clusterrole.${RBAC_GROUP} "ghost2" not found]`,
  );
  assert.equal(ask(BOB, { isResource: false, verb: "get", path: "/" }).reason, "");
});

Deno.test("Rbac reads what is there and follows the store until it is closed", () => {
  const store = new FakeStore();
  const role = store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  const bound = store.add(
    CLUSTER_ROLE_BINDINGS,
    binding("crb", "ClusterRole", "cr", { kind: "User", name: "bob" }),
  );
  const rbac = new Rbac({ store, log: SILENT });
  const may = (resource: string): boolean => rbac.authorize(BOB, get(resource)).allowed;
  assert.equal(may("nodes"), true);
  const changed = store.change(role, (object) => object.rules = [rule("pods")]);
  assert.deepEqual([may("nodes"), may("pods")], [false, true]);
  const other = store.change(bound, (object) => object.subjects = [{ kind: "User", name: "eve" }]);
  assert.equal(may("pods"), false);
  const back = store.change(other, (object) => object.subjects = [{ kind: "User", name: "bob" }]);
  assert.equal(may("pods"), true);
  store.remove(changed);
  assert.equal(
    rbac.authorize(BOB, get("pods")).reason,
    `RBAC: clusterrole.${RBAC_GROUP} "cr" not found`,
  );
  store.remove(back);
  assert.equal(rbac.authorize(BOB, get("pods")).reason, "");
  rbac.close();
  assert.equal(store.subscribers, 0);
});

Deno.test("Rbac gives no rights for what it cannot read", () => {
  const { store, ask } = setup();
  store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  store.add(CLUSTER_ROLE_BINDINGS, {
    metadata: { name: "crb" },
    roleRef: { kind: "ClusterRole", name: "cr" },
    subjects: [null, 7, { kind: "Robot", name: "bob" }],
  });
  assert.deepEqual(ask(BOB, get("nodes")), { allowed: false, reason: "" });
});

Deno.test("Rbac decides fast among 10,000 bindings", () => {
  const { store, ask, rbac } = setup();
  store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  for (let index = 0; index < 10_000; index++) {
    const subject = { kind: "User", name: `user-${index}` };
    if (index % 2 === 0) {
      store.add(CLUSTER_ROLE_BINDINGS, binding(`b${index}`, "ClusterRole", "cr", subject));
    } else {
      store.add(ROLE_BINDINGS, binding(`b${index}`, "ClusterRole", "cr", subject, "ns"));
    }
  }
  const started = performance.now();
  for (let index = 0; index < 10_000; index++) {
    assert.equal(ask({ ...BOB, name: `user-${index}` }, get("nodes")).allowed, true);
  }
  assert.ok(performance.now() - started < 2000);
  rbac.close();
});

Deno.test("Rbac.rulesFor joins cluster and namespace, and tells problems", () => {
  const { store, rbac } = setup();
  store.add(CLUSTER_ROLES, { metadata: { name: "cr" }, rules: [rule("nodes")] });
  const bob = { kind: "User", name: "bob" };
  store.add(CLUSTER_ROLE_BINDINGS, binding("crb", "ClusterRole", "cr", bob));
  store.add(ROLE_BINDINGS, binding("rb", "Role", "ghost", bob, "ns"));
  const { rules, problems } = rbac.rulesFor(BOB, "ns");
  assert.deepEqual(rules.map(({ resources }) => resources), [["nodes"]]);
  assert.equal(rbac.problemsText(problems), `role.${RBAC_GROUP} "ghost" not found`);
  assert.equal(rbac.rulesFor(BOB, "").problems.length, 0);
});
