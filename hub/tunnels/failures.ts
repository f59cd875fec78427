/**
 * What a user is told when a request cannot go through: an HTTP status, a Kubernetes `Status`, the
 * same sentence as a `Warning` header, and `Retry-After` only where a second try in a second helps.
 *
 * @module
 */
import { type ServerResponse, STATUS_CODES } from "node:http";
import { type HeaderList, headerValues, toRaw } from "../../shared/headers.ts";
import { failure, type Status, StatusError, warningValue } from "../../shared/kube/status.ts";
import { HeadError, ResetCode, SessionError, StreamError } from "../../shared/tunnel/errors.ts";
import type { RequestHead, ResponseHead } from "../../shared/tunnel/head.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import type { TunnelRegistry } from "./registry.ts";

/** A request that the hub answers itself. */
export class ProxyFailure extends StatusError {
  /** Whether the client may try again in a second. */
  readonly retry: boolean;

  /**
   * Makes a failure to answer with.
   *
   * @param retry adds `Retry-After: 1`
   */
  constructor(status: Status, retry = false, options?: ErrorOptions) {
    super(status, options);
    this.retry = retry;
  }

  /**
   * The answer's head lines and body.
   *
   * @param close adds `Connection: close`
   */
  render(close: boolean): { headers: HeaderList; body: Uint8Array } {
    const body = new TextEncoder().encode(JSON.stringify(this.status));
    const headers: HeaderList = [
      ["Content-Type", "application/json"],
      ["Content-Length", String(body.length)],
      ["Warning", warningValue(this.message)],
    ];
    if (this.retry) headers.push(["Retry-After", "1"]);
    if (close) headers.push(["Connection", "close"]);
    return { headers, body };
  }
}

/**
 * Answers with a failure.
 *
 * @param res no head was written yet
 * @param close the connection is not to be used again, since part of the request is unread
 */
export function replyFailure(res: ServerResponse, error: ProxyFailure, close: boolean): void {
  const { headers, body } = error.render(close);
  // With a phrase of its own: node would take one that it refused a moment ago
  res.writeHead(error.code, STATUS_CODES[error.code] ?? "Error", toRaw(headers));
  res.end(body);
}

/** What is needed to open a stream. */
export interface OpenContext {
  /** Who is connected. */
  registry: TunnelRegistry;
  /** Whether a cluster of that id is registered. */
  known: (clusterId: string) => boolean;
  /** The cluster to reach. */
  clusterId: string;
}

/**
 * Opens a stream in the cluster's session.
 *
 * @returns the stream
 * @throws {ProxyFailure} 404, 503, 429, 431 or 400
 */
export function openStream(
  { registry, known, clusterId }: OpenContext,
  head: RequestHead,
): TunnelStream {
  const session = registry.session(clusterId);
  if (session === undefined) {
    if (!known(clusterId)) {
      throw new ProxyFailure(failure(
        404,
        `Cluster ${clusterId} is not registered with this hub: \`kubectl get managedclusters -A\` ` +
          "lists the ids",
        { name: clusterId, group: "proxies.clusternet.io", kind: "sockets" },
      ));
    }
    throw absent(registry, clusterId);
  }
  try {
    return session.open(head);
  } catch (cause) {
    if (cause instanceof HeadError) {
      const code = cause.message.includes("bytes") ? 431 : 400;
      throw new ProxyFailure(failure(code, cause.message), false, { cause });
    }
    if (!(cause instanceof SessionError)) throw cause;
    if (cause.code === "too-many-streams") {
      throw new ProxyFailure(
        failure(
          429,
          `The tunnel of cluster ${clusterId} carries as many requests as it may: end some ` +
            "watches or logs, or try again",
        ),
        true,
        { cause },
      );
    }
    if (cause.code === "closed") throw absent(registry, clusterId);
    throw new ProxyFailure(
      failure(503, `The agent of cluster ${clusterId} is about to reconnect: try again`),
      true,
      { cause },
    );
  }
}

/** No session: 503, and how long it has been so. */
function absent(registry: TunnelRegistry, clusterId: string): ProxyFailure {
  const { disconnectedAt, reason } = registry.lastSeen(clusterId);
  const since = disconnectedAt === undefined
    ? "since this hub started"
    : `since ${new Date(disconnectedAt).toISOString()} (${reason ?? "unknown reason"})`;
  const due = registry.returnDue(clusterId);
  return new ProxyFailure(
    failure(
      503,
      due
        ? `The agent of cluster ${clusterId} is reconnecting: try again in a few seconds`
        : `No agent of cluster ${clusterId} is connected, ${since}: check the agent in that ` +
          "cluster (its pod in namespace clusternet-system, or the terminal of join --run) and its " +
          "way to this parent",
    ),
    due,
  );
}

