import assert from "node:assert/strict";
import type { ApiObject, Stored } from "../store/types.ts";
import { aggregatedRules, type RoleWriter, startRoleAggregation } from "./aggregation.ts";
import { ensureBootstrapPolicy } from "./bootstrap_policy.ts";
import { CLUSTER_ROLES } from "./rbac_objects.ts";
import { FakeStore, SILENT } from "./testing.ts";

type Rule = Record<string, string[]>;

function rule(resource: string): Rule {
  return { verbs: ["get"], apiGroups: [""], resources: [resource] };
}

function role(name: string, labels: Record<string, string>, ...resources: string[]): ApiObject {
  return {
    kind: "ClusterRole",
    apiVersion: "rbac.authorization.k8s.io/v1",
    metadata: { name, labels },
    rules: resources.map(rule),
  };
}

function aggregated(name: string, ...labels: Record<string, string>[]): Record<string, unknown> {
  return {
    ...role(name, {}),
    aggregationRule: { clusterRoleSelectors: labels.map((matchLabels) => ({ matchLabels })) },
    rules: null,
  };
}

function writerOf(store: FakeStore, fails: () => boolean = () => false): RoleWriter {
  return {
    update: async (stored: Stored, change) => {
      await Promise.resolve();
      if (fails()) throw new Error("disk");
      const base = store.get(stored.resource, stored.namespace, stored.name);
      const object = base === undefined ? undefined : change(JSON.parse(base.json));
      return base === undefined || object === undefined
        ? undefined
        : await store.commit({ op: "update", base, object });
    },
  };
}

function resourcesOf(store: FakeStore, name: string): string[] {
  const stored = store.get(CLUSTER_ROLES, "", name);
  const { rules } = JSON.parse(stored?.json ?? "{}") as { rules?: Rule[] | null };
  return (rules ?? []).flatMap(({ resources }) => resources ?? []);
}

async function until(what: () => boolean): Promise<void> {
  for (let turn = 0; turn < 500 && !what(); turn++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(what());
}

Deno.test("aggregatedRules takes each rule once, by selector, then name, never its own", () => {
  const store = new FakeStore();
  const whole = { ...aggregated("all", { b: "1" }, { a: "1" }), rules: [rule("own")] };
  const all = store.add(CLUSTER_ROLES, {
    ...whole,
    metadata: { name: "all", labels: { a: "1" } },
  });
  store.add(CLUSTER_ROLES, { ...role("z", { a: "1" }, "pods", "nodes") });
  store.add(CLUSTER_ROLES, { ...role("y", { a: "1" }, "nodes", "secrets") });
  store.add(CLUSTER_ROLES, { ...role("x", { b: "1" }, "events") });
  store.add(CLUSTER_ROLES, { ...role("w", { c: "1" }, "leases") });
  assert.deepEqual(
    aggregatedRules(all, store.list(CLUSTER_ROLES).objects).map(({ resources }) => resources[0]),
    ["events", "nodes", "secrets", "pods"],
  );
});

Deno.test("startRoleAggregation fills, follows labels and empties to null", async () => {
  const store = new FakeStore();
  store.add(CLUSTER_ROLES, aggregated("agg", { a: "1" }));
  let source = store.add(CLUSTER_ROLES, { ...role("source", { a: "1" }, "pods") });
  const controller = new AbortController();
  const { done } = startRoleAggregation({
    store,
    writer: writerOf(store),
    log: SILENT,
    signal: controller.signal,
  });
  await until(() => resourcesOf(store, "agg").join() === "pods");
  source = store.change(source, (object) => object.rules = [rule("nodes")]);
  await until(() => resourcesOf(store, "agg").join() === "nodes");
  store.change(source, (object) => object.metadata.labels = {});
  await until(() => resourcesOf(store, "agg").length === 0);
  assert.equal(JSON.parse(store.get(CLUSTER_ROLES, "", "agg")?.json ?? "").rules, null);
  const writes = store.writes;
  store.add(CLUSTER_ROLES, { ...role("other", { b: "1" }, "pods") });
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(store.writes, writes + 1);
  controller.abort();
  await done;
  assert.equal(store.subscribers, 0);
});

Deno.test("startRoleAggregation puts back rules that somebody wrote", async () => {
  const store = new FakeStore();
  store.add(CLUSTER_ROLES, { ...role("source", { a: "1" }, "pods") });
  const controller = new AbortController();
  const { done } = startRoleAggregation({
    store,
    writer: writerOf(store),
    log: SILENT,
    signal: controller.signal,
  });
  store.add(CLUSTER_ROLES, { ...aggregated("agg", { a: "1" }), rules: [rule("forged")] });
  await until(() => resourcesOf(store, "agg").join() === "pods");
  controller.abort();
  await done;
});

Deno.test("startRoleAggregation tries again after a failure", async () => {
  const store = new FakeStore();
  store.add(CLUSTER_ROLES, aggregated("agg", { a: "1" }));
  store.add(CLUSTER_ROLES, { ...role("source", { a: "1" }, "pods") });
  let failures = 1;
  const controller = new AbortController();
  const { done } = startRoleAggregation({
    store,
    writer: writerOf(store, () => failures-- > 0),
    log: SILENT,
    signal: controller.signal,
  });
  await until(() => resourcesOf(store, "agg").join() === "pods");
  controller.abort();
  await done;
});

Deno.test("startRoleAggregation makes admin, edit and view as kube-apiserver has them", async () => {
  const store = new FakeStore();
  await ensureBootstrapPolicy({ store, now: () => 0 });
  const controller = new AbortController();
  const { done } = startRoleAggregation({
    store,
    writer: writerOf(store),
    log: SILENT,
    signal: controller.signal,
  });
  const count = (name: string): number =>
    (JSON.parse(store.get(CLUSTER_ROLES, "", name)?.json ?? "{}").rules ?? []).length;
  await until(() => count("admin") === 29 && count("edit") === 27 && count("view") === 12);
  controller.abort();
  await done;
});
