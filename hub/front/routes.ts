/**
 * Which part of the hub serves a request, and what right it takes. Route and right come from the
 * same reading of the same bytes, so that no spelling is authorised as one thing and served as
 * another.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { fromRaw, headerValues } from "../../shared/headers.ts";
import {
  NOT_IN_TARGET,
  parseSocketsPath,
  SOCKETS_PREFIX,
  type SocketsPath,
  SocketsPathError,
} from "../../shared/sockets_path.ts";
import type { Attributes } from "./authorizer.ts";

/** A path of the grammar that is proxied into a child. */
export type ProxyPath = Extract<SocketsPath, { kind: "proxy" }>;

/** Where a request goes. */
export type Route =
  /** Served to anybody. */
  | { kind: "health" }
  /** Anything but `sockets/...`, where the hub is the Kubernetes API itself. */
  | { kind: "kube" }
  /** Discovery, OpenAPI, version, metrics, single health checks, `sockets/<id>`. */
  | { kind: "api"; attributes: Attributes }
  /** A cluster's agent opens its tunnel. */
  | { kind: "attach"; attributes: Attributes; clusterId: string }
  /** A user's request or upgrade for a child. */
  | { kind: "proxy"; attributes: Attributes; path: ProxyPath };

/** RBAC verb of each HTTP method, as kube-apiserver maps them; `OPTIONS` only matches `*`. */
const VERBS: Readonly<Record<string, string>> = {
  GET: "get",
  HEAD: "get",
  POST: "create",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
  OPTIONS: "",
};

const HEALTH = new Set(["/healthz", "/livez", "/readyz"]);
const COLLECTION = `/apis/${PROXIES_GROUP}/${PROXIES_VERSION}/sockets`;
const MAX_HEADERS = 1000;

/**
 * Refuses what node's parser lets through and no honest client sends.
 *
 * @throws {StatusError} 400, 405, 417, 431
 */
export function checkRequest(request: IncomingMessage): void {
  const headers = fromRaw(request.rawHeaders);
  if (headers.length > MAX_HEADERS) {
    throw StatusError.of(431, `Too many header lines: at most ${MAX_HEADERS} are read`);
  }
  const url = request.url ?? "";
  if (!url.startsWith("/") || NOT_IN_TARGET.test(url)) {
    throw StatusError.of(
      400,
      "Cannot read the request target: want a path in origin form (RFC 9112 section 3.2.1)",
    );
  }
  const hosts = headerValues(headers, "host").length;
  if (request.httpVersion !== "1.1" && !HEALTH.has(pathOf(url))) {
    throw StatusError.of(400, "Cannot serve this HTTP version: want HTTP/1.1");
  }
  if (hosts > 1 || (hosts === 0 && request.httpVersion === "1.1")) {
    throw StatusError.of(400, "Cannot read the request: want exactly one Host header");
  }
  const codings = headerValues(headers, "transfer-encoding");
  if (codings.length > 1 || (codings.length === 1 && codings[0]!.toLowerCase() !== "chunked")) {
    throw StatusError.of(400, 'Cannot read the body: want Transfer-Encoding "chunked" or none');
  }
  const expectations = headerValues(headers, "expect");
  if (expectations.some((value) => value.toLowerCase() !== "100-continue")) {
    throw StatusError.of(417, 'Cannot meet this expectation: want Expect "100-continue" or none');
  }
  if (VERBS[request.method ?? ""] === undefined) {
    throw StatusError.of(405, "Cannot serve this method");
  }
}

/**
 * Finds the route.
 *
 * @param method upper case
 * @param url raw request target
 * @param upgrade whether the connection is to be upgraded
 * @param embedded whether the hub is the Kubernetes API itself, and no parent stands before it
 * @returns the route
 * @throws {StatusError} 400, 404, 405
 */
export function routeOf(method: string, url: string, upgrade: boolean, embedded = false): Route {
  const path = pathOf(url);
  if (url.startsWith(SOCKETS_PREFIX)) return socketsRoute(method, url, upgrade);
  if (embedded && path !== COLLECTION) return { kind: "kube" };
  if (HEALTH.has(path)) return { kind: "health" };
  if (path === COLLECTION || path === `${COLLECTION}/`) {
    const verb = method === "GET" || method === "HEAD" ? "list" : VERBS[method] ?? "";
    return { kind: "api", attributes: { kind: "resource", verb, subresource: "", name: "" } };
  }
  return { kind: "api", attributes: { kind: "path", verb: method.toLowerCase(), path } };
}

function socketsRoute(method: string, url: string, upgrade: boolean): Route {
  let path: SocketsPath;
  try {
    path = parseSocketsPath(url);
  } catch (error) {
    if (error instanceof SocketsPathError) throw StatusError.of(error.status, error.message);
    throw error;
  }
  const name = path.clusterId;
  if (path.kind === "proxy") {
    const verb = upgrade ? "create" : VERBS[method] ?? "";
    const attributes: Attributes = { kind: "resource", verb, subresource: "proxy", name };
    return { kind: "proxy", attributes, path };
  }
  if (path.kind === "attach" || upgrade) {
    if (!upgrade || method !== "GET") {
      throw StatusError.of(
        400,
        "Cannot attach: want a GET that upgrades to WebSocket; only agents call this path",
      );
    }
    const attributes: Attributes = { kind: "resource", verb: "get", subresource: "attach", name };
    return { kind: "attach", attributes, clusterId: name };
  }
  const verb = VERBS[method] ?? "";
  return { kind: "api", attributes: { kind: "resource", verb, subresource: "", name } };
}

function pathOf(url: string): string {
  const question = url.indexOf("?");
  return question < 0 ? url : url.slice(0, question);
}
