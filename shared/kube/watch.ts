/**
 * One watch connection.
 *
 * Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 *
 * @module
 */
import { asStatus, readBody, statusErrorOf } from "./body.ts";
import { LineSplitter } from "./line_splitter.ts";
import { resourcePath, type ResourceRef } from "./resources.ts";
import { failure, StatusError } from "./status.ts";
import type { WatchEvent } from "./types.ts";

/** Options of {@linkcode watch}. */
export interface WatchOptions {
  /** All namespaces without it. */
  namespace?: string | undefined;
  /** Such as `a=b,c`. */
  labelSelector?: string | undefined;
  /** Such as `metadata.name=a`. */
  fieldSelector?: string | undefined;
  /** Goes on after it, as a list or a bookmark gave it. */
  resourceVersion: string;
  /** Ends the watch and frees its connection at once. */
  signal: AbortSignal;
  /**
   * A server that says nothing for so long is taken for dead, in milliseconds; API servers send a
   * bookmark each minute. @default {90_000}
   */
  idleMs?: number | undefined;
  /** The server ends the watch after it. @default {random, 300 to 600} */
  timeoutSeconds?: number | undefined;
  /** Deadline of the answer's head, in milliseconds. @default {15_000} */
  headMs?: number | undefined;
  /** Longest event, in bytes. @default {16 MiB} */
  maxLineBytes?: number | undefined;
  /** Called when the server has accepted the watch. */
  onOpen?: (() => void) | undefined;
  /** Source of randomness, in `[0, 1)`. @default {Math.random} */
  random?: (() => number) | undefined;
}

/** Thrown when a watch was silent for too long. */
export class WatchIdleError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "WatchIdleError";
}

/** What is needed of `KubeClient`. */
export interface WatchClient {
  /** Sends a request; the answer's body is live. */
  open(
    path: string,
    init: { signal: AbortSignal; timeoutMs?: number | undefined },
  ): Promise<Response>;
}

const decoder = new TextDecoder();

function parseEvent<T>(line: Uint8Array): WatchEvent<T> {
  const event = JSON.parse(decoder.decode(line)) as { type?: unknown; object?: unknown };
  switch (event.type) {
    case "ADDED":
    case "MODIFIED":
    case "DELETED":
    case "BOOKMARK":
      return event as WatchEvent<T>;
    case "ERROR":
      throw new StatusError(
        asStatus(event.object) ?? failure(500, "The watch ended with an error without a Status"),
      );
    default:
      throw new StatusError(
        failure(500, `The watch brought an event of unknown type ${JSON.stringify(event.type)}`),
      );
  }
}

/**
 * Watches a collection over one connection. Ends when the server ends it in an orderly way; the
 * caller goes on from the last resource version it saw, bookmarks included.
 *
 * @param client the way to the server
 * @param resource what to watch
 * @returns the events as they come
 * @throws {StatusError} the server refused, or sent an ERROR event: code 410 means that the
 * resource version is too old and a list is due; {WatchIdleError} the server was silent;
 * the signal's reason; whatever broke the connection
 *
 * @example
 * ```ts ignore
 * for await (const event of watch<ConfigMap>(client, CONFIG_MAPS, { resourceVersion, signal })) {
 *   if (event.type !== "BOOKMARK") show(event.object);
 * }
 * ```
 */
export async function* watch<T>(
  client: WatchClient,
  resource: ResourceRef,
  options: WatchOptions,
): AsyncGenerator<WatchEvent<T>, void> {
  const { idleMs = 90_000, random = Math.random, signal } = options;
  const query = new URLSearchParams({
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: options.resourceVersion,
    timeoutSeconds: String(options.timeoutSeconds ?? Math.floor(300 + random() * 300)),
  });
  if (options.labelSelector) query.set("labelSelector", options.labelSelector);
  if (options.fieldSelector) query.set("fieldSelector", options.fieldSelector);
  const path = resourcePath(resource, { namespace: options.namespace });
  const what = `watch of ${path}`;

  signal.throwIfAborted();
  const own = new AbortController();
  const onAbort = (): void => own.abort(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const response = await client.open(`${path}?${query}`, {
      signal: own.signal,
      timeoutMs: options.headMs,
    });
    if (!response.ok) {
      const text = await readError(response, own.signal);
      throw statusErrorOf(what, response, text);
    }
    if (response.body === null) return;
    options.onOpen?.();
    const lines = new LineSplitter(options.maxLineBytes ?? 16 * 1024 * 1024);
    for await (const chunk of readChunks(response.body, { idleMs, own, what })) {
      for (const line of lines.push(chunk)) yield parseEvent<T>(line);
    }
    const rest = lines.rest();
    if (rest.length > 0) {
      throw new StatusError(failure(500, `The ${what} broke off within an event`));
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    own.abort(new DOMException(`The ${what} is over`, "AbortError"));
  }
}

async function readError(response: Response, signal: AbortSignal): Promise<string> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
  return decoder.decode(await readBody(response.body, 1024 * 1024, limited));
}

interface ReadOptions {
  idleMs: number;
  own: AbortController;
  what: string;
}

/** Chunks as they come; aborts `own` when none comes within `idleMs` of being asked for. */
async function* readChunks(
  body: ReadableStream<Uint8Array>,
  { idleMs, own, what }: ReadOptions,
): AsyncGenerator<Uint8Array, void> {
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(own.signal.reason).catch(() => {});
  if (own.signal.aborted) cancel();
  own.signal.addEventListener("abort", cancel, { once: true });
  try {
    while (true) {
      const timer = setTimeout(() => {
        own.abort(new WatchIdleError(`The ${what} was silent for ${idleMs / 1000} s`));
      }, idleMs);
      let result: ReadableStreamReadResult<Uint8Array>;
      try {
        result = await reader.read();
      } catch (error) {
        own.signal.throwIfAborted();
        throw error;
      } finally {
        clearTimeout(timer);
      }
      own.signal.throwIfAborted();
      if (result.done) return;
      yield result.value;
    }
  } finally {
    own.signal.removeEventListener("abort", cancel);
    cancel();
  }
}
