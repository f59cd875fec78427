/**
 * Content negotiation and conditional answers, as far as discovery and OpenAPI need them.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { failure, statusResponse } from "../../shared/kube/status.ts";

/** One clause of an `Accept` header. */
export interface MediaRange {
  /** Lower case, such as `application/json` or `application/*`. */
  type: string;
  /** Parameters but for `q`; names lower case. */
  params: Record<string, string>;
}

/**
 * Parses `Accept` (RFC 9110 section 12.5.1).
 *
 * @param accept absent or empty means anything
 * @returns the clauses, best first; those with `q=0` are left out
 */
export function parseAccept(accept: string | null): MediaRange[] {
  if (accept === null || accept.trim() === "") return [{ type: "*/*", params: {} }];
  const ranges = accept.split(",").slice(0, 50).map((clause) => {
    const [type = "", ...rest] = clause.split(";").map((part) => part.trim());
    const params: Record<string, string> = {};
    let q = 1;
    for (const part of rest) {
      const equals = part.indexOf("=");
      const name = part.slice(0, equals < 0 ? undefined : equals).toLowerCase();
      const value = equals < 0 ? "" : part.slice(equals + 1).replace(/^"(.*)"$/, "$1");
      if (name === "q") q = Number(value);
      else params[name] = value;
    }
    return { type: type.toLowerCase(), params, q };
  });
  return ranges.filter(({ q }) => q > 0).sort((a, b) => b.q - a.q)
    .map(({ type, params }) => ({ type, params }));
}

/** `true` when a clause takes plain JSON. */
export function takesJson({ type, params }: MediaRange): boolean {
  const json = type === "application/json" || type === "application/*" || type === "*/*";
  return json && params.as === undefined;
}

/** A document that never changes while the process runs. */
export interface Document {
  /** The whole text. */
  body: string;
  /** With its parameters. */
  contentType: string;
  /** Quoted, strong. */
  etag: string;
}

/**
 * Renders a document once.
 *
 * @returns the document with its ETag
 */
export function jsonDocument(value: unknown, contentType = "application/json"): Document {
  const body = JSON.stringify(value);
  const etag = `"${createHash("sha256").update(body).digest("hex").slice(0, 32).toUpperCase()}"`;
  return { body, contentType, etag };
}

/**
 * Answers with a document, or 304 when the caller has it.
 *
 * @returns the response
 */
export function serveDocument(request: Request, { body, contentType, etag }: Document): Response {
  const headers = { "ETag": etag, "Vary": "Accept", "Cache-Control": "no-cache, private" };
  const known = request.headers.get("if-none-match") ?? "";
  const tags = known.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
  if (tags.includes(etag) || tags.includes("*")) {
    return new Response(null, { status: 304, headers });
  }
  return new Response(body, { headers: { ...headers, "Content-Type": contentType } });
}

/**
 * Refuses a request whose `Accept` takes nothing that there is.
 *
 * @param types what can be had
 * @returns 406
 */
export function notAcceptable(types: readonly string[]): Response {
  return statusResponse(
    failure(406, `only the following media types are accepted: ${types.join(", ")}`),
  );
}
