import assert from "node:assert/strict";
import { configMap, create, remove, storeOnFake, turn, update } from "./testing.ts";
import { StoreFailedError, WriteConflictError } from "./types.ts";

Deno.test("CommitQueue shows a write only after the disk acknowledged it", async () => {
  const { store, journal } = await storeOnFake();
  const seen: number[] = [];
  store.watch({ resource: "configmaps", since: 1, onChanges: (_, version) => seen.push(version) });
  store.subscribe(({ object }) => seen.push(-object.version));
  const writing = create(store, "a");
  await turn();
  assert.equal(store.get("configmaps", "default", "a"), undefined);
  assert.deepEqual([store.version, store.list("configmaps").objects.length], [1, 0]);
  assert.deepEqual(seen, []);
  await journal.next();
  const stored = await writing;
  assert.equal(stored.version, 2);
  assert.equal(JSON.parse(stored.json).metadata.resourceVersion, "2");
  assert.deepEqual(store.get("configmaps", "default", "a"), stored);
  assert.deepEqual(seen, [2, -2]);
  await store.close();
});

Deno.test("CommitQueue sends all that wait in one batch, in order", async () => {
  const { store, journal } = await storeOnFake();
  const first = ["a", "b"].map((name) => create(store, name));
  await turn();
  const second = ["c", "d", "e"].map((name) => create(store, name));
  await turn();
  assert.deepEqual(journal.asked.map(({ rows }) => rows.length), [2]);
  await journal.next();
  await Promise.all(first);
  assert.deepEqual(journal.asked[0]!.rows.map(({ name }) => name), ["c", "d", "e"]);
  await journal.next();
  assert.deepEqual((await Promise.all(second)).map(({ version }) => version), [4, 5, 6]);
  await store.close();
});

Deno.test("CommitQueue checks a write against the newest one, visible or not", async () => {
  const { store, journal } = await storeOnFake();
  const creating = create(store, "a");
  await turn();
  const conflict = await create(store, "a").catch((error) => error);
  assert.ok(conflict instanceof WriteConflictError);
  assert.equal(conflict.latest?.version, 2);
  // What a conflict carries can be built on before it is visible
  const updating = update(store, conflict.latest!);
  const removing = create(store, "b");
  await journal.next();
  const created = await creating;
  await assert.rejects(() => update(store, created), WriteConflictError);
  await journal.next();
  const updated = await updating;
  await removing;
  const deleting = remove(store, updated);
  const gone = await update(store, updated).catch((error) => error);
  assert.ok(gone instanceof WriteConflictError);
  assert.equal(gone.latest, undefined);
  const again = create(store, "a");
  await journal.next();
  await journal.next();
  assert.deepEqual([(await deleting).version, (await again).version], [5, 6]);
  await store.close();
});

Deno.test("CommitQueue refuses all that waits when the disk refuses, and tries later writes", async () => {
  const { store, journal, log } = await storeOnFake();
  const changes: number[] = [];
  store.subscribe(({ object }) => changes.push(object.version));
  const first = create(store, "a");
  await turn();
  const second = create(store, "b");
  const failures = Promise.allSettled([first, second]);
  await journal.next(new Error("database or disk is full"));
  for (const result of await failures) {
    assert.equal(result.status, "rejected");
    assert.ok(result.reason instanceof StoreFailedError);
    assert.equal(result.reason.message, "Cannot write to the disk: database or disk is full");
  }
  assert.deepEqual([store.version, changes], [1, []]);
  assert.deepEqual(log.lines.map(({ level }) => level), ["error"]);
  const third = create(store, "a");
  await turn();
  await journal.next();
  assert.equal((await third).version, 4); // No version is used twice
  assert.deepEqual(changes, [4]);
  await store.close();
});

Deno.test("CommitQueue leaves the caller's object as it is, and takes none that is not JSON", async () => {
  const { store, journal } = await storeOnFake();
  journal.prompt = true;
  const object = configMap("a");
  const place = { resource: "configmaps", namespace: "default", name: "a" };
  const wrong = { ...object, data: { big: 1n } };
  await assert.rejects(() => store.commit({ op: "create", ...place, object: wrong }), TypeError);
  assert.equal((await store.commit({ op: "create", ...place, object })).version, 2);
  assert.equal(object.metadata.resourceVersion, undefined);
  await store.close();
});

Deno.test("CommitQueue closes after what is under way, and takes no more", async () => {
  const { store, journal } = await storeOnFake();
  const writing = create(store, "a");
  const closing = store.close();
  await assert.rejects(() => create(store, "b"), StoreFailedError);
  await turn();
  await journal.next();
  await closing;
  assert.equal((await writing).version, 2);
});
