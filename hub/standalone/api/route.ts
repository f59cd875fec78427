/**
 * Finds what serves a request for a resource, or says in kube-apiserver's words why nothing does.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/installer.go` (routes of built-in kinds),
 * k8s.io/apiextensions-apiserver `pkg/apiserver/customresource_handler.go` (custom kinds)
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, methodNotAllowed, notFound, pathNotFound, qualified } from "../errors.ts";
import { type ApiKind, resourceKey, type Verb } from "../kinds/kind.ts";
import { KINDS } from "../kinds/kinds.ts";
import { goQuote } from "../go_text.ts";
import { isReview } from "../writes/virtual_requests.ts";
import { type ParsedRequest, pathSegmentFault } from "./parse_request_info.ts";
import type { ResourceRequest } from "./request_info.ts";

/** A path that no group serves: not a `Status`, but what the server's mux says. */
export class PageNotFound extends Error {
  /** Tells it from other errors. */
  override readonly name = "PageNotFound";
}

/** A request for a resource, with its method. */
export interface RouteRequest {
  readonly method: string;
  readonly info: ResourceRequest;
  readonly unserved: ParsedRequest["unserved"];
}

/**
 * Nobody serves that resource.
 *
 * @returns the error to throw
 */
export function unknownResource({ group }: Pick<ResourceRequest, "group">): Error {
  const builtIn = group === "" || KINDS.some((kind) => kind.group === group && !kind.custom);
  return builtIn ? pathNotFound() : new PageNotFound("404 page not found");
}

/**
 * Nobody serves that path.
 *
 * @returns the error to throw
 */
export function unknownPath(path: string): Error {
  const [prefix, group = ""] = path.replace(/^\//, "").split("/");
  if (prefix === "api") return pathNotFound();
  return prefix === "apis" && group !== ""
    ? unknownResource({ group })
    : new PageNotFound("404 page not found");
}

/** What the path leads to. */
type Shape = "collection" | "everywhere" | "object" | "subresource";

function shapeOf(kind: ApiKind, { namespace, name, subresource }: ResourceRequest): Shape {
  if (resourceKey(kind) !== "namespaces") {
    if (!kind.namespaced && namespace !== "") throw unknownResource(kind);
    if (kind.namespaced && namespace === "") {
      // Only the objects of all namespaces together
      if (name !== "" || isReview(kind)) throw unknownResource(kind);
      return "everywhere";
    }
  }
  if (name === "") return "collection";
  return subresource === "" ? "object" : "subresource";
}

const OF_COLLECTION: readonly Verb[] = ["create", "deletecollection", "list", "watch"];
const EVERYWHERE: readonly Verb[] = ["list", "watch"];
const OF_OBJECT: readonly Verb[] = ["delete", "get", "patch", "update"];

function verbsOf(kind: ApiKind, shape: Shape, subresource: string): readonly Verb[] {
  if (shape === "subresource") {
    return kind.subresources.find(({ name }) => name === subresource)?.verbs ?? [];
  }
  const verbs = { collection: OF_COLLECTION, everywhere: EVERYWHERE, object: OF_OBJECT }[shape];
  return verbs.filter((verb) => kind.verbs.includes(verb));
}

function checkBuiltIn(kind: ApiKind, shape: Shape, { method, info, unserved }: RouteRequest): void {
  const verbs = verbsOf(kind, shape, info.subresource);
  if (verbs.length === 0 || unserved === "path") throw unknownResource(kind);
  if (unserved === "method" || method === "HEAD" || !verbs.includes(info.verb)) {
    throw methodNotAllowed();
  }
}

function checkCustom(kind: ApiKind, shape: Shape, { info, unserved }: RouteRequest): void {
  const { verb, name, subresource } = info;
  if (subresource !== "" && !kind.subresources.some((one) => one.name === subresource)) {
    throw notFound(kind, name);
  }
  if (unserved === "path") throw notFound(kind, name);
  const verbs = verbsOf(kind, shape, subresource);
  if (unserved === undefined && verbs.includes(verb)) return;
  if (shape === "everywhere") throw unknownResource(kind);
  if (unserved === undefined && shape === "collection") throw badRequest("name must be provided");
  const asked = unserved === "method" ? "" : verb;
  const message = `${asked} is not supported on resources of kind "${qualified(kind)}"`;
  const { group, plural } = kind;
  throw new StatusError(failure(405, message, { group, kind: plural }));
}

/** A name as one part of a path. */
function checkName({ name }: ResourceRequest): void {
  const fault = pathSegmentFault(name);
  if (fault !== undefined) {
    throw badRequest(`Name parameter invalid: ${goQuote(name)}: ${fault}`);
  }
}

/**
 * Checks that a kind serves what is asked of it.
 *
 * @throws {StatusError} 400, 404 or 405
 * @throws {PageNotFound} for a path that no group serves
 */
export function checkRoute(kind: ApiKind, route: RouteRequest): void {
  const shape = shapeOf(kind, route.info);
  if (kind.custom) checkCustom(kind, shape, route);
  else checkBuiltIn(kind, shape, route);
  checkName(route.info);
}
