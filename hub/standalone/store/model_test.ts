import assert from "node:assert/strict";
import fc from "fast-check";
import { silentLog } from "../../../shared/log.ts";
import { openStore, openStoreOn } from "./open_store.ts";
import { compareUtf8 } from "./order.ts";
import { configMap, FakeJournal, textOf, turn } from "./testing.ts";
import {
  type Change,
  type Store,
  type Stored,
  StoreFailedError,
  type Write,
  WriteConflictError,
} from "./types.ts";

/** What a random client does next. */
type Step =
  | { do: "write"; namespace: string; name: string; stale: boolean; remove: boolean }
  | { do: "ack" }
  | { do: "refuse" }
  | { do: "watch"; back: number; namespace: string | undefined };

const namespace = fc.constantFrom("a", "a-b", "b");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      namespace,
      name: fc.constantFrom("x", "y", "z"),
      stale: fc.boolean(),
      remove: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.constant({ do: "ack" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "refuse" as const }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("watch" as const),
      back: fc.nat(5),
      namespace: fc.option(namespace, { nil: undefined }),
    }),
  },
);

const resource = "configmaps";

/** The trivial model: every change that was acknowledged, in order. */
function stateAt(changes: readonly Change[], version: number): Stored[] {
  const state = new Map<string, Stored>();
  for (const { type, object } of changes) {
    if (object.version > version) break;
    const key = `${object.namespace}/${object.name}`;
    if (type === "DELETED") state.delete(key);
    else state.set(key, object);
  }
  return [...state].sort(([a], [b]) => compareUtf8(a, b)).map(([, object]) => object);
}

interface Follower {
  since: number;
  namespace: string | undefined;
  seen: string[];
}

class Run {
  readonly changes: Change[] = [];
  readonly followers: Follower[] = [];
  readonly writes: Promise<unknown>[] = [];
  readonly #old = new Map<string, Stored>();

  constructor(readonly store: Store, readonly journal: FakeJournal) {
    store.subscribe((change) => this.changes.push(change));
  }

  async take(step: Step): Promise<void> {
    if (step.do === "write") this.#write(step);
    else if (step.do === "watch") this.#watch(step);
    else {
      await turn();
      const error = step.do === "ack" ? undefined : new Error("no space");
      if (this.journal.asked.length > 0) await this.journal.next(error);
    }
  }

  #write(step: Step & { do: "write" }): void {
    const { store } = this;
    const key = `${step.namespace}/${step.name}`;
    const visible = store.get(resource, step.namespace, step.name);
    const base = step.stale ? this.#old.get(key) ?? visible : visible;
    if (visible !== undefined) this.#old.set(key, visible);
    const object = configMap(step.name);
    const write: Write = base === undefined
      ? { op: "create", resource, namespace: step.namespace, name: step.name, object }
      : { op: step.remove ? "delete" : "update", base, object };
    const done = store.commit(write).then(
      (stored) => {
        const change = this.changes.find((one) => one.object.version === stored.version);
        assert.equal(change?.object, stored);
        assert.equal(change.previous?.version, base?.version);
      },
      (error) =>
        assert.ok(error instanceof WriteConflictError || error instanceof StoreFailedError),
    );
    this.writes.push(done);
  }

  #watch({ back, namespace }: Step & { do: "watch" }): void {
    const since = Math.max(1, this.store.version - back);
    const follower: Follower = { since, namespace, seen: [] };
    this.followers.push(follower);
    this.store.watch({
      resource,
      since,
      ...(namespace === undefined ? {} : { namespace }),
      onChanges: (changes) => follower.seen.push(...changes.map(textOf)),
    });
  }

  check(): void {
    const { store, changes } = this;
    const versions = changes.map(({ object }) => object.version);
    assert.deepEqual(versions, [...new Set(versions)].sort((a, b) => a - b));
    for (const version of [1, ...versions]) {
      assert.deepEqual(store.listAt(resource, version).objects, stateAt(changes, version));
    }
    assert.deepEqual(store.list(resource).objects, stateAt(changes, Infinity));
    for (const { since, namespace, seen } of this.followers) {
      const wanted = changes.filter(({ object }) =>
        object.version > since && (namespace ?? object.namespace) === object.namespace
      );
      assert.deepEqual(seen, wanted.map(textOf));
    }
  }
}

Deno.test("Store agrees with a list of changes, whatever clients and the disk do", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const journal = new FakeJournal();
      const options = { path: "fake", now: () => 0, log: silentLog };
      const store = await openStoreOn(options, () => Promise.resolve(journal));
      const run = new Run(store, journal);
      for (const one of steps) await run.take(one);
      await turn();
      while (journal.asked.length > 0) await journal.next();
      await Promise.all(run.writes);
      run.check();
      await store.close();
    }),
    { numRuns: 60 },
  );
});

Deno.test("Store is the same after it was closed and opened again", async () => {
  const directory = await Deno.makeTempDir();
  let round = 0;
  const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
    const path = `${directory}/${round++}.db`;
    const first = await openStore({ path, now: () => 0, log: silentLog });
    const run = new Run(first, new FakeJournal());
    for (const one of steps) await run.take(one);
    await Promise.all(run.writes);
    run.check();
    await first.close();
    const second = await openStore({ path, now: () => 0, log: silentLog });
    const again: Change[] = [];
    second.watch({ resource, since: 1, onChanges: (changes) => again.push(...changes) });
    assert.deepEqual(again, run.changes);
    assert.deepEqual(second.list(resource), first.list(resource));
    await second.close();
  });
  await fc.assert(property, { numRuns: 10 });
  await Deno.remove(directory, { recursive: true });
});
