/**
 * Reads what a request is about from its method and URL, once: what is authorized is what is
 * served.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/request/requestinfo.go`,
 * k8s.io/apimachinery `pkg/api/validation/path/name.go`
 *
 * @module
 */
import type { Attributes } from "../auth/types.ts";
import { badRequest } from "../errors.ts";
import type { Verb } from "../kinds/kind.ts";
import type { RequestInfo } from "./request_info.ts";

/** A request, read. */
export interface ParsedRequest {
  /** What it is about. */
  readonly info: RequestInfo;
  /** What the authorizer is asked. */
  readonly attributes: Attributes;
  /** Its URL; of the old `/watch/` paths, the list that they watch. */
  readonly url: URL;
  /**
   * Why no resource serves it: a part of the path follows the subresource, namespaces stand in a
   * namespace, the method is none of a resource, or the path begins with two slashes.
   */
  readonly unserved: "path" | "method" | "page" | undefined;
}

const MAX_PATH = 8192;
const METHODS: Readonly<Record<string, Verb>> = {
  POST: "create",
  GET: "get",
  HEAD: "get",
  PUT: "update",
  PATCH: "patch",
  DELETE: "delete",
};
const NAMESPACE_SUBRESOURCES = new Set(["status", "finalize"]);

/**
 * The path of a URL as it came. `URL` would resolve dot segments, and so make another resource
 * of it.
 */
function rawPathOf(url: string): string {
  const afterScheme = url.indexOf("://");
  const start = url.indexOf("/", afterScheme < 0 ? 0 : afterScheme + 3);
  if (start < 0) return "/";
  const end = url.slice(start).search(/[?#]/);
  return end < 0 ? url.slice(start) : url.slice(start, start + end);
}

function decodePath(raw: string): string {
  if (raw.length > MAX_PATH) {
    throw badRequest(`the path of the request is longer than ${MAX_PATH} bytes`);
  }
  let path: string;
  try {
    path = decodeURIComponent(raw);
  } catch {
    throw badRequest("the path of the request holds an invalid escape");
  }
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(path)) {
    throw badRequest("the path of the request may not contain control characters");
  }
  return path;
}

/**
 * Says why a name cannot be one segment of a path.
 *
 * @returns the fault in kube-apiserver's words, or `undefined`
 */
export function pathSegmentFault(name: string): string | undefined {
  if (name === "." || name === "..") return `may not be '${name}'`;
  if (name.includes("/")) return "may not contain '/'";
  if (name.includes("%")) return "may not contain '%'";
  return undefined;
}

/**
 * Reads a boolean of a query as Kubernetes does: anything but `false` and `0` is true.
 *
 * @param value `null` when it is not given
 */
export function queryBoolean(value: string | null): boolean {
  return value !== null && value.toLowerCase() !== "false" && value !== "0";
}

/** A list of one object by its name may be granted by that name. */
function selectedName(url: URL): string {
  const terms = (url.searchParams.get("fieldSelector") ?? "").split(",");
  for (const term of terms) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term);
    if (match?.[1] !== undefined && pathSegmentFault(match[1]) === undefined) return match[1];
  }
  return "";
}

function nonResource(method: string, path: string, url: URL): ParsedRequest {
  const verb = method.toLowerCase();
  return {
    info: { isResource: false, verb, path },
    attributes: { isResource: false, verb, path },
    url,
    unserved: undefined,
  };
}

interface Parts {
  namespace: string;
  resource: string;
  name: string;
  subresource: string;
  /** Whether no resource stands at such a path. */
  astray: boolean;
}

/** `[namespaces, ns,] resource [, name [, subresource]]` */
function readParts(parts: readonly string[]): Parts {
  let rest = parts;
  let namespace = "";
  if (parts[0] === "namespaces" && parts.length > 1) {
    namespace = parts[1] ?? "";
    if (parts.length > 2 && !NAMESPACE_SUBRESOURCES.has(parts[2] ?? "")) rest = parts.slice(2);
  }
  const [resource = "", name = "", subresource = ""] = rest;
  // Else a right in one namespace would be one over all namespaces
  const nested = rest !== parts && resource === "namespaces";
  return { namespace, resource, name, subresource, astray: nested || rest.length > 3 };
}

function verbOf(method: string, name: string, url: URL): Verb | undefined {
  const verb = METHODS[method];
  if (name !== "") return verb;
  if (verb === "get") return queryBoolean(url.searchParams.get("watch")) ? "watch" : "list";
  return verb === "delete" ? "deletecollection" : verb;
}

/**
 * Reads a request.
 *
 * @param method HTTP method, upper case
 * @param href absolute URL as it came; dot segments in it are names, not directions
 * @throws {StatusError} 400 for a path that is none
 */
export function parseRequestInfo(method: string, href: string): ParsedRequest {
  const path = decodePath(rawPathOf(href));
  const url = new URL(href);
  const parts = path.replace(/^\/+|\/+$/g, "").split("/");
  const [prefix] = parts;
  const grouped = prefix === "apis";
  if (prefix !== "api" && !grouped || parts.length < (grouped ? 4 : 3)) {
    return nonResource(method, path, url);
  }
  const group = grouped ? parts[1] ?? "" : "";
  const version = parts[grouped ? 2 : 1] ?? "";
  let rest = parts.slice(grouped ? 3 : 2);
  // Go answers 500 to a bare /watch; to us it is a path like another
  const watching = rest[0] === "watch" && rest.length > 1;
  if (watching) rest = rest.slice(1);
  const { namespace, resource, name, subresource, astray } = readParts(rest);
  const verb = watching ? "watch" : verbOf(method, name, url);
  if (watching && name !== "") url.searchParams.set("fieldSelector", `metadata.name=${name}`);
  const asked = name !== "" || verb !== "list" && verb !== "watch" ? name : selectedName(url);
  return {
    info: {
      isResource: true,
      verb: verb ?? "get",
      group,
      version,
      resource,
      subresource,
      namespace,
      name: watching ? "" : name,
      path,
    },
    attributes: {
      isResource: true,
      verb: verb ?? "",
      group,
      version,
      resource,
      subresource,
      namespace,
      name: asked,
    },
    url,
    unserved: path.startsWith("//")
      ? "page"
      : astray
      ? "path"
      : verb === undefined || watching && method !== "GET"
      ? "method"
      : undefined,
  };
}
