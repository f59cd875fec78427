/**
 * Requests of the hub to the agent itself (target `agent`), such as fresh credentials.
 *
 * @module
 */
import { failure } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { replyStatus } from "./reply.ts";

/** Answers a control request; a plain fetch handler. */
export type ControlHandler = (request: Request) => Promise<Response>;

/** Others are no requests of the fetch standard (`CONNECT`), or none that a handler has a use for. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

/** A control request's body is small: a sealed token has 1.7 KB. */
const MAX_BODY_BYTES = 64 * 1024;

/**
 * Hands a control request to its handler and sends the answer.
 *
 * @returns resolves when the answer is queued; never rejects
 */
export async function serveControl(
  stream: TunnelStream,
  handler: ControlHandler,
  log: Log,
): Promise<void> {
  const { method, path, headers } = stream.head;
  if (!METHODS.has(method)) {
    const shown = JSON.stringify(method.slice(0, 20));
    return replyStatus(stream, failure(405, `Cannot take a control request with method ${shown}`));
  }
  try {
    const body = await readAll(stream);
    if (body === undefined) {
      const message = `Cannot take a control request of more than ${MAX_BODY_BYTES} bytes`;
      return replyStatus(stream, failure(413, message));
    }
    const response = await handler(
      new Request(`http://agent${path}`, {
        method,
        headers,
        ...(method === "GET" || method === "HEAD" ? {} : { body }),
      }),
    );
    const answer = new Uint8Array(await response.arrayBuffer());
    stream.sendHead({
      status: response.status,
      statusText: response.statusText,
      headers: [...response.headers],
    });
    if (answer.length > 0 && method !== "HEAD") await stream.write(answer);
    stream.end();
  } catch (error) {
    if (stream.resetError !== undefined) return;
    log.error("Cannot serve a control request of the hub", { path, error });
    replyStatus(stream, failure(500, "The agent cannot serve this control request: see its log"));
  }
}

async function readAll(stream: TunnelStream): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (let chunk = await stream.read(); chunk !== null; chunk = await stream.read()) {
    total += chunk.length;
    if (total > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  const body = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}
