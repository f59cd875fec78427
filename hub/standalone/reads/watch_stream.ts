/**
 * The stream of one watcher: first what is there, then what changes. It writes as the reader
 * takes; what waits meanwhile are references to changes, which cost nothing while history keeps
 * them.
 *
 * @module
 */
import type { Change, Store, Stored } from "../store/types.ts";
import type { Place } from "./options.ts";
import type { Selectors } from "./selectors.ts";
import type { EventEncoder } from "./watch_events.ts";
import { eventOf } from "./watch_events.ts";
import { nextTurn, SLICE_CHARS } from "./yielding.ts";

/** Bytes of one piece of the stream, about. */
const CHUNK_BYTES = 64 * 1024;
/** A watcher for whom more characters of new changes wait is ended. */
const MAX_WAITING = 8 * 1024 * 1024;
/** kube-apiserver sends a bookmark about each minute, and one shortly before the end. */
const BOOKMARK_MS = 60_000;
const LAST_BOOKMARK_MS = 2_000;

/** Options of {@linkcode openWatchStream}. */
export interface WatchStreamOptions {
  /** What is watched. */
  readonly store: Store;
  /** Which part of it. */
  readonly place: Place;
  /** Which objects there. */
  readonly selectors: Selectors;
  /** Writes the lines; of this watcher alone. */
  readonly encoder: EventEncoder;
  /** Objects that are sent as `ADDED` at first. */
  readonly initial: readonly Stored[];
  /** Changes after this version are sent. */
  readonly since: number;
  /** Whether bookmarks are sent. */
  readonly bookmarks: boolean;
  /** Whether a bookmark says that the initial objects are through. */
  readonly initialEnd: boolean;
  /** It ends after so long. */
  readonly timeoutMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

interface Bookmark {
  readonly bookmark: number;
  readonly initialEnd: boolean;
}

class WatchStream {
  readonly #o: WatchStreamOptions;
  #initialAt = 0;
  #queue: (Change | Bookmark)[] = [];
  #queueAt = 0;
  /** Characters of changes in the queue that came while it was open. */
  #waiting = 0;
  readonly #openedAt: number;
  #version: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #flushing = false;
  #ended = false;
  #unwatch: (() => void) | undefined;
  readonly #timeout: ReturnType<typeof setTimeout>;
  #bookmarkTimer: ReturnType<typeof setTimeout> | undefined;
  readonly #deadline: number;
  #elapsed = 0;

  constructor(options: WatchStreamOptions) {
    this.#o = options;
    const { store, place, since, initialEnd, timeoutMs, signal, bookmarks } = options;
    this.#openedAt = store.version;
    this.#version = since;
    this.#deadline = timeoutMs - LAST_BOOKMARK_MS;
    if (initialEnd) this.#queue.push({ bookmark: since, initialEnd });
    this.#unwatch = store.watch({
      ...place,
      since,
      onChanges: (changes, version) => this.#onChanges(changes, version),
    });
    this.#timeout = setTimeout(() => this.#end(), timeoutMs);
    if (bookmarks) this.#planBookmark();
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  open(): ReadableStream<Uint8Array> {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
        // The port sends the head with the first piece: who watches what is quiet must get it too
        if (!this.#more) controller.enqueue(new Uint8Array(0));
      },
      pull: () => this.#flush(),
      cancel: () => this.#stop(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: CHUNK_BYTES }));
    if (this.#o.signal.aborted) this.#end();
    return stream;
  }

  readonly #onAbort = (): void => this.#end();

  #onChanges(changes: readonly Change[], version: number): void {
    if (this.#ended) return;
    this.#version = Math.max(this.#version, version);
    for (const change of changes) {
      this.#queue.push(change);
      if (change.object.version > this.#openedAt) this.#waiting += change.object.json.length;
    }
    void this.#flush();
    if (this.#waiting > MAX_WAITING) {
      this.#fail(new Error("Cannot go on with this watch: its reader is too slow"));
    }
  }

  #planBookmark(): void {
    const wait = Math.min(BOOKMARK_MS, this.#deadline - this.#elapsed);
    if (wait <= 0) return;
    this.#bookmarkTimer = setTimeout(() => {
      this.#elapsed += wait;
      // One that waits already says as much
      if (this.#queueAt === this.#queue.length) {
        this.#queue.push({ bookmark: this.#version, initialEnd: false });
        void this.#flush();
      }
      this.#planBookmark();
    }, wait);
  }

  get #more(): boolean {
    return this.#initialAt < this.#o.initial.length || this.#queueAt < this.#queue.length;
  }

  async #flush(): Promise<void> {
    if (this.#flushing || this.#controller === undefined) return;
    this.#flushing = true;
    try {
      while (!this.#ended && this.#more && (this.#controller.desiredSize ?? 0) > 0) {
        const chunk = this.#nextChunk();
        if (chunk !== undefined) this.#controller.enqueue(chunk);
        if (this.#more) await nextTurn();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#flushing = false;
    }
  }

  /** Encodes what comes next, in one piece. */
  #nextChunk(): Uint8Array | undefined {
    const { initial, selectors, encoder } = this.#o;
    const parts: Uint8Array[] = [];
    let size = 0, work = 0;
    const add = (part: Uint8Array): void => {
      parts.push(part);
      size += part.length;
    };
    while (size < CHUNK_BYTES && work < SLICE_CHARS && this.#initialAt < initial.length) {
      const object = initial[this.#initialAt++]!;
      work += selectors.parses ? object.json.length : 16;
      if (selectors.matches(object)) add(encoder.event({ type: "ADDED", object }));
    }
    if (this.#initialAt < initial.length) return joined(parts, size);
    while (size < CHUNK_BYTES && work < SLICE_CHARS && this.#queueAt < this.#queue.length) {
      const next = this.#queue[this.#queueAt++]!;
      if ("bookmark" in next) {
        add(encoder.bookmark(next.bookmark, next.initialEnd));
        continue;
      }
      const { version, json } = next.object;
      if (version > this.#openedAt) this.#waiting -= json.length;
      work += selectors.parses ? json.length : 16;
      const event = eventOf(next, selectors);
      if (event !== undefined) add(encoder.event(event));
    }
    if (this.#queueAt === this.#queue.length || this.#queueAt > 1024) {
      this.#queue = this.#queue.slice(this.#queueAt);
      this.#queueAt = 0;
    }
    return joined(parts, size);
  }

  /** Lets go of everything. */
  #stop(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unwatch?.();
    clearTimeout(this.#timeout);
    clearTimeout(this.#bookmarkTimer);
    this.#o.signal.removeEventListener("abort", this.#onAbort);
    this.#queue = [];
    this.#queueAt = 0;
    this.#initialAt = this.#o.initial.length;
  }

  #end(): void {
    if (this.#ended) return;
    this.#stop();
    this.#controller?.close();
  }

  #fail(error: unknown): void {
    if (this.#ended) return;
    this.#stop();
    this.#controller?.error(error);
  }
}

/** One piece; a single line is handed on as it is, since all watchers share it. */
function joined(parts: readonly Uint8Array[], size: number): Uint8Array | undefined {
  if (parts.length <= 1) return parts[0];
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * Opens the stream of a watcher. It ends with its time, with the signal, when it is cancelled, and
 * with an error when its reader is more than 8 MiB behind.
 *
 * @returns lines of JSON
 * @throws {VersionExpiredError} when changes since then are not kept any more
 */
export function openWatchStream(options: WatchStreamOptions): ReadableStream<Uint8Array> {
  return new WatchStream(options).open();
}
