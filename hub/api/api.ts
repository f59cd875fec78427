/**
 * Everything the hub answers itself, as one fetch handler: discovery, OpenAPI, version, health,
 * metrics, `sockets/<id>`. The public port authorises before it; the plain health port serves
 * only {@linkcode createHealthApi}.
 *
 * @module
 */
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import { failure, statusResponse } from "../../shared/kube/status.ts";
import { type MetricsRegistry, renderMetrics } from "../../shared/metrics.ts";
import { parseSocketsPath, SOCKETS_PREFIX, SocketsPathError } from "../../shared/sockets_path.ts";
import { VERSION } from "../../shared/version.ts";
import { discover, DISCOVERY_PATHS } from "./discovery.ts";
import type { Health } from "./health.ts";
import { jsonDocument, serveDocument } from "./negotiate.ts";
import { OpenApi } from "./openapi.ts";
import { type SocketInfo, socketResponse } from "./socket_info.ts";

/** Options of {@linkcode createApi}. */
export interface ApiOptions {
  /** Answers the health paths. */
  health: Health;
  /** What `/metrics` shows. */
  registry: MetricsRegistry;
  /** The tunnel of a cluster, or `undefined` when it is not registered. */
  socketInfo: (clusterId: string) => SocketInfo | undefined;
  /** Of the hub. @default {VERSION} */
  version?: string;
}

/** `version.Info` of k8s.io/apimachinery. */
function versionInfo(version: string): Record<string, string> {
  const [major = "0", minor = "0"] = version.split(".");
  const { os, arch } = Deno.build;
  const arches: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };
  return {
    major,
    minor,
    gitVersion: `v${version}`,
    gitCommit: "",
    gitTreeState: "",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "",
    compiler: `deno ${Deno.version.deno}`,
    platform: `${os}/${arches[arch] ?? arch}`,
  };
}

function notFound(path: string): Response {
  return statusResponse(failure(
    404,
    `the server could not find the requested resource: nothing is served at ` +
      JSON.stringify(path.slice(0, 200)),
  ));
}

function methodNotAllowed(message: string, allow = "GET, HEAD"): Response {
  return statusResponse(failure(405, message), { "Allow": allow });
}

/** Serves `sockets` and `sockets/<id>`. */
function serveSockets(
  request: Request,
  path: string,
  socketInfo: ApiOptions["socketInfo"],
): Response {
  if (!path.startsWith(SOCKETS_PREFIX) || path === SOCKETS_PREFIX) {
    return methodNotAllowed(
      "sockets cannot be listed: `kubectl get managedclusters -A` lists the clusters",
      "",
    );
  }
  try {
    const parsed = parseSocketsPath(path);
    if (parsed.kind !== "socket") return notFound(path);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return methodNotAllowed(
        "sockets/<id> can only be read: append /proxy/direct to reach the cluster",
      );
    }
    return socketResponse(parsed.clusterId, socketInfo(parsed.clusterId));
  } catch (error) {
    if (error instanceof SocketsPathError) {
      return statusResponse(failure(error.status, error.message));
    }
    throw error;
  }
}

/**
 * Makes the handler.
 *
 * @returns answers every path; never rejects for what a caller can cause
 */
export function createApi(
  { health, registry, socketInfo, version = VERSION }: ApiOptions,
): (request: Request) => Promise<Response> {
  const openApi = new OpenApi(version);
  const versionDocument = jsonDocument(versionInfo(version));
  const index = jsonDocument({
    paths: [...DISCOVERY_PATHS, "/healthz", "/livez", "/metrics", ...openApi.paths, "/readyz"]
      .concat("/version").sort(),
  });
  const collection = `/apis/${PROXIES_GROUP}/${PROXIES_VERSION}/sockets`;

  return async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname === collection || pathname.startsWith(SOCKETS_PREFIX)) {
      return serveSockets(request, pathname, socketInfo);
    }
    const path = pathname.length > 1 && pathname.endsWith("/") ? pathname.slice(0, -1) : pathname;
    const response = (await health(request, path)) ?? discover(request, path) ??
      openApi.serve(request, path) ??
      (path === "/version"
        ? serveDocument(request, versionDocument)
        : path === "/"
        ? serveDocument(request, index)
        : path === "/metrics"
        ? await renderMetrics(registry)
        : undefined);
    if (response === undefined) return notFound(pathname);
    if (request.method !== "GET" && request.method !== "HEAD") {
      await response.body?.cancel();
      return methodNotAllowed("the server does not allow this method on the requested resource");
    }
    return response;
  };
}

/**
 * Makes the handler of a plain port for probes and scrapes (`--health-addr`).
 *
 * @returns answers health paths and `/metrics`, 404 otherwise
 */
export function createHealthApi(
  { health, registry }: Pick<ApiOptions, "health" | "registry">,
): (request: Request) => Promise<Response> {
  return async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return methodNotAllowed("the server does not allow this method on the requested resource");
    }
    if (pathname === "/metrics") return await renderMetrics(registry);
    return (await health(request, pathname)) ?? notFound(pathname);
  };
}
