/**
 * Serves a node request with a fetch handler: `(Request) => Promise<Response>`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { fromRaw } from "../../shared/headers.ts";
import { StatusError } from "../../shared/kube/status.ts";

/** Host in the URL that handlers see; nothing reads it. */
const ORIGIN = "https://hub.invalid";

/**
 * Makes a `Request`. Its signal aborts when the caller goes away before the answer is out.
 *
 * @param signal ends with the caller's connection
 * @returns the request, its body streaming
 * @throws {StatusError} 400 when the URL parser would change the path: what was authorised must
 * be what is served
 */
export function toRequest(incoming: IncomingMessage, signal: AbortSignal): Request {
  const target = incoming.url ?? "/";
  const url = new URL(ORIGIN + target);
  const question = target.indexOf("?");
  if (url.pathname !== (question < 0 ? target : target.slice(0, question))) {
    throw StatusError.of(400, "Cannot serve this path: it holds dot segments or odd characters");
  }
  const headers = new Headers();
  for (const [name, value] of fromRaw(incoming.rawHeaders)) {
    try {
      headers.append(name, value);
    } catch {
      continue; // A header that fetch cannot carry, nobody here reads
    }
  }
  const method = incoming.method ?? "GET";
  const bodiless = method === "GET" || method === "HEAD";
  const body = bodiless ? null : Readable.toWeb(incoming) as ReadableStream<Uint8Array>;
  const init: RequestInit & { duplex?: "half" } = { method, headers, signal, body };
  if (body !== null) init.duplex = "half";
  return new Request(url, init);
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
 * @param signal aborts when the caller is gone; the body is cancelled then
 * @returns resolves when all is handed to the socket
 */
export async function writeResponse(
  response: Response,
  outgoing: ServerResponse,
  options: { method: string; close: boolean; signal: AbortSignal },
): Promise<void> {
  const { method, close, signal } = options;
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(name, value);
  if (close) headers.push("Connection", "close");
  outgoing.writeHead(response.status, headers);
  const reader = response.body?.getReader();
  if (reader === undefined || method === "HEAD") {
    await reader?.cancel();
    return void outgoing.end();
  }
  const onAbort = (): void => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted) break;
      if (!outgoing.write(value)) await drained(outgoing, signal);
    }
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
 * @throws {StatusError} 400 for a path that fetch cannot carry; whatever the handler throws
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
    await writeResponse(response, outgoing, { method, close, signal: controller.signal });
  } finally {
    outgoing.off("close", onClose);
  }
}
