/**
 * Calls to an API server as text and JSON: deadline, size bound, errors.
 *
 * @module
 */
import { delay, withDeadline } from "../backoff.ts";
import { VERSION } from "../version.ts";
import { BodyTooLargeError, readBody, statusErrorOf } from "./body.ts";
import type { CallOptions, KubeClientOptions, RawInit } from "./client_options.ts";
import type { Transport } from "./transport.ts";

/** A server that is too busy is asked again this often within the deadline. */
const MAX_BUSY_RETRIES = 3;
const ORIGIN = "https://kubernetes.invalid"; // Transports use their own (RFC 2606)
const decoder = new TextDecoder();

/** Thrown when an answer broke off, or is not what was asked for. */
export class BodyError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "BodyError";
}

/** `GET /path`, without the query. */
function nameOf(method: string | undefined, path: string): string {
  return `${method ?? "GET"} ${path.replace(/\?.*/s, "")}`;
}

/**
 * Parses an answer.
 *
 * @throws {BodyError} when it is not JSON, or a Table
 */
export function parseJson<T>(text: string, what: string): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new BodyError(`The answer to ${what} is not JSON`, { cause });
  }
  const kind = (value as { kind?: unknown } | null)?.kind;
  if (kind === "Table") throw new BodyError(`The answer to ${what} is a Table, not the objects`);
  return value as T;
}

/** Sends requests through a transport. */
export class Caller {
  readonly #transport: Transport;
  readonly #userAgent: string;
  readonly #timeoutMs: number;
  readonly #maxBodyBytes: number;

  constructor(options: KubeClientOptions) {
    this.#transport = options.transport;
    this.#userAgent = options.userAgent ?? `clusternet/${VERSION}`;
    this.#timeoutMs = options.timeoutMs ?? 15_000;
    this.#maxBodyBytes = options.maxBodyBytes ?? 64 * 1024 * 1024;
  }

  /**
   * Sends a request and reads the whole answer, whatever its status. The deadline and the size
   * bound hold; the body of the response that is returned is in memory.
   *
   * @param path starts with `/`, with its query
   */
  async raw(path: string, init: RawInit = {}): Promise<Response> {
    const { timeoutMs = this.#timeoutMs, signal, ...rest } = init;
    const what = nameOf(rest.method, path);
    return await withDeadline(timeoutMs, `finish ${what}`, async (live) => {
      const response = await this.#send(path, rest, live);
      const body = await this.#read(what, response, live);
      const empty = response.status === 204 || response.status === 304;
      return new Response(empty ? null : body, {
        status: response.status,
        statusText: response.statusText,
        headers: response.headers,
      });
    }, signal ?? undefined);
  }

  /**
   * As `raw`, then parses JSON.
   *
   * @throws {StatusError} for an answer other than 2xx
   */
  async json<T>(path: string, init: RawInit = {}): Promise<T> {
    const response = await this.raw(path, init);
    const what = nameOf(init.method, path);
    const text = await response.text();
    if (!response.ok) throw statusErrorOf(what, response, text);
    return parseJson<T>(text, what);
  }

  /**
   * Sends a request and hands out the answer with its live body: for streams. The deadline covers
   * the head; afterwards only `init.signal` ends it. The caller must read or cancel the body.
   *
   * @param path starts with `/`, with its query
   */
  async open(path: string, init: RawInit = {}): Promise<Response> {
    const { timeoutMs = this.#timeoutMs, signal, ...rest } = init;
    const what = nameOf(rest.method, path);
    signal?.throwIfAborted();
    const late = new AbortController();
    const ended = signal ? AbortSignal.any([signal, late.signal]) : late.signal;
    return await withDeadline(timeoutMs, `get an answer to ${what}`, async (live) => {
      const onLate = (): void => late.abort(live.reason);
      live.addEventListener("abort", onLate, { once: true });
      const response = await this.#send(path, rest, ended);
      live.removeEventListener("abort", onLate);
      if (live.aborted) await response.body?.cancel(); // The transport did not heed its signal
      return response;
    }, signal ?? undefined);
  }

  /** Calls, and parses the answer. */
  async call<T>(
    method: string,
    path: string,
    options: CallOptions,
    body?: unknown,
    contentType?: string,
  ): Promise<T> {
    const text = await this.text(method, path, options, body, contentType);
    return parseJson<T>(text, nameOf(method, path));
  }

  /** Calls; anything but 2xx is thrown. @returns the answer as text */
  async text(
    method: string,
    path: string,
    { signal, timeoutMs = this.#timeoutMs }: CallOptions,
    body?: unknown,
    contentType = "application/json",
  ): Promise<string> {
    const what = nameOf(method, path);
    const init: RequestInit = body === undefined ? { method } : {
      method,
      body: JSON.stringify(body),
      headers: { "Content-Type": contentType },
    };
    return await withDeadline(timeoutMs, `finish ${what}`, async (live) => {
      for (let tries = 0;; tries++) {
        const response = await this.#send(path, init, live);
        const text = decoder.decode(await this.#read(what, response, live));
        if (response.ok) return text;
        const error = statusErrorOf(what, response, text);
        // Refused before anything was done (API Priority and Fairness): safe for every method
        const waitSeconds = error.status.details?.retryAfterSeconds ?? 1;
        const busy = response.status === 429 && waitSeconds * 1000 < timeoutMs;
        if (!busy || tries >= MAX_BUSY_RETRIES) throw error;
        await delay(waitSeconds * 1000, live);
      }
    }, signal);
  }

  async #send(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
    const headers = new Headers(init.headers);
    if (!headers.has("Accept")) headers.set("Accept", "application/json"); // Never a Table
    headers.set("User-Agent", this.#userAgent);
    return await this.#transport(new Request(ORIGIN + path, { ...init, headers, signal }));
  }

  async #read(
    what: string,
    response: Response,
    signal: AbortSignal,
  ): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await readBody(response.body, this.#maxBodyBytes, signal);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof BodyTooLargeError) throw cause;
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw new BodyError(`The answer to ${what} broke off: ${detail}`, { cause });
    }
  }
}
