/**
 * Answers of the embedded API: a `Status` as kube-apiserver renders it, and the headers that every
 * answer carries.
 *
 * @module
 */
import { type Status, type StatusError } from "../../../shared/kube/status.ts";

/** Only what is set, as Go's `omitempty`. */
function withoutEmpty(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(value).filter(([, field]) => field !== "" && field !== undefined),
  );
}

/**
 * A `Status` as an answer: no `Warning` header beside it, empty fields left out.
 *
 * @returns the response
 */
export function statusAnswer(status: Status, headers: HeadersInit = {}): Response {
  const { details, reason, ...rest } = status;
  const body = {
    ...rest,
    ...(reason === "" ? {} : { reason }),
    ...(details === undefined ? {} : { details: withoutEmpty({ ...details }) }),
  };
  const response = Response.json(body, { status: status.code, headers });
  const wait = details?.retryAfterSeconds;
  if (wait !== undefined) response.headers.set("Retry-After", String(wait));
  return response;
}

/** A refusal as an answer. */
export function errorAnswer(error: StatusError): Response {
  return statusAnswer(error.status);
}

/**
 * `Status` of a deletion that is done.
 *
 * @returns 200
 */
export function successAnswer(
  details: { name: string; group: string; kind: string; uid: string },
): Response {
  return Response.json({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: withoutEmpty(details),
  });
}

/** What the server's mux says of a path that nobody serves. */
export function pageNotFound(): Response {
  return new Response("404 page not found\n", {
    status: 404,
    headers: {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Content-Type-Options": "nosniff",
    },
  });
}

/** Puts the headers of every answer on one; of a `HEAD`, takes the body away. */
export function finishAnswer(response: Response, method: string, auditId: string): Response {
  if (method === "HEAD" && response.body !== null) {
    response.body.cancel().catch(() => {});
    response = new Response(null, response);
  }
  response.headers.set("Audit-Id", auditId);
  // The hub's own way to say a refusal twice is not kube-apiserver's
  if (response.status >= 400) response.headers.delete("Warning");
  if (!response.headers.has("Cache-Control")) {
    response.headers.set("Cache-Control", "no-cache, private");
  }
  return response;
}
