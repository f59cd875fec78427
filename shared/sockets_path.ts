/**
 * The grammar of `/apis/proxies.clusternet.io/v1alpha1/sockets/...`. One place parses it: the
 * cluster id that is authorised is the one that is routed, in every spelling.
 *
 * | path after `sockets/` | meaning |
 * |---|---|
 * | `<id>` | information; the original's tunnel endpoint |
 * | `<id>/attach` | our tunnel endpoint |
 * | `<id>/proxy/direct/...` | the child's own kube-apiserver |
 * | `<id>/proxy/http/<host>/...`, `<id>/proxy/https/<host>/...` | another server in the child |
 * | `<id>/direct/...`, `<id>/http/<host>/...`, `<id>/https/<host>/...` | aliases without `proxy`: the parent cuts them at 60 s |
 *
 * In `<host>`, the brackets of an IPv6 address may be percent-encoded.
 *
 * @module
 */

import { leavesRoot } from "./leaves_root.ts";

export { leavesRoot };

/** Where every path of this grammar starts. */
export const SOCKETS_PREFIX = "/apis/proxies.clusternet.io/v1alpha1/sockets/";

/** What the hub asks the agent to reach. */
export type Target =
  | { kind: "direct" }
  /** `host` is `name`, `name:port`, `1.2.3.4:port` or `[v6]:port`, lower case. */
  | { kind: "http" | "https"; host: string };

/** A parsed path. */
export type SocketsPath =
  | { kind: "socket"; clusterId: string }
  | { kind: "attach"; clusterId: string }
  | {
    kind: "proxy";
    clusterId: string;
    /** `true` for the original's forms without `/proxy/`. */
    alias: boolean;
    target: Target;
    /** Starts with `/`; query included; bytes as the caller sent them. */
    path: string;
  };

/** A path outside the grammar; `status` is the HTTP status to answer with. */
export class SocketsPathError extends Error {
  /** Tells it from other errors. */
  override readonly name = "SocketsPathError";
  /** 400 or 404. */
  readonly status: number;

  /**
   * Says what is wrong with a path.
   *
   * @param status HTTP status to answer with
   */
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const CLUSTER_ID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9_]{0,61}[a-z0-9])?)*\.?$/;
const IPV6 = /^\[[0-9a-f:.]{2,45}\]$/;
/**
 * Control characters, space, backslash, fragment and non-ASCII never stand in a request target
 * (RFC 9112 section 3.2).
 */
