import assert from "node:assert/strict";
import { silentLog } from "../../../shared/log.ts";
import { openStore } from "./open_store.ts";
import { create, remove, storeOnFake, textOf, update } from "./testing.ts";
import { type Change, type Store, VersionExpiredError } from "./types.ts";

function memoryStore(historyLimit = 1_000): Promise<Store> {
  return openStore({ path: ":memory:", now: () => 0, log: silentLog, historyLimit });
}

function names(objects: readonly { name: string }[]): string {
  return objects.map(({ name }) => name).join(" ");
}

Deno.test("openStore gives an empty store version 1, as 0 means any version", async () => {
  const store = await memoryStore();
  assert.deepEqual(store.list("configmaps"), { version: 1, objects: [] });
  await store.close();
});

Deno.test("Store lists sorted, and an array that was handed out never changes", async () => {
  const store = await memoryStore();
  await Promise.all(["b", "c", "a"].map((name) => create(store, name)));
  await create(store, "z", {}, { namespace: "default-2" });
  const before = store.list("configmaps");
  assert.equal(before.objects, store.list("configmaps").objects);
  await create(store, "aa");
  await remove(store, store.get("configmaps", "default", "c")!);
  await update(store, store.get("configmaps", "default", "b")!, { labels: { x: "y" } });
  assert.equal(names(before.objects), "z a b c");
  assert.deepEqual(before.objects[2]!.labels, {});
  assert.equal(names(store.list("configmaps", "default").objects), "a aa b");
  assert.equal(names(store.list("configmaps", "other").objects), "");
  assert.deepEqual(store.get("configmaps", "default", "b")!.labels, { x: "y" });
  await store.close();
});

Deno.test("Store.listAt goes back to any version that history reaches", async () => {
  const store = await memoryStore(3);
  const a = await create(store, "a");
  const b = await create(store, "b");
  await create(store, "s", {}, { resource: "secrets" });
  await update(store, a, { labels: { turn: "2" } });
  await remove(store, b);
  const at = (version: number): string =>
    store.listAt("configmaps", version).objects.map((o) => `${o.name}@${o.version}`).join(" ");
  assert.deepEqual([3, 4, 5, 6].map(at), ["a@2 b@3", "a@2 b@3", "a@5 b@3", "a@5"]);
  assert.equal(store.listAt("configmaps", 4), store.listAt("configmaps", 4));
  assert.throws(() => at(2), new VersionExpiredError(2, 3));
  assert.throws(() => at(7), VersionExpiredError);
  await create(store, "d");
  assert.throws(() => at(3), VersionExpiredError);
  assert.equal(at(4), "a@2 b@3");
  await store.close();
});

Deno.test("Store finds dependents by their owner, and everything of a namespace", async () => {
  const store = await memoryStore();
  const owned = { ownerReferences: [{ uid: "o1" }, { uid: "o2" }, { uid: "o1" }] };
  const a = await create(store, "a", owned);
  await create(store, "b", owned, { resource: "secrets", namespace: "other" });
  assert.deepEqual(a.owners, ["o1", "o2"]);
  assert.equal(names(store.ownedBy("o1")), "a b");
  const later = await update(store, a, { ownerReferences: [{ uid: "o2" }] });
  assert.equal(names(store.ownedBy("o1")), "b");
  assert.equal(names(store.ownedBy("o2")), "b a");
  assert.equal(names(store.inNamespace("default")), "a");
  assert.equal(names(store.inNamespace("other")), "b");
  await remove(store, later);
  assert.equal(names(store.ownedBy("o2")), "b");
  assert.equal(names(store.inNamespace("default")), "");
  await store.close();
});

