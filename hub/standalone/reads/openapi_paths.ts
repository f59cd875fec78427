/**
 * Serves OpenAPI documents. Each is rendered when it is asked for first.
 *
 * Source: k8s.io/kube-openapi `pkg/handler3/handler.go`
 *
 * @module
 */
import {
  type Document,
  jsonDocument,
  parseAccept,
  serveDocument,
  takesJson,
} from "../../api/negotiate.ts";
import { OPENAPI_PATHS, openApiV2, openApiV3 } from "../schema/openapi.ts";

const V3 = "/openapi/v3";

function hashOf({ etag }: Document): string {
  return etag.replaceAll('"', "");
}

/**
 * Makes the handler of `/openapi/...`.
 *
 * @param extra further v3 documents, by path without `/openapi/v3/`
 * @returns answers a path without a trailing slash, or gives `undefined` for others
 */
export function createOpenApi(
  extra: Readonly<Record<string, unknown>>,
): (request: Request, path: string) => Response | undefined {
  const paths = [...OPENAPI_PATHS, ...Object.keys(extra)].sort();
  const documents = new Map<string, Document>();
  const once = (path: string, value: () => unknown): Document => {
    let document = documents.get(path);
    if (document === undefined) documents.set(path, document = jsonDocument(value()));
    return document;
  };
  const v3 = (path: string): Document => once(path, () => extra[path] ?? openApiV3(path));
  const index = (): unknown => ({
    paths: Object.fromEntries(
      paths.map((path) => [path, { serverRelativeURL: `${V3}/${path}?hash=${hashOf(v3(path))}` }]),
    ),
  });
  const find = (path: string): Document | undefined => {
    if (path === "/openapi/v2") return once(path, openApiV2);
    if (path === V3) return once(path, index);
    const relative = path.startsWith(`${V3}/`) ? path.slice(V3.length + 1) : "";
    return paths.includes(relative) ? v3(relative) : undefined;
  };
  return (request, path) => {
    if (!path.startsWith("/openapi/")) return undefined;
    const document = find(path);
    if (document === undefined) return new Response(null, { status: 404 });
    if (!parseAccept(request.headers.get("accept")).some(takesJson)) {
      return new Response(null, { status: 406, headers: { "Vary": "Accept" } });
    }
    const hash = new URL(request.url).searchParams.get("hash");
    if (hash === null || path === V3 || path === "/openapi/v2") {
      return serveDocument(request, document);
    }
    if (hash !== hashOf(document)) {
      const location = `${path}?hash=${hashOf(document)}`;
      return new Response(null, { status: 301, headers: { "Location": location } });
    }
    const response = serveDocument(request, document);
    response.headers.set("Cache-Control", "public, immutable"); // The hash says it all
    return response;
  };
}

/** The paths that are served. */
export function openApiPaths(extra: Readonly<Record<string, unknown>>): string[] {
  const groups = [...OPENAPI_PATHS, ...Object.keys(extra)].map((path) => `${V3}/${path}`);
  return ["/openapi/v2", V3, ...groups];
}
