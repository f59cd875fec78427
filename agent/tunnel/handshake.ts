/**
 * The WebSocket handshake with the hub, as the relay does it for the native WebSocket: own request
 * head, checked answer, and a refusal's words.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { header, headerValues } from "../../shared/headers.ts";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import { writeAll } from "./connect.ts";
import { DialError } from "./dial_error.ts";
import { HeadReader, type HttpHead, HttpHeadError, statusOf } from "./http_head.ts";

/** What the request head holds. */
export interface HandshakeOptions {
  url: URL;
  /** Bearer token, without the word. */
  token?: string;
  userAgent: string;
  /** Of the native WebSocket. */
  key: string;
  signal: AbortSignal;
}

/** RFC 6455, section 1.3. */
const ACCEPT_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** How long a refusal's body may take. */
const BODY_MS = 2_000;
/** Longest `Retry-After` that is believed, in milliseconds. */
const MAX_RETRY_AFTER_MS = 60_000;

/**
 * Shakes hands.
 *
 * @param upstream the connection to the hub; after a refusal of no use any more
 * @returns the head to answer the native WebSocket with, and what came after the hub's
 * @throws {DialError} of stage `refused` with the HTTP status, or `protocol`
 */
export async function shakeHands(
  upstream: Deno.Conn,
  { url, token, userAgent, key, signal }: HandshakeOptions,
): Promise<{ answer: string; rest: Uint8Array }> {
  const secrets = token === undefined ? [] : [token];
  // Origin form, though the native WebSocket wrote the absolute form for a proxy: not every
  // middlebox takes that from a server's port
  const lines = [
    `GET ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    `User-Agent: ${userAgent}`,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
  ];
  const reader = new HeadReader(upstream);
  try {
    await writeAll(upstream, lines.join("\r\n") + "\r\n\r\n");
    let head = await reader.head();
    while (statusOf(head) < 200 && statusOf(head) !== 101) head = await reader.head();
    if (statusOf(head) !== 101) throw await refusal(reader, head, url, secrets, signal);
    return { answer: accepted(head, url, key), rest: reader.rest };
  } catch (cause) {
    if (cause instanceof DialError || signal.aborted) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const stage = cause instanceof HttpHeadError ? "protocol" : "connect";
    throw new DialError(stage, `Cannot open a tunnel to ${url.origin}: ${reason}`, { secrets });
  }
}

/** Checks a 101 and makes the head for the native WebSocket, without what it need not see. */
function accepted(head: HttpHead, url: URL, key: string): string {
  const fail = (what: string): DialError =>
    new DialError("protocol", `${url.origin} is no hub that this agent can talk to: ${what}`);
  const protocols = headerValues(head.headers, "sec-websocket-protocol");
  if (protocols.length !== 1 || protocols[0] !== SUBPROTOCOL) {
    throw fail(
      `it took the WebSocket without the subprotocol ${SUBPROTOCOL}. ` +
        "Is there a proxy in between that drops Sec-WebSocket-Protocol, or an older hub?",
    );
  }
  if (header(head.headers, "upgrade")?.toLowerCase() !== "websocket") {
    throw fail("its answer 101 does not upgrade to websocket");
  }
  if (header(head.headers, "sec-websocket-extensions") !== undefined) {
    throw fail("it wants WebSocket extensions that nobody offered");
  }
  // RFC 6455, section 4.1: the native client of Deno 2.9 does not look at it
  const accept = createHash("sha1").update(key + ACCEPT_GUID).digest("base64");
  if (header(head.headers, "sec-websocket-accept") !== accept) {
    throw fail("its Sec-WebSocket-Accept does not belong to this handshake");
  }
  return [
    "HTTP/1.1 101 Switching Protocols",
    "Connection: Upgrade",
    "Upgrade: websocket",
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}`,
    `Sec-WebSocket-Accept: ${accept}`,
  ].join("\r\n") + "\r\n\r\n";
}

async function refusal(
  reader: HeadReader,
  head: HttpHead,
  url: URL,
  secrets: string[],
  outer: AbortSignal,
): Promise<DialError> {
  const status = statusOf(head);
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), BODY_MS);
  const body = await reader.body(head, AbortSignal.any([limit.signal, outer]));
  clearTimeout(timer);
  const said = statusMessage(body) ?? advice(status);
  const line = head.startLine.replace(/^\S+ /, "");
  const retryAfter = Number(header(head.headers, "retry-after"));
  return new DialError("refused", `${url.origin} refused the tunnel: ${line}: ${said}`, {
    status,
    secrets,
    ...(retryAfter > 0
      ? { retryAfterMs: Math.min(retryAfter * 1000, MAX_RETRY_AFTER_MS) }
      : undefined),
  });
}

/** The message of a Kubernetes `Status`. */
function statusMessage(body: string): string | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== "object" || parsed === null || !("message" in parsed)) return undefined;
    const { message } = parsed;
    return typeof message === "string" && message !== "" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** For servers that do not say what is wrong. */
function advice(status: number): string {
  if (status >= 300 && status < 400) {
    return "redirects are not followed; give the server's own URL as --cluster-reg-parent-url";
  }
  switch (status) {
    case 401:
      return "the agent's token is not valid, or not any more";
    case 403:
      return "the agent's token does not allow to attach to this cluster's socket";
    case 404:
      return "the path is unknown there; is the hub installed and its APIService available?";
    case 429:
      return "the server is busy";
    case 503:
      return "the hub is not available";
    default:
      return "no reason given";
  }
}
