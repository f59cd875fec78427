/**
 * Reading answers: bounded, and ended by a signal whatever the transport does.
 *
 * @module
 */
import { failure, type Status, StatusError } from "./status.ts";

/** Thrown when an answer is longer than it may be. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/**
 * Reads a body to its end.
 *
 * @param body the body; `null` reads as empty
 * @param maxBytes longest body, in bytes
 * @param signal ends the reading and frees the connection
 * @returns all bytes
 * @throws {BodyTooLargeError} past `maxBytes`; the signal's reason; what the body's source throws
 */
export async function readBody(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
  if (body === null) return new Uint8Array();
  const reader = body.getReader();
  const cancel = (): void => void reader.cancel(signal.reason).catch(() => {});
  if (signal.aborted) cancel();
  signal.addEventListener("abort", cancel, { once: true });
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    while (true) {
      const { done, value } = await reader.read();
      signal.throwIfAborted();
      if (done) break;
      length += value.byteLength;
      if (length > maxBytes) {
        cancel();
        throw new BodyTooLargeError(`Cannot read an answer of more than ${maxBytes} bytes`);
      }
      chunks.push(value);
    }
  } finally {
    signal.removeEventListener("abort", cancel);
  }
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/** @returns `value` when it is a `Status` */
export function asStatus(value: unknown): Status | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { kind, code, message } = value as Partial<Status>;
  if (kind !== "Status") return undefined;
  return {
    ...failure(500, ""),
    ...(value as Partial<Status>),
    code: typeof code === "number" ? code : 500,
    message: typeof message === "string" ? message : "",
  };
}

/**
 * Makes the error of an answer that is not 2xx: the server's own `Status`, or one with the
 * beginning of whatever text came.
 *
 * @param what names the call: `GET /api/v1/nodes`
 * @returns the error, to be thrown by the caller
 */
export function statusErrorOf(what: string, response: Response, text: string): StatusError {
  let status: Status | undefined;
  try {
    status = asStatus(JSON.parse(text));
  } catch {
    // Not JSON: a proxy or a load balancer answered
  }
  const retryAfter = Number(response.headers.get("retry-after") ?? NaN);
  const details = Number.isFinite(retryAfter) && retryAfter > 0
    ? { retryAfterSeconds: retryAfter, ...status?.details }
    : status?.details;
  if (status !== undefined && status.status !== "Success") {
    return new StatusError({
      ...status,
      code: response.status,
      message: status.message || `${what}: answered ${response.status}`,
      ...(details === undefined ? {} : { details }),
    });
  }
  const location = response.status >= 300 && response.status < 400
    ? "; redirects are not followed"
    : "";
  const excerpt = text.replace(/[^\x20-\x7e]+/g, " ").trim().slice(0, 200);
  return new StatusError(failure(
    response.status,
    `${what}: answered ${response.status}${location}${excerpt === "" ? "" : `: ${excerpt}`}`,
    details,
  ));
}
