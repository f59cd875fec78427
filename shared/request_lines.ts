/**
 * Header lines beside a `Request`, whose `Headers` joins repeated lines with `", "`: one group that
 * holds a comma and two groups look the same there.
 *
 * @module
 */
import type { HeaderList } from "./headers.ts";

const lines = new WeakMap<Request, HeaderList>();

/**
 * Remembers the lines of a request for as long as it lives.
 *
 * @param of the lines as they came, or the request that this one was made of
 * @returns the request
 */
export function withLines(request: Request, of: HeaderList | Request): Request {
  const list = of instanceof Request ? lines.get(of) : of;
  if (list !== undefined) lines.set(request, list);
  return request;
}

/**
 * The lines of a request as they came.
 *
 * @returns `undefined` when nobody remembered them: the request came by no wire
 */
export function linesOf(request: Request): HeaderList | undefined {
  return lines.get(request);
}
