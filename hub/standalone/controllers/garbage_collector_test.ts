import assert from "node:assert/strict";
import { parse } from "./context.ts";
import { startGarbageCollector } from "./garbage_collector.ts";
import { type Cluster, ownedBy, settle, withCluster } from "./testing.ts";
import type { Stored } from "../store/types.ts";

const namespace = "default";

function make(
  cluster: Cluster,
  name: string,
  metadata: Record<string, unknown> = {},
): Promise<Stored> {
  return cluster.make("configmaps", { name, namespace, ...metadata });
}

function left({ store }: Cluster): string {
  return store.list("configmaps").objects.map(({ name }) => name).join(" ");
}

function references(cluster: Cluster, name: string): string[] {
  const stored = cluster.store.get("configmaps", namespace, name)!;
  const { ownerReferences = [] } = parse(stored).metadata as {
    ownerReferences?: { name: string }[];
  };
  return ownerReferences.map((reference) => reference.name);
}

Deno.test("garbage collector deletes dependents after their owner, and theirs", async () => {
  await withCluster(async (cluster) => {
    const owner = await make(cluster, "a");
    const child = await make(cluster, "b", ownedBy(owner));
    await make(cluster, "c", ownedBy(child));
    await make(cluster, "free");
    const controller = startGarbageCollector(cluster);
    await settle(controller);
    assert.equal(left(cluster), "a b c free");
    await cluster.writer.delete(owner);
    await settle(controller);
    assert.equal(left(cluster), "free");
    assert.deepEqual(cluster.log.lines, []);
  });
});

Deno.test("garbage collector counts UIDs, not names, and catches up", async () => {
  await withCluster(async (cluster) => {
    const gone = await make(cluster, "a");
    await cluster.writer.delete(gone);
    await make(cluster, "a");
    await make(cluster, "b", ownedBy(gone));
    const controller = startGarbageCollector(cluster);
    await settle(controller);
    assert.equal(left(cluster), "a");
    await make(cluster, "late", ownedBy(gone));
    await settle(controller);
    assert.equal(left(cluster), "a");
  });
});

Deno.test("garbage collector looks for owners in the namespace, or the cluster", async () => {
  await withCluster(async (cluster) => {
    await cluster.make("namespaces", { name: "other" });
    const elsewhere = await cluster.make("configmaps", { name: "a", namespace: "other" });
    const node = await cluster.make("nodes", { name: "n" });
    await make(cluster, "b", ownedBy(elsewhere));
    await make(cluster, "c", ownedBy(node));
    // A cluster-scoped object cannot have an owner in a namespace
    await cluster.make("nodes", { name: "m", ...ownedBy(elsewhere) });
    const controller = startGarbageCollector(cluster);
    await settle(controller);
    assert.deepEqual(cluster.names("configmaps", "nodes"), [
      "configmaps/default/c",
      "configmaps/other/a",
      "nodes//m",
      "nodes//n",
    ]);
  });
});

Deno.test("garbage collector leaves alone what names an owner of a kind it does not know", async () => {
  await withCluster(async (cluster) => {
    const { ownerReferences } = ownedBy(await make(cluster, "a")) as { ownerReferences: object[] };
    const pod = { apiVersion: "v1", kind: "Pod", name: "p", uid: "x" };
    const gone = { ...ownerReferences[0], uid: "gone" };
    await make(cluster, "b", { ownerReferences: [gone, pod] });
    const controller = startGarbageCollector(cluster);
    await settle(controller);
    assert.equal(left(cluster), "a b");
    assert.deepEqual(references(cluster, "b"), ["a", "p"]);
  });
});

Deno.test("garbage collector keeps what has an owner left, and forgets those that are gone", async () => {
  await withCluster(async (cluster) => {
    const [one, two] = await Promise.all(["a", "b"].map((name) => make(cluster, name)));
    const both = [ownedBy(one!), ownedBy(two!)].flatMap(({ ownerReferences }) => ownerReferences);
    await make(cluster, "c", { ownerReferences: both });
    const controller = startGarbageCollector(cluster);
    await cluster.writer.delete(one!);
    await settle(controller);
    assert.equal(left(cluster), "b c");
    assert.deepEqual(references(cluster, "c"), ["b"]);
  });
});

Deno.test("garbage collector lets dependents forget an owner that is deleted as orphan", async () => {
  await withCluster(async (cluster) => {
    const owner = await make(cluster, "a");
    await make(cluster, "b", ownedBy(owner));
    const controller = startGarbageCollector(cluster);
    await cluster.writer.delete(owner, { propagationPolicy: "Orphan" });
    await settle(controller);
    assert.equal(left(cluster), "b");
    assert.deepEqual(references(cluster, "b"), []);
  });
});

Deno.test("garbage collector deletes in the foreground: an owner after those that block it", async () => {
  await withCluster(async (cluster) => {
    const owner = await make(cluster, "a");
    const block = { blockOwnerDeletion: true };
    const child = await make(cluster, "b", ownedBy(owner, block));
    const stuck = await make(cluster, "c", {
      ...ownedBy(child, block),
      finalizers: ["example.com/x"],
    });
    await make(cluster, "d", ownedBy(owner));
    const controller = startGarbageCollector(cluster);
    await cluster.writer.delete(owner, { propagationPolicy: "Foreground" });
    await settle(controller);
    assert.equal(left(cluster), "a b c");
    await cluster.writer.update(stuck, (latest) => ({
      ...latest,
      metadata: { ...latest.metadata, finalizers: [] },
    }));
    await settle(controller);
    assert.equal(left(cluster), "");
  });
});

Deno.test("garbage collector does not wait for dependents that do not block", async () => {
  await withCluster(async (cluster) => {
    const owner = await make(cluster, "a");
    await make(cluster, "b", { ...ownedBy(owner), finalizers: ["example.com/x"] });
    const controller = startGarbageCollector(cluster);
    await cluster.writer.delete(owner, { propagationPolicy: "Foreground" });
    await settle(controller);
    assert.equal(left(cluster), "b");
    assert.equal(cluster.store.get("configmaps", namespace, "b")!.deleting, true);
  });
});

Deno.test("garbage collector is not caught in a circle of owners", async () => {
  await withCluster(async (cluster) => {
    const block = { blockOwnerDeletion: true };
    const first = await make(cluster, "a");
    const second = await make(cluster, "b", ownedBy(first, block));
    const { ownerReferences } = ownedBy(second, block);
    await cluster.writer.update(first, (latest) => ({
      ...latest,
      metadata: { ...latest.metadata, ownerReferences },
    }));
    const controller = startGarbageCollector(cluster);
    await cluster.writer.delete(first, { propagationPolicy: "Foreground" });
    await settle(controller);
    assert.equal(left(cluster), "");
  });
});