// deno-lint-ignore no-control-regex
export const NOT_IN_TARGET: RegExp = /[\x00-\x20\x7f-\uffff\\#]/;

/**
 * Tells whether a string is a cluster id: a UUID in lower case.
 *
 * @returns `true` when it is
 */
export function isClusterId(text: string): boolean {
  return CLUSTER_ID.test(text);
}

/**
 * Validates `host[:port]` as it stands in a path or an allow-list.
 *
 * @returns the same in lower case
 * @throws {SocketsPathError} 400, for user info, a bad port, an empty or odd host
 */
export function parseHost(text: string): string {
  const lower = text.toLowerCase();
  const colon = lower.startsWith("[") ? lower.indexOf("]:") + 1 : lower.indexOf(":");
  const host = colon > 0 ? lower.slice(0, colon) : lower;
  const port = colon > 0 ? lower.slice(colon + 1) : undefined;
  const badPort = port !== undefined &&
    (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535);
  if (badPort || !(host.startsWith("[") ? IPV6 : HOST_NAME).test(host)) {
    throw new SocketsPathError(
      400,
      `Cannot read target host ${quote(text)}: want host or host:port`,
    );
  }
  return lower;
}

/**
 * Parses a raw request target.
 *
 * @param rawUrl as it stands in the request line, not decoded and not normalised
 * @returns what it asks for
 * @throws {SocketsPathError} 404 outside `sockets/` and for an unknown form, 400 when malformed
 *
 * @example
 * ```ts
 * import { parseSocketsPath, SOCKETS_PREFIX } from "./sockets_path.ts";
 * const id = "dc91021d-2361-4f6d-a404-7c33b9e01118";
 * const parsed = parseSocketsPath(`${SOCKETS_PREFIX}${id}/proxy/direct/api/v1/nodes?limit=5`);
 * if (parsed.kind !== "proxy" || parsed.path !== "/api/v1/nodes?limit=5") throw new Error();
 * ```
 */
export function parseSocketsPath(rawUrl: string): SocketsPath {
  if (!rawUrl.startsWith(SOCKETS_PREFIX)) {
    throw new SocketsPathError(
      404,
      `Cannot serve this path: it does not start with ${SOCKETS_PREFIX}`,
    );
  }
  if (NOT_IN_TARGET.test(rawUrl)) {
    throw new SocketsPathError(
      400,
      "Cannot read the path: it holds a character that must be encoded",
    );
  }
  const question = rawUrl.indexOf("?");
  const query = question < 0 ? "" : rawUrl.slice(question);
  const path = rawUrl.slice(SOCKETS_PREFIX.length, question < 0 ? undefined : question);
  const [clusterId, afterId] = cut(path);
  if (!isClusterId(clusterId)) {
    throw new SocketsPathError(
      400,
      `Cannot read cluster id ${quote(clusterId)}: want a UUID in lower case, as in ` +
        "`kubectl get managedclusters -A`",
    );
  }
  if (afterId === "" || afterId === "/") return { kind: "socket", clusterId };
  if (afterId === "/attach" || afterId === "/attach/") return { kind: "attach", clusterId };
  const [first, rest] = cut(afterId.slice(1));
  const alias = first !== "proxy";
  const [kind, afterKind] = alias ? [first, rest] : cut(rest.slice(1));
  return { kind: "proxy", clusterId, alias, ...parseProxied(kind, afterKind, query) };
}

/** Splits at the first slash; the second part keeps it. */
function cut(path: string): [first: string, rest: string] {
  const slash = path.indexOf("/");
  return slash < 0 ? [path, ""] : [path.slice(0, slash), path.slice(slash)];
}

function parseProxied(
  kind: string,
  rest: string,
  query: string,
): { target: Target; path: string } {
  if (kind === "direct") return { target: { kind }, path: rooted(rest) + query };
  if (kind === "http" || kind === "https") {
    const [host, path] = cut(rest.slice(1));
    return { target: { kind, host: parseHost(withBrackets(host)) }, path: rooted(path) + query };
  }
  throw new SocketsPathError(
    404,
    `Cannot serve sockets/<id>/${kind.slice(0, 40)}: want proxy/direct, proxy/http/<host>, ` +
      "proxy/https/<host> or attach",
  );
}

/**
 * Decodes brackets, and nothing else: kube-apiserver writes `[::1]:80` in a path anew, as
 * `%5B::1%5D:80` (net/url `EscapedPath`; RFC 3986 section 3.3 has no brackets in a segment).
 */
function withBrackets(host: string): string {
  return host.replace(/%5b/gi, "[").replace(/%5d/gi, "]");
}

/** Refuses a path that {@linkcode leavesRoot}; anything else passes with its bytes as they are. */
function rooted(path: string): string {
  if (path === "") return "/";
  if (leavesRoot(path)) {
    throw new SocketsPathError(400, 'Cannot serve the path: ".." leads out of the target');
  }
  return path;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}

/**
 * Writes a target as it travels in the tunnel.
 *
 * @returns `direct`, `http/<host>` or `https/<host>`
 */
export function formatTarget(target: Target): string {
  return target.kind === "direct" ? "direct" : `${target.kind}/${target.host}`;
}

/**
 * Reads what {@linkcode formatTarget} wrote; the agent does not trust the hub with it.
 *
 * @returns the target
 * @throws {SocketsPathError} 400
 */
export function parseTarget(text: string): Target {
  if (text === "direct") return { kind: "direct" };
  const match = /^(https?)\/(.+)$/.exec(text);
  if (match === null) throw new SocketsPathError(400, `Cannot read target ${quote(text)}`);
  return { kind: match[1] as "http" | "https", host: parseHost(match[2]!) };
}
