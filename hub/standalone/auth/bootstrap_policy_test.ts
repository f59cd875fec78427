import assert from "node:assert/strict";
import type { ApiObject } from "../store/types.ts";
import { ensureBootstrapPolicy } from "./bootstrap_policy.ts";
import { Rbac } from "./rbac.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  RBAC_GROUP,
  ROLE_BINDINGS,
  ROLES,
} from "./rbac_objects.ts";
import { FakeStore, SILENT } from "./testing.ts";

const NOW = Date.parse("2026-11-25T12:52:42.700Z");

async function made(): Promise<FakeStore> {
  const store = new FakeStore();
  let id = 0;
  await ensureBootstrapPolicy({ store, now: () => NOW, newId: () => `uid-${++id}` });
  return store;
}

function read(store: FakeStore, resource: string, name: string, namespace = ""): ApiObject {
  const stored = store.get(resource, namespace, name);
  assert.ok(stored, `${resource} ${name}`);
  return JSON.parse(stored.json);
}

Deno.test("ensureBootstrapPolicy makes objects as kube-apiserver shows them", async () => {
  const store = await made();
  const { metadata, ...role } = read(store, CLUSTER_ROLES, "system:basic-user");
  assert.deepEqual(role, {
    kind: "ClusterRole",
    apiVersion: `${RBAC_GROUP}/v1`,
    rules: [
      {
        verbs: ["create"],
        apiGroups: ["authorization.k8s.io"],
        resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
      },
      {
        verbs: ["create"],
        apiGroups: ["authentication.k8s.io"],
        resources: ["selfsubjectreviews"],
      },
    ],
  });
  const { uid, resourceVersion, ...rest } = metadata;
  assert.match(String(uid), /^uid-\d+$/);
  assert.ok(resourceVersion);
  assert.deepEqual(rest, {
    name: "system:basic-user",
    labels: { "kubernetes.io/bootstrapping": "rbac-defaults" },
    annotations: { "rbac.authorization.kubernetes.io/autoupdate": "true" },
    creationTimestamp: "2026-11-25T12:52:42Z",
    managedFields: [{
      manager: "kube-apiserver",
      operation: "Update",
      apiVersion: `${RBAC_GROUP}/v1`,
      time: "2026-11-25T12:52:42Z",
      fieldsType: "FieldsV1",
      fieldsV1: {
        "f:metadata": {
          "f:annotations": { ".": {}, "f:rbac.authorization.kubernetes.io/autoupdate": {} },
          "f:labels": { ".": {}, "f:kubernetes.io/bootstrapping": {} },
        },
        "f:rules": {},
      },
    }],
  });
  const edit = read(store, CLUSTER_ROLES, "edit");
  assert.equal(edit.rules, null);
  assert.deepEqual(edit.aggregationRule, {
    clusterRoleSelectors: [{ matchLabels: { [`${RBAC_GROUP}/aggregate-to-edit`]: "true" } }],
  });
  assert.deepEqual(edit.metadata.labels, {
    "kubernetes.io/bootstrapping": "rbac-defaults",
    [`${RBAC_GROUP}/aggregate-to-admin`]: "true",
  });
});

Deno.test("ensureBootstrapPolicy lets anybody read cluster-info, and members discover", async () => {
  const store = await made();
  const rbac = new Rbac({ store, log: SILENT });
  const nobody = { name: "system:anonymous", groups: ["system:unauthenticated"], extra: {} };
  const somebody = { name: "bob", groups: ["system:authenticated"], extra: {} };
  const info = (name: string): boolean =>
    rbac.authorize(nobody, {
      isResource: true,
      verb: "get",
      group: "",
      resource: "configmaps",
      subresource: "",
      namespace: "kube-public",
      name,
    }).allowed;
  assert.deepEqual([info("cluster-info"), info("other")], [true, false]);
  const path = (user: typeof nobody, url: string): boolean =>
    rbac.authorize(user, { isResource: false, verb: "get", path: url }).allowed;
  assert.deepEqual([path(nobody, "/version"), path(nobody, "/api")], [true, false]);
  assert.equal(path(somebody, "/apis/apps/v1"), true);
  rbac.close();
});

Deno.test("ensureBootstrapPolicy changes nothing the second time", async () => {
  const store = await made();
  const writes = store.writes;
  await ensureBootstrapPolicy({ store, now: () => NOW });
  assert.equal(store.writes, writes);
});

Deno.test("ensureBootstrapPolicy gives back what is missing and keeps what was added", async () => {
  const store = await made();
  const role = store.get(CLUSTER_ROLES, "", "system:discovery");
  const bound = store.get(CLUSTER_ROLE_BINDINGS, "", "system:public-info-viewer");
  assert.ok(role && bound);
  store.change(role, (object) => {
    object.rules = [{ verbs: ["get"], apiGroups: [""], resources: ["nodes"] }];
    object.metadata.labels = { mine: "1" };
  });
  store.change(bound, (object) => object.subjects = [{ kind: "User", name: "eve" }]);
  await ensureBootstrapPolicy({ store, now: () => NOW });
  const { rules, metadata } = read(store, CLUSTER_ROLES, "system:discovery");
  assert.equal((rules as unknown[]).length, 12);
  assert.deepEqual(metadata.labels, { "kubernetes.io/bootstrapping": "rbac-defaults", mine: "1" });
  const { subjects } = read(store, CLUSTER_ROLE_BINDINGS, "system:public-info-viewer");
  assert.deepEqual((subjects as { name: string }[]).map(({ name }) => name), [
    "eve",
    "system:authenticated",
    "system:unauthenticated",
  ]);
});

Deno.test("ensureBootstrapPolicy leaves alone what says autoupdate false", async () => {
  const store = await made();
  const role = store.get(CLUSTER_ROLES, "", "system:discovery");
  assert.ok(role);
  store.change(role, (object) => {
    object.rules = [];
    object.metadata.annotations = { "rbac.authorization.kubernetes.io/autoupdate": "false" };
  });
  await ensureBootstrapPolicy({ store, now: () => NOW });
  assert.deepEqual(read(store, CLUSTER_ROLES, "system:discovery").rules, []);
});

Deno.test("ensureBootstrapPolicy makes a binding of another role anew, and what was deleted", async () => {
  const store = await made();
  const name = "system:discovery";
  const bound = store.get(CLUSTER_ROLE_BINDINGS, "", name);
  const role = store.get(ROLES, "kube-public", "kubeadm:bootstrap-signer-clusterinfo");
  assert.ok(bound && role);
  store.remove(role);
  store.change(bound, (object) => {
    object.roleRef = { apiGroup: RBAC_GROUP, kind: "ClusterRole", name: "view" };
  });
  await ensureBootstrapPolicy({ store, now: () => NOW, newId: () => "new" });
  const again = read(store, CLUSTER_ROLE_BINDINGS, name);
  assert.equal((again.roleRef as { name: string }).name, name);
  assert.equal(again.metadata.uid, "new");
  assert.ok(store.get(ROLES, "kube-public", "kubeadm:bootstrap-signer-clusterinfo"));
  assert.ok(store.get(ROLE_BINDINGS, "kube-public", "kubeadm:bootstrap-signer-clusterinfo"));
});
