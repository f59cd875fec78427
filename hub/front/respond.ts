/**
 * Writes `Status` objects: as a response, or onto the raw socket of an upgrade that is refused.
 * The same sentence goes into a `Warning` header, since kubectl drops the `Status` message while
 * its discovery cache is cold.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { failure, type Status, StatusError, warningValue } from "../../shared/kube/status.ts";
import { redact } from "../../shared/log.ts";

/** How long a refused upgrade may take to read its answer. */
const LINGER_MS = 2_000;

const PHRASES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  417: "Expectation Failed",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/**
 * Turns anything thrown into a `Status`; what is not a {@linkcode StatusError} becomes a 500
 * without its text, which may hold what the caller must not see.
 *
 * @returns the `Status`
 */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  return failure(500, "The hub failed to serve this request: look at its log");
}

/** As kube-apiserver does for a refusal that tells when to come again. */
function retryAfter({ details }: Status): [string, string][] {
  const seconds = details?.retryAfterSeconds;
  return seconds === undefined ? [] : [["Retry-After", String(seconds)]];
}

function head(status: Status, body: Uint8Array, more: Record<string, string>): [string, string][] {
  return [
    ["Content-Type", "application/json"],
    ["Content-Length", String(body.byteLength)],
    ["Cache-Control", "no-cache, private"],
    ["Warning", warningValue(redact(status.message))],
    ...retryAfter(status),
    ...Object.entries(more),
  ];
}

/**
 * Answers a request. When its body was not read to the end the connection is closed after the
 * answer, so that the rest is not taken for another request.
 *
 * @param headers more headers, such as `Retry-After`
 */
export function sendStatus(
  request: IncomingMessage,
  response: ServerResponse,
  status: Status,
  headers: Record<string, string> = {},
): void {
  if (response.destroyed || response.writableEnded) return;
  if (response.headersSent) return void response.destroy();
  const body = new TextEncoder().encode(JSON.stringify(status) + "\n");
  const close: Record<string, string> = request.complete ? {} : { "Connection": "close" };
  // With a phrase of its own: node would take one that it refused a moment ago
  const phrase = PHRASES[status.code] ?? "Error";
  response.writeHead(status.code, phrase, head(status, body, { ...close, ...headers }).flat());
  response.end(request.method === "HEAD" ? undefined : body);
}

/** Bytes of a whole answer that ends its connection. */
function rawAnswer(status: Status, headers: Record<string, string>): Uint8Array {
  const encoder = new TextEncoder();
  const body = encoder.encode(JSON.stringify(status) + "\n");
  const lines = head(status, body, { "Connection": "close", ...headers })
    .map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const start = encoder.encode(
    `HTTP/1.1 ${status.code} ${PHRASES[status.code] ?? "Error"}\r\n${lines}\r\n`,
  );
  const answer = new Uint8Array(start.length + body.length);
  answer.set(start);
  answer.set(body, start.length);
  return answer;
}

/**
 * Answers on a raw socket, for a refused upgrade or an unreadable request, and closes it: politely
 * at first, since destroying it at once could take the answer along.
 *
 * @param headers more headers, such as `Retry-After`
 */
export function sendStatusRaw(
  socket: Duplex,
  status: Status,
  headers: Record<string, string> = {},
): void {
  socket.on("error", () => {});
  if (socket.destroyed || !socket.writable) return void socket.destroy();
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(timer));
  socket.once("end", () => socket.destroy());
  socket.resume(); // What the caller still sends is of no interest
  socket.end(rawAnswer(status, headers));
}
