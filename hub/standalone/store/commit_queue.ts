/**
 * The way of a write: checked and numbered at once, sent to the disk together with all that wait
 * (one fsync for all of them), visible after that.
 *
 * @module
 */
import type { Log } from "../../../shared/log.ts";
import type { Journal, JournalRow } from "./journal.ts";
import type { Quota } from "./quota.ts";
import { type Place, storedFrom } from "./stored.ts";
import {
  type Change,
  type Stored,
  StoreFailedError,
  type Write,
  WriteConflictError,
} from "./types.ts";

/** One transaction takes so many writes, or so many characters of JSON. */
const BATCH_WRITES = 1_024;
const BATCH_CHARS = 8 * 1024 * 1024;
/** So many characters of JSON may wait for the disk; further writes are refused. */
const MAX_WAITING_CHARS = 256 * 1024 * 1024;
/** A disk that takes longer is worth a word, in milliseconds. */
const SLOW_MS = 1_000;

/** Options of {@linkcode CommitQueue}. */
export interface CommitQueueOptions {
  /** Makes writes durable. */
  journal: Journal;
  /** How much may be kept. */
  quota: Quota;
  /** Finds what is visible. */
  visible: (place: Place) => Stored | undefined;
  /** Makes a batch visible; must not throw. */
  apply: (changes: readonly Change[]) => void;
  /** Version up to which changes on the disk may go; `undefined` for none. */
  compactTo: () => number | undefined;
  /** Clock, in milliseconds. */
  now: () => number;
  /** Where it says what happened. */
  log: Log;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: (stored: Stored) => void;
  readonly reject: (error: Error) => void;
}

function keyOf({ resource, namespace, name }: Place): string {
  return `${resource}/${namespace}/${name}`;
}

const TYPES = { create: "ADDED", update: "MODIFIED", delete: "DELETED" } as const;

function rowOf({ type, object }: Change): JournalRow {
  const { resource, namespace, name, version, json } = object;
  return { type, resource, namespace, name, version, json };
}

function sizes(before: Stored | undefined, after: Stored | undefined): [number, number] {
  return [before?.json.length ?? 0, after?.json.length ?? 0];
}

/** Orders writes. */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  /** The newest state of what is written but not visible yet. */
  readonly #pending = new Map<string, { version: number; stored: Stored | undefined }>();
  #waiting: Waiting[] = [];
  #waitingChars = 0;
  #version: number; // Of the newest write; never used twice, even when the write fails
  #writing = false;
  #closed = false;
  #idle: PromiseWithResolvers<void> | undefined;

  /**
   * Makes an empty one.
   *
   * @param options what it is between
   */
  constructor(options: CommitQueueOptions) {
    this.#options = options;
    this.#version = options.journal.state.version;
  }

  /**
   * Writes; the check and the place in the order are decided before this returns.
   *
   * @returns what stands there now, once it is visible
   * @throws {WriteConflictError} when another write came first
   * @throws {ObjectTooLargeError} when the object grows too large
   * @throws {StoreFailedError} when the disk refused, the quota does, or the store is closed
   */
  // deno-lint-ignore require-await -- what is thrown must become a rejection
  async commit(write: Write): Promise<Stored> {
    if (this.#closed) throw new StoreFailedError("Cannot write: the store is closed");
    if (this.#waitingChars > MAX_WAITING_CHARS) {
      throw new StoreFailedError(
        "Cannot write: too many writes wait for the disk; try again later",
      );
    }
    const place = write.op === "create" ? write : write.base;
    const key = keyOf(place);
    const pending = this.#pending.get(key);
    const latest = pending === undefined ? this.#options.visible(place) : pending.stored;
    const expected = write.op === "create" ? undefined : write.base.version;
    if (latest?.version !== expected) throw new WriteConflictError(latest);

    const object = storedFrom(place, this.#version + 1, write.object);
    this.#options.quota.take(...sizes(latest, write.op === "delete" ? undefined : object));
    this.#version++;
    const change: Change = {
      type: TYPES[write.op],
      object,
      ...(latest === undefined ? {} : { previous: latest }),
    };
    const stored = write.op === "delete" ? undefined : object;
    this.#pending.set(key, { version: object.version, stored });
    this.#waitingChars += object.json.length;
    const { promise, resolve, reject } = Promise.withResolvers<Stored>();
    this.#waiting.push({ change, resolve, reject });
    // What else this turn writes goes along
    if (!this.#writing && this.#waiting.length === 1) queueMicrotask(() => this.#flush());
    return promise;
  }

  /** Takes no more writes, and waits for those that are under way. */
  async close(): Promise<void> {
    this.#closed = true;
    if (!this.#writing && this.#waiting.length === 0) return;
    this.#idle ??= Promise.withResolvers<void>();
    await this.#idle.promise;
  }

  #takeBatch(): Waiting[] {
    let chars = 0, count = 0;
    while (count < this.#waiting.length && count < BATCH_WRITES && chars < BATCH_CHARS) {
      chars += this.#waiting[count++]!.change.object.json.length;
    }
    const batch = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    return batch;
  }

  #flush(): void {
    if (this.#writing) return;
    if (this.#waiting.length === 0) {
      this.#idle?.resolve();
      return;
    }
    this.#writing = true;
    const batch = this.#takeBatch();
    const { journal, now, log, compactTo } = this.#options;
    const startedAt = now();
    journal.write(batch.map(({ change }) => rowOf(change)), compactTo()).then(
      () => {
        const tookMs = now() - startedAt;
        if (tookMs > SLOW_MS) {
          log.warn("The disk is slow to make writes durable", { tookMs, writes: batch.length });
        }
        this.#writing = false;
        this.#flush(); // The disk is busy while this thread tells everybody
        this.#show(batch);
      },
      (error) => this.#fail(batch, error),
    );
  }

  #show(batch: readonly Waiting[]): void {
    for (const { change: { object } } of batch) {
      const key = keyOf(object);
      if (this.#pending.get(key)?.version === object.version) this.#pending.delete(key);
      this.#waitingChars -= object.json.length;
    }
    this.#options.apply(batch.map(({ change }) => change));
    for (const { change, resolve } of batch) resolve(change.object);
  }

  /** Whatever waits may build on what failed, so it fails as well. */
  #fail(batch: readonly Waiting[], cause: unknown): void {
    const all = [...batch, ...this.#waiting];
    this.#waiting = [];
    this.#waitingChars = 0;
    this.#pending.clear();
    this.#writing = false;
    this.#options.log.error("The disk refused writes; nobody saw them, and later ones are tried", {
      error: cause,
      writes: all.length,
    });
    const why = cause instanceof Error ? cause.message : String(cause);
    const error = new StoreFailedError(`Cannot write to the disk: ${why}`, { cause });
    for (const { change: { type, object, previous }, reject } of all) {
      this.#options.quota.giveBack(...sizes(previous, type === "DELETED" ? undefined : object));
      reject(error);
    }
    this.#flush();
  }
}
