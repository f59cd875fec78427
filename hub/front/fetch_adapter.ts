/**
 * Serves a node request with a fetch handler: `(Request) => Promise<Response>`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { fromRaw } from "../../shared/headers.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { withLines } from "../../shared/request_lines.ts";

/** Host in the URL that handlers see; nothing reads it. */
const ORIGIN = "https://hub.invalid";
/** How long, and how far, a body that nobody wants is read on. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 16 * 1024 * 1024;

/**
 * Makes a `Request`. Its signal aborts when the caller goes away before the answer is out; its
 * header lines are kept beside it ({@linkcode withLines}).
 *
 * @param signal ends with the caller's connection
 * @returns the request, its body streaming
 * @throws {StatusError} 400 when the URL parser would change the path: what was authorised must
 * be what is served; or for an `Impersonate-*` header that fetch cannot carry
 */
export function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const target = incoming.url ?? "/";
  const url = new URL(ORIGIN + target);
  const question = target.indexOf("?");
  if (url.pathname !== (question < 0 ? target : target.slice(0, question))) {
    throw StatusError.of(400, "Cannot serve this path: it holds dot segments or odd characters");
  }
  const headers = new Headers();
  const lines = fromRaw(incoming.rawHeaders);
  for (const [name, value] of lines) {
    try {
      headers.append(name, value);
    } catch {
      // Nobody here reads a header that fetch cannot carry, but for these
      if (!name.toLowerCase().startsWith("impersonate-")) continue;
      throw StatusError.of(400, `Cannot read header ${JSON.stringify(name.slice(0, 60))}`);
    }
  }
  const method = incoming.method ?? "GET";
  const bodiless = method === "GET" || method === "HEAD";
  const body = bodiless ? null : bodyOf(incoming);
  const init: RequestInit & { duplex?: "half" } = { method, headers, signal, body };
  if (body !== null) init.duplex = "half";
  return withLines(new Request(url, init), lines);
}

/**
 * The body as a stream. To cancel it only stops the reading: the runtime's own adapter would
 * destroy the connection, and with it the answer that says what was wrong.
 */
function bodyOf(incoming: IncomingMessage): ReadableStream<Uint8Array> {
  const source = Readable.prototype.iterator.call(incoming, { destroyOnReturn: false });
  return new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      const { done, value } = await source.next();
      if (done) controller.close();
      else controller.enqueue(value as Uint8Array);
    },
    async cancel(): Promise<void> {
      await source.return?.();
    },
  }, { highWaterMark: 0 });
}

/**
 * Throws away what is still to come of a body, for a while: a connection that is closed with bytes
 * unread is reset, and the caller may never see the answer (RFC 9112 section 9.6).
 */
function lingered(incoming: IncomingMessage): Promise<void> {
  if (incoming.complete || incoming.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    let bytes = 0;
    const onData = (chunk: Uint8Array): void => {
      bytes += chunk.length;
      if (bytes > LINGER_BYTES) done();
    };
    const timer = setTimeout(() => done(), LINGER_MS);
    const done = (): void => {
      clearTimeout(timer);
      for (const event of ["end", "error", "close"]) incoming.off(event, done);
      incoming.off("data", onData);
      resolve();
    };
    for (const event of ["end", "error", "close"]) incoming.once(event, done);
    incoming.on("data", onData);
    incoming.resume();
  });
}

/** Waits until a writable takes more, or is gone. */
function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off("drain", done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    if (signal.aborted) return resolve();
    response.once("drain", done);
    signal.addEventListener("abort", done, { once: true });
  });
}

/**
 * Writes a `Response`, with backpressure.
 *
 * @param options `signal` aborts when the caller is gone, the body is cancelled then; `unread` is
 * awaited before the answer ends
 * @returns resolves when all is handed to the socket
 */
export async function writeResponse(
  response: Response,
  outgoing: ServerResponse,
  options: { method: string; close: boolean; signal: AbortSignal; unread?: () => Promise<void> },
): Promise<void> {
  const { method, close, signal, unread } = options;
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  if (close) headers.push("Connection", "close");
  outgoing.writeHead(response.status, headers);
  const reader = response.body?.getReader();
  if (reader === undefined || method === "HEAD") {
    await reader?.cancel();
    return void outgoing.end();
  }
  outgoing.flushHeaders(); // A watch may be silent for long
  const onAbort = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) break;
      if (value.length === 0) continue; // A chunk of nothing would be the end of the body
      if (!outgoing.write(value)) await drained(outgoing, signal);
    }
    await unread?.();
    outgoing.end();
  } catch {
    outgoing.destroy(); // A body that broke off must not look complete
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Serves one request.
 *
 * @param handler gets the request; must not throw for what a caller can cause
 * @throws {StatusError} 400 for a path or header that fetch cannot carry; whatever the handler throws
 */
export async function serveFetch(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  handler: (request: Request) => Promise<Response>,
): Promise<void> {
  const controller = new AbortController();
  const onClose = (): void => {
    if (!outgoing.writableFinished) controller.abort(new DOMException("gone", "AbortError"));
  };
  outgoing.once("close", onClose);
  try {
    const method = incoming.method ?? "GET";
    const response = await handler(toRequest(incoming, controller.signal));
    const close = !incoming.complete;
    const unread = close ? () => lingered(incoming) : undefined;
    await writeResponse(response, outgoing, {
      method,
      close,
      signal: controller.signal,
      ...(unread === undefined ? {} : { unread }),
    });
  } finally {
    outgoing.off("close", onClose);
  }
}
