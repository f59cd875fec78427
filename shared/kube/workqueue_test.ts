import assert from "node:assert/strict";
import { delay } from "../backoff.ts";
import { memoryLog } from "../log.ts";
import { StatusError } from "./status.ts";
import { ReconcileQueue } from "./workqueue.ts";

const fast = { baseMs: 1, maxMs: 4 };

Deno.test("ReconcileQueue works on a key once, however often it is added", async () => {
  const done: string[] = [];
  const stop = new AbortController();
  const queue = new ReconcileQueue({
    reconcile: (key) => {
      done.push(key);
      return Promise.resolve();
    },
  });
  for (const key of ["a", "b", "a", "a"]) queue.add(key);
  assert.equal(queue.size, 2);
  queue.start(stop.signal);
  await queue.idle;
  assert.deepEqual(done, ["a", "b"]);
  stop.abort();
});

Deno.test("ReconcileQueue never works on one key twice at a time, and misses no change", async () => {
  const stop = new AbortController();
  let atWork = 0;
  let most = 0;
  let runs = 0;
  const queue = new ReconcileQueue({
    reconcile: async () => {
      most = Math.max(most, ++atWork);
      runs++;
      await delay(5);
      atWork--;
    },
  });
  queue.start(stop.signal);
  queue.add("a");
  await delay(1);
  queue.add("a");
  queue.add("a");
  await queue.idle;
  assert.equal(most, 1);
  assert.equal(runs, 2);
  stop.abort();
});

Deno.test("ReconcileQueue works on as many keys at once as it may", async () => {
  const stop = new AbortController();
  let atWork = 0;
  let most = 0;
  const queue = new ReconcileQueue({
    concurrency: 3,
    reconcile: async () => {
      most = Math.max(most, ++atWork);
      await delay(2);
      atWork--;
    },
  });
  for (let i = 0; i < 10; i++) queue.add(`k${i}`);
  queue.start(stop.signal);
  await queue.idle;
  assert.equal(most, 3);
  stop.abort();
});

Deno.test("ReconcileQueue comes back after a failure, and tells conflicts from faults", async () => {
  const stop = new AbortController();
  const log = memoryLog();
  const tried = Promise.withResolvers<void>();
  let tries = 0;
  const queue = new ReconcileQueue({
    backoff: fast,
    log,
    reconcile: () => {
      tries++;
      if (tries === 1) return Promise.reject(StatusError.of(409, "conflict"));
      if (tries === 2) throw new Error("broken");
      tried.resolve();
      return Promise.resolve();
    },
  });
  queue.start(stop.signal);
  queue.add("a");
  await tried.promise;
  await queue.idle;
  assert.deepEqual(log.lines.map(({ level }) => level), ["debug", "warn"]);
  assert.equal(queue.size, 0);
  stop.abort();
});

Deno.test("ReconcileQueue looks again when asked to, and an earlier add wins", async () => {
  const stop = new AbortController();
  let runs = 0;
  const third = Promise.withResolvers<void>();
  const queue = new ReconcileQueue({
    reconcile: () => {
      if (++runs === 3) third.resolve();
      return Promise.resolve(runs === 1 ? { requeueAfterMs: 5 } : { requeueAfterMs: 60_000 });
    },
  });
  queue.start(stop.signal);
  queue.add("a");
  await delay(30);
  assert.equal(runs, 2);
  queue.addAfter("a", 5);
  await third.promise;
  await queue.idle;
  assert.equal(queue.size, 1);
  stop.abort();
  assert.equal(queue.size, 0);
});

Deno.test("ReconcileQueue ends a reconcile at its deadline and tries again", async () => {
  const stop = new AbortController();
  let tries = 0;
  const again = Promise.withResolvers<void>();
  const queue = new ReconcileQueue({
    timeoutMs: 10,
    backoff: fast,
    reconcile: (_key, { signal }) => {
      if (++tries === 2) {
        again.resolve();
        return Promise.resolve();
      }
      return delay(60_000, signal);
    },
  });
  queue.start(stop.signal);
  queue.add("a");
  await again.promise;
  await queue.idle;
  stop.abort();
});

Deno.test("ReconcileQueue stops with its signal: work sees it, the rest is dropped", async () => {
  const stop = new AbortController();
  const done: string[] = [];
  const queue = new ReconcileQueue({
    concurrency: 1,
    reconcile: async (key, { signal }) => {
      done.push(key);
      await delay(60_000, signal);
    },
  });
  queue.start(stop.signal);
  queue.add("a");
  queue.add("b");
  queue.addAfter("c", 60_000);
  const idle = queue.idle;
  stop.abort();
  await idle;
  queue.add("d");
  assert.deepEqual(done, ["a"]);
  assert.equal(queue.size, 0);
});
