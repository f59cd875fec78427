import assert from "node:assert/strict";
import { memoryLog, silentLog } from "../../../shared/log.ts";
import { openStore, openStoreOn } from "./open_store.ts";
import { create, remove, textOf, update } from "./testing.ts";
import { StoreFailedError } from "./types.ts";
import { openWorkerJournal } from "./worker_journal.ts";

async function withDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(`${directory}/store.db`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const options = { now: () => 0, log: silentLog };

Deno.test("openStore finds again what it acknowledged, history too, and goes on counting", async () => {
  await withDirectory(async (path) => {
    const first = await openStore({ path, ...options });
    const [a, b] = await Promise.all([
      create(first, "a", { ownerReferences: [{ uid: "o" }], labels: { x: "\u{1F600}" } }),
      create(first, "b"),
    ]);
    await update(first, b, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    const c = await create(first, "c");
    await remove(first, c);
    const history = first.listAt("configmaps", 3).objects;
    await first.close();

    const second = await openStore({ path, ...options });
    assert.equal(second.version, 6);
    assert.deepEqual(second.list("configmaps"), first.list("configmaps"));
    assert.deepEqual(second.ownedBy("o"), [a]);
    assert.equal(second.get("configmaps", "default", "b")!.deleting, true);
    assert.deepEqual(second.listAt("configmaps", 3).objects, history);
    const seen: string[] = [];
    second.watch({
      resource: "configmaps",
      since: 3,
      onChanges: (changes) => seen.push(...changes.map(textOf)),
    });
    assert.deepEqual(seen, ["MODIFIED b@4", "ADDED c@5", "DELETED c@6"]);
    assert.equal((await create(second, "c")).version, 7);
    await second.close();
  });
});

Deno.test("openStore keeps history on the disk within its limit", async () => {
  await withDirectory(async (path) => {
    const first = await openStore({ path, ...options, historyLimit: 10 });
    let stored = await create(first, "a");
    for (let turn = 0; turn < 300; turn++) stored = await update(first, stored);
    await first.close();
    let rows = 0;
    const reader = {
      onObjects: () => {},
      onChanges: (all: readonly unknown[]) => rows += all.length,
    };
    const journal = await openWorkerJournal({ ...reader, path, log: silentLog });
    assert.ok(journal.state.compacted > 200, `compacted ${journal.state.compacted}`);
    assert.equal(rows, journal.state.version - journal.state.compacted);
    await journal.close();
  });
});

Deno.test("openStore says why a file cannot be opened, and leaves no worker behind", async () => {
  await withDirectory(async (path) => {
    await Deno.writeTextFile(path, "this is no database, it is a letter to the reader\n".repeat(9));
    await assert.rejects(() => openStore({ path, ...options }), /it is not a store of this hub/);
  });
});

Deno.test("openStore refuses a store that is open already", async () => {
  await withDirectory(async (path) => {
    const first = await openStore({ path, ...options });
    await assert.rejects(() => openStore({ path, ...options }), /another process has it open/);
    await first.close();
  });
});

/** Opens, then dies of the first write. */
const DYING = `
  self.onmessage = ({ data }) => {
    if (data.type === "write") setTimeout(() => { throw new Error("out of luck"); }, 0);
    else self.postMessage({ type: "opened", state: { version: 1, compacted: 1 } });
  };`;

Deno.test("WorkerJournal that dies rejects what waits and what comes, and says so", async () => {
  const log = memoryLog();
  const path = "/nowhere/store.db";
  const script = new URL(`data:text/javascript,${encodeURIComponent(DYING)}`);
  const store = await openStoreOn(
    { path, ...options },
    (reader) => openWorkerJournal({ ...reader, path, log, script }),
  );
  const lost = [create(store, "a"), create(store, "b")];
  const first = (await Promise.allSettled(lost)).map((result) =>
    result.status === "rejected" ? result.reason : undefined
  );
  const later = await create(store, "c").catch((error) => error);
  for (const error of [...first, later]) {
    assert.ok(error instanceof StoreFailedError);
    assert.match(error.message, /the store's worker died \(.*out of luck\). Restart the hub/);
  }
  assert.equal(store.version, 1);
  assert.deepEqual(log.lines.map(({ level }) => level), ["error"]);
  await store.close();
});