/** Methods that may be sent twice without a second thought. */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Why no answer came on a stream.
 *
 * @param error what `responseHead` rejected with
 * @param waitedMs for a timeout: how long was waited
 * @returns 502, 503, 504 or 403
 */
export function noAnswer(
  error: unknown,
  { clusterId, method, waitedMs }: { clusterId: string; method: string; waitedMs: number },
): ProxyFailure {
  const options = { cause: error };
  const code = error instanceof StreamError ? error.code : ResetCode.INTERNAL_ERROR;
  const reason = error instanceof StreamError && error.reason !== "" ? `: ${error.reason}` : "";
  switch (code) {
    case ResetCode.TIMEOUT:
      return new ProxyFailure(
        failure(
          504,
          `Cluster ${clusterId} did not answer within ${waitedMs / 1000} s: check its ` +
            "kube-apiserver, or raise --response-timeout of the hub",
        ),
        false,
        options,
      );
    case ResetCode.SESSION_CLOSED: {
      // A safe request may be sent again by itself; of another one nobody knows whether it was done
      const safe = SAFE.has(method);
      return new ProxyFailure(
        failure(
          safe ? 503 : 502,
          `The tunnel of cluster ${clusterId} was lost before the answer came: ` +
            (safe
              ? "try again"
              : "the request may have been carried out; look before you repeat it"),
        ),
        safe,
        options,
      );
    }
    case ResetCode.REFUSED_STREAM:
      return new ProxyFailure(
        failure(503, `The agent of cluster ${clusterId} takes no request now${reason}: try again`),
        true,
        options,
      );
    case ResetCode.TARGET_DENIED:
    case ResetCode.IDENTITY_DENIED:
      return new ProxyFailure(
        failure(403, `The agent of cluster ${clusterId} refuses the request${reason}`),
        false,
        options,
      );
    default:
      return new ProxyFailure(
        failure(
          502,
          `The agent of cluster ${clusterId} broke the request off${reason}: its log says why`,
        ),
        false,
        options,
      );
  }
}

/** Header lines of an answer; the tunnel bounds its head to 64 KiB. */
const MAX_HEADER_LINES = 1_000;

/**
 * Refuses the head of an answer that no server has reason to send: whoever it is passed on to may
 * be less careful.
 *
 * @throws {ProxyFailure} 502
 */
export function checkAnswer(clusterId: string, { statusText, headers }: ResponseHead): void {
  if (headers.length > MAX_HEADER_LINES) {
    throw new ProxyFailure(failure(
      502,
      `The answer of cluster ${clusterId} has ${headers.length} header lines; at most ` +
        `${MAX_HEADER_LINES} are passed on`,
    ));
  }
  const odd = (text: string): boolean => NOT_IN_VALUE.test(text) || OUTER_SPACE.test(text);
  if (NOT_IN_VALUE.test(statusText) || headers.some(([, value]) => odd(value))) {
    throw new ProxyFailure(
      failure(
        502,
        `The head of the answer of cluster ${clusterId} holds control characters or outer spaces`,
      ),
    );
  }
  // Whoever reads it otherwise than this hub takes the rest for the next answer on the connection,
  // which may be another user's (RFC 9112 section 11.1)
  const lengths = headerValues(headers, "content-length");
  if (lengths.length > 1 || lengths.some((length) => !LENGTH.test(length))) {
    throw new ProxyFailure(
      failure(502, `The answer of cluster ${clusterId} has a Content-Length that cannot be read`),
    );
  }
}

const OUTER_SPACE = /^[\t ]|[\t ]$/;
const LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;
/** What is no octet of a header value or a phrase (RFC 9110 section 5.5, RFC 9112 section 4). */
const NOT_IN_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/**
 * A redirect must not reach the user: kube-apiserver answers 502 to any 3xx with `Location` from an
 * aggregated server (CVE-2022-3172), and following it here would let a child send the hub's users
 * elsewhere.
 *
 * @param location the header's value
 * @returns 502 that names it without its query
 */
export function redirected(clusterId: string, status: number, location: string): ProxyFailure {
  const where = location.split(/[?#]/, 1)[0]!.slice(0, 200);
  return new ProxyFailure(failure(
    502,
    `The server in cluster ${clusterId} answers ${status} and redirects to ${where}: redirects do ` +
      "not pass; ask for that path yourself",
  ));
}
