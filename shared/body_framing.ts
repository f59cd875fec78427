/**
 * How a message's body is framed, read from its head. In the tunnel a body of unknown length is
 * marked by one `Transfer-Encoding` line, which both ends take off again.
 *
 * @module
 */
import { header, headerValues } from "./headers.ts";

/** What a head says of its body. */
export type BodyFraming =
  | { kind: "none" }
  /** `length` is above 0. */
  | { kind: "known"; length: number }
  | { kind: "chunked" };

/**
 * Reads the framing of a request's body (RFC 9112 section 6.3).
 *
 * @param headers the request's
 * @returns the framing, or `undefined` when the head contradicts itself: passed on, such a request
 * could hide another one behind it
 */
export function bodyFraming(
  headers: readonly (readonly [string, string])[],
): BodyFraming | undefined {
  const lengths = new Set(headerValues(headers, "content-length"));
  if (header(headers, "transfer-encoding") !== undefined) {
    return lengths.size === 0 ? { kind: "chunked" } : undefined;
  }
  if (lengths.size === 0) return { kind: "none" };
  const [text] = lengths as unknown as [string];
  if (lengths.size > 1 || !/^[0-9]{1,15}$/.test(text)) return undefined;
  return Number(text) === 0 ? { kind: "none" } : { kind: "known", length: Number(text) };
}

/**
 * The length that a response's head promises, to be held against what comes.
 *
 * @param headers the response's
 * @returns `undefined` without a single valid `Content-Length`
 */
export function promisedLength(
  headers: readonly (readonly [string, string])[],
): number | undefined {
  const [text, ...more] = headerValues(headers, "content-length");
  return text !== undefined && more.length === 0 && /^[0-9]{1,15}$/.test(text)
    ? Number(text)
    : undefined;
}

/**
 * Whether an answer has no body whatever its headers say (RFC 9110 section 6.4.1).
 *
 * @param method of the request
 * @param status of the answer
 * @returns `true` when it has none
 */
export function isBodiless(method: string, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}
