/**
 * Opens a store: objects in memory, made durable by a worker with SQLite.
 *
 * @module
 */
import { LRUCache } from "lru-cache";
import type { Log } from "../../../shared/log.ts";
import { CommitQueue } from "./commit_queue.ts";
import { History } from "./history.ts";
import type { ChangeRow, Journal, JournalReader, ObjectRow } from "./journal.ts";
import { Memory } from "./memory.ts";
import { memoryJournal } from "./memory_journal.ts";
import { Quota } from "./quota.ts";
import { storedFromJson, storedFromJsonAlone } from "./stored.ts";
import {
  type Change,
  type Snapshot,
  type Store,
  type Stored,
  VersionExpiredError,
  type WatchOptions,
  type Write,
} from "./types.ts";
import { Watchers } from "./watchers.ts";
import { openWorkerJournal } from "./worker_journal.ts";

/** Changes that a watch can resume from. */
const HISTORY_LIMIT = 10_000;
/** Of these changes, previous states among them; a character is a byte, two beyond Latin-1. */
const HISTORY_CHARS = 64 * 1024 * 1024;
/** Snapshots of earlier versions that were made and may be asked for again. */
const SNAPSHOTS = 64;
/** The disk may keep so many changes more than memory: deleting each alone would cost more. */
const COMPACT_EVERY = 256;

/** Options of {@linkcode openStore}. */
export interface OpenStoreOptions {
  /** The file, made when it is not there; `:memory:` keeps nothing. */
  path: string;
  /** Clock, in milliseconds; only for what is logged. */
  now: () => number;
  /** Where it says what happened. */
  log: Log;
  /** So many changes can be resumed from. @default {10_000} */
  historyLimit?: number;
}

/** What the disk holds, as it comes in. */
class Loader implements JournalReader {
  readonly objects: Stored[] = [];
  readonly changes: Change[] = [];
  readonly #states = new Map<string, Stored>();

  onObjects = (rows: readonly ObjectRow[]): void => {
    for (const { version, json, ...place } of rows) {
      this.objects.push(storedFromJson(place, version, json));
    }
  };

  onChanges = (rows: readonly ChangeRow[]): void => {
    for (const { type, version, json, previous, ...place } of rows) {
      const key = `${place.resource}/${place.namespace}/${place.name}`;
      // The same state need not be parsed and kept twice
      const known = this.#states.get(key);
      const before = previous === null
        ? undefined
        : known?.json === previous
        ? known
        : storedFromJsonAlone(place, previous);
      const object = storedFromJson(place, version, json);
      this.#states.set(key, object);
      this.changes.push({ type, object, ...(before === undefined ? {} : { previous: before }) });
    }
  };

  /** Objects that are also the newest change are kept once. */
  shared(): Stored[] {
    return this.objects.map((object) => {
      const state = this.#states.get(`${object.resource}/${object.namespace}/${object.name}`);
      return state?.version === object.version ? state : object;
    });
  }
}

class JournaledStore implements Store {
  readonly #memory = new Memory();
  readonly #history: History;
  readonly #watchers: Watchers;
  readonly #queue: CommitQueue;
  readonly #journal: Journal;
  readonly #snapshots = new LRUCache<string, Snapshot>({ max: SNAPSHOTS });
  #version: number;
  #compactedOnDisk: number;
  #closed: Promise<void> | undefined;

  constructor(options: OpenStoreOptions, journal: Journal, loaded: Loader) {
    const { historyLimit = HISTORY_LIMIT, log, now } = options;
    const { version, compacted } = journal.state;
    this.#journal = journal;
    this.#version = version;
    this.#compactedOnDisk = compacted;
    this.#watchers = new Watchers(log);
    const objects = loaded.shared();
    this.#memory.fill(objects);
    this.#history = new History({ limit: historyLimit, maxChars: HISTORY_CHARS, compacted });
    for (const change of loaded.changes) this.#history.add(change);
    this.#queue = new CommitQueue({
      journal,
      quota: new Quota(objects.reduce((sum, { json }) => sum + json.length, 0)),
      now,
      log,
      visible: ({ resource, namespace, name }) => this.#memory.get(resource, namespace, name),
      apply: (changes) => this.#apply(changes),
      compactTo: () => this.#compactTo(),
    });
  }

  get version(): number {
    return this.#version;
  }

  get(resource: string, namespace: string, name: string): Stored | undefined {
    return this.#memory.get(resource, namespace, name);
  }

  list(resource: string, namespace?: string): Snapshot {
    const table = this.#memory.table(resource);
    const objects = namespace === undefined ? table.all : table.inNamespace(namespace);
    return { version: this.#version, objects };
  }

  listAt(resource: string, version: number): Snapshot {
    if (version > this.#version) throw new VersionExpiredError(version, this.#history.compacted);
    const since = this.#history.since(version, resource);
    const key = `${version}/${resource}`;
    const known = this.#snapshots.get(key);
    if (known !== undefined) return known;
    const snapshot = { version, objects: this.#memory.table(resource).before(since) };
    if (since.length > 0) this.#snapshots.set(key, snapshot);
    return snapshot;
  }

  ownedBy(uid: string): readonly Stored[] {
    return this.#memory.ownedBy(uid);
  }

  inNamespace(namespace: string): readonly Stored[] {
    return this.#memory.inNamespace(namespace);
  }

  commit(write: Write): Promise<Stored> {
    return this.#queue.commit(write);
  }

  watch(options: WatchOptions): () => void {
    const { since, resource, namespace } = options;
    const missed = since === 0 ? [] : this.#history.since(since, resource, namespace);
    return this.#watchers.watch(options, missed, this.#version);
  }

  subscribe(listener: (change: Change) => void): () => void {
    return this.#watchers.subscribe(listener);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    await this.#queue.close();
    this.#watchers.clear();
    await this.#journal.close();
  }

  #compactTo(): number | undefined {
    const { compacted } = this.#history;
    if (compacted - this.#compactedOnDisk < COMPACT_EVERY) return undefined;
    return this.#compactedOnDisk = compacted;
  }

  #apply(changes: readonly Change[]): void {
    for (const change of changes) {
      this.#memory.apply(change);
      this.#history.add(change);
      this.#version = change.object.version;
    }
    // What history forgot is not to be kept alive by a snapshot
    for (const [key, { version }] of this.#snapshots.entries()) {
      if (version < this.#history.compacted) this.#snapshots.delete(key);
    }
    this.#watchers.dispatch(changes, this.#version);
  }
}

/**
 * Opens a store on a journal of the caller's choice, as tests do.
 *
 * @param open opens the journal, and hands the reader what it holds
 */
export async function openStoreOn(
  options: OpenStoreOptions,
  open: (reader: JournalReader) => Promise<Journal>,
): Promise<Store> {
  const loader = new Loader();
  const journal = await open(loader);
  return new JournaledStore(options, journal, loader);
}

/**
 * Opens a store, or makes it. One process at a time: the file is locked until it is closed, or the
 * process ends in whatever way.
 *
 * @returns the store, with everything that was acknowledged before
 * @throws {Error} when another process has the file open, when it is not a store, or of a newer
 * layout, or the directory is missing
 */
export function openStore(options: OpenStoreOptions): Promise<Store> {
  const { path, log } = options;
  return openStoreOn(
    options,
    (reader) =>
      path === ":memory:"
        ? Promise.resolve(memoryJournal())
        : openWorkerJournal({ ...reader, path, log }),
  );
}
