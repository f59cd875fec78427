/**
 * What the store's tests share.
 *
 * @module
 */
import { memoryLog, type MemoryLogLine } from "../../../shared/log.ts";
import type { Log } from "../../../shared/log.ts";
import type { Journal, JournalRow } from "./journal.ts";
import { openStoreOn } from "./open_store.ts";
import type { ApiObject, Change, Store, Stored } from "./types.ts";

/** An object with little in it. */
export function configMap(name: string, metadata: Record<string, unknown> = {}): ApiObject {
  const uid = `uid-${name}`;
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, uid, ...metadata }, data: {} };
}

/** Creates a ConfigMap; its `metadata.uid` is `uid-<name>`. */
export function create(
  store: Store,
  name: string,
  metadata: Record<string, unknown> = {},
  { resource = "configmaps", namespace = "default" } = {},
): Promise<Stored> {
  return store.commit({
    op: "create",
    resource,
    namespace,
    name,
    object: configMap(name, metadata),
  });
}

/** Writes another state of an object. */
export function update(
  store: Store,
  base: Stored,
  metadata: Record<string, unknown> = {},
): Promise<Stored> {
  return store.commit({ op: "update", base, object: configMap(base.name, metadata) });
}

/** Deletes an object. */
export function remove(store: Store, base: Stored): Promise<Stored> {
  return store.commit({ op: "delete", base, object: JSON.parse(base.json) });
}

/** `ADDED a@2`, as tests compare changes. */
export function textOf({ type, object }: Change): string {
  return `${type} ${object.name}@${object.version}`;
}

/** A journal whose disk the test plays. */
export class FakeJournal implements Journal {
  readonly state = {
    version: 1,
    compacted: 1,
    uuid: "fake",
    journalMode: "wal",
    synchronous: 2,
  };
  /** Batches that wait for an answer, oldest first. */
  readonly asked: { rows: readonly JournalRow[]; answer: PromiseWithResolvers<void> }[] = [];
  /** Batches that were acknowledged. */
  readonly written: (readonly JournalRow[])[] = [];
  /** Answers by itself. */
  prompt = false;

  async write(rows: readonly JournalRow[]): Promise<void> {
    const answer = Promise.withResolvers<void>();
    if (this.prompt) answer.resolve();
    else this.asked.push({ rows, answer });
    await answer.promise;
    this.written.push(rows);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The disk acknowledges the oldest batch, or refuses it. */
  async next(error?: Error): Promise<void> {
    const { answer } = this.asked.shift()!;
    if (error === undefined) answer.resolve();
    else answer.reject(error);
    await turn();
  }
}

/** Lets everything run that is ready. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

/** A store whose disk the test plays. */
export async function storeOnFake(
  { historyLimit = 100 } = {},
): Promise<{ store: Store; journal: FakeJournal; log: Log & { lines: MemoryLogLine[] } }> {
  const journal = new FakeJournal();
  const log = memoryLog();
  const store = await openStoreOn(
    { path: "fake", now: () => 0, log, historyLimit },
    () => Promise.resolve(journal),
  );
  return { store, journal, log };
}