Deno.test("Store.watch replays at once, then follows, and nothing comes twice", async () => {
  const store = await memoryStore();
  const a = await create(store, "a");
  await create(store, "s", {}, { resource: "secrets" });
  await create(store, "b", {}, { namespace: "other" });
  const all: string[] = [], some: string[] = [], fromNow: string[] = [];
  const into = (list: string[]) => (changes: readonly Change[]): void =>
    void list.push(...changes.map(textOf));
  const resource = "configmaps";
  const stop = store.watch({ resource, since: 1, onChanges: into(all) });
  store.watch({ resource, namespace: "other", since: 2, onChanges: into(some) });
  store.watch({ resource, since: 0, onChanges: into(fromNow) });
  assert.deepEqual([all, some, fromNow], [["ADDED a@2", "ADDED b@4"], ["ADDED b@4"], []]);
  const [next] = await Promise.all([
    update(store, a),
    create(store, "c", {}, { namespace: "other" }),
  ]);
  stop();
  await remove(store, next);
  assert.deepEqual(all.slice(2), ["MODIFIED a@5", "ADDED c@6"]);
  assert.deepEqual(some.slice(1), ["ADDED c@6"]);
  assert.deepEqual(fromNow, ["MODIFIED a@5", "ADDED c@6", "DELETED a@7"]);
  await store.close();
});

Deno.test("Store.watch hands over the state before, and the last state of what is deleted", async () => {
  const store = await memoryStore();
  const seen: Change[] = [];
  store.watch({ resource: "configmaps", since: 1, onChanges: (changes) => seen.push(...changes) });
  const a = await create(store, "a");
  const b = await update(store, a, { labels: { x: "y" } });
  await remove(store, b);
  assert.deepEqual(seen.map(({ previous }) => previous), [undefined, a, b]);
  assert.equal(JSON.parse(seen[2]!.object.json).metadata.resourceVersion, "4");
  await store.close();
});

Deno.test("Store.watch tells a watcher of the version when other resources change", async () => {
  const store = await memoryStore();
  const told: [number, number][] = [];
  store.watch({
    resource: "configmaps",
    since: 1,
    onChanges: (changes, version) => told.push([changes.length, version]),
  });
  await create(store, "s", {}, { resource: "secrets" });
  assert.deepEqual(told, [[0, 2]]);
  await store.close();
});

Deno.test("Store.watch waits for a version that is still to come", async () => {
  const { store, journal } = await storeOnFake();
  journal.prompt = true;
  const seen: string[] = [];
  store.watch({
    resource: "configmaps",
    since: 3,
    onChanges: (changes) => seen.push(...changes.map(textOf)),
  });
  await Promise.all(["a", "b", "c"].map((name) => create(store, name)));
  assert.deepEqual(seen, ["ADDED c@4"]);
  await store.close();
});

Deno.test("Store.watch refuses a version that history forgot", async () => {
  const store = await memoryStore(2);
  for (const name of ["a", "b", "c", "d"]) await create(store, name);
  const watch = (since: number) => () =>
    store.watch({ resource: "configmaps", since, onChanges: () => {} });
  assert.throws(watch(2), new VersionExpiredError(2, 3));
  assert.doesNotThrow(watch(3));
  await store.close();
});

Deno.test("Store.watch shields watchers from one that throws, and from those that come and go", async () => {
  const { store, journal, log } = await storeOnFake();
  journal.prompt = true;
  const resource = "configmaps";
  const seen: string[] = [];
  let inner: string[] | undefined;
  store.watch({
    resource,
    since: 1,
    onChanges: () => {
      throw new Error("a watcher's fault");
    },
  });
  const stopSecond = store.watch({
    resource,
    since: 1,
    onChanges: () => {
      stopThird();
      if (inner !== undefined) return;
      const list: string[] = inner = [];
      store.watch({ resource, since: 1, onChanges: (all) => list.push(...all.map(textOf)) });
    },
  });
  const stopThird = store.watch({ resource, since: 1, onChanges: () => seen.push("third") });
  store.watch({ resource, since: 1, onChanges: (all) => seen.push(...all.map(textOf)) });
  store.subscribe(() => {
    throw new Error("a subscriber's fault");
  });
  await create(store, "a");
  stopSecond();
  await create(store, "b");
  assert.deepEqual(seen, ["ADDED a@2", "ADDED b@3"]);
  assert.deepEqual(inner, ["ADDED a@2", "ADDED b@3"]);
  assert.equal(log.lines.length, 4);
  await store.close();
});
