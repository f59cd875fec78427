/**
 * What the embedded API says of itself: resources, versions, schemas.
 *
 * @module
 */
import { failure, statusResponse } from "../../../shared/kube/status.ts";
import {
  type Document,
  jsonDocument,
  parseAccept,
  serveDocument,
  takesJson,
} from "../../api/negotiate.ts";
import { methodNotAllowed } from "../errors.ts";
import { type ApiKind, apiVersionOf } from "../kinds/kind.ts";
import {
  type ExtraGroup,
  groupDiscovery,
  groupEntry,
  groupVersions,
  resourceList,
} from "./discovery_documents.ts";
import { createOpenApi, openApiPaths } from "./openapi_paths.ts";

export type { ExtraGroup } from "./discovery_documents.ts";

/** Options of {@linkcode createDiscovery}. */
export interface DiscoveryOptions {
  /** What is served. */
  readonly kinds: readonly ApiKind[];
  /** Such as `v1.36.3`; its first two numbers are what clients compare. */
  readonly gitVersion: string;
  /** Groups that are served beside them. */
  readonly extraGroups?: readonly ExtraGroup[];
}

/** Answers the paths of discovery; `undefined` for others. */
export type Discovery = (request: Request, path: string) => Response | undefined;

const AGGREGATED = ["v2", "v2beta1"] as const;
/** kube-apiserver's `genericapiserver` index, as far as it is served here. */
const OTHER_PATHS = ["/healthz", "/livez", "/metrics", "/readyz", "/version"];

function aggregated(version: string, items: readonly unknown[]): Document {
  const apiVersion = `apidiscovery.k8s.io/${version}`;
  return jsonDocument(
    { kind: "APIGroupDiscoveryList", apiVersion, metadata: {}, items },
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  );
}

/** `version.Info` of k8s.io/apimachinery. */
function versionInfo(gitVersion: string): Record<string, string> {
  const [, major = "1", minor = "36"] = /^v?(\d+)\.(\d+)/.exec(gitVersion) ?? [];
  const { os, arch } = Deno.build;
  const arches: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Math.max(0, Number(minor) - 1)),
    gitVersion,
    gitCommit: "",
    gitTreeState: "clean",
    buildDate: "1970-01-01T00:00:00Z",
    goVersion: "",
    compiler: `deno ${Deno.version.deno}`,
    platform: `${os}/${arches[arch] ?? arch}`,
  };
}

function notAcceptable(types: readonly string[]): Response {
  const message = `406: Not Acceptable\n\nAvailable representations: ${types.join(", ")}`;
  return statusResponse(failure(406, message, {}));
}

/** Finds the aggregated form that a caller likes best, unless plain JSON comes first. */
function best(
  request: Request,
  plain: Document,
  documents: Readonly<Record<string, Document>>,
): Document | undefined {
  for (const range of parseAccept(request.headers.get("accept"))) {
    const { type, params: { as, g, v = "" } } = range;
    if (takesJson(range)) return plain;
    if (type !== "application/json" || as !== "APIGroupDiscoveryList") continue;
    if (g === "apidiscovery.k8s.io" && Object.hasOwn(documents, v)) return documents[v];
  }
  return undefined;
}

/**
 * Makes the handler of `/api`, `/apis`, `/api/v1`, `/apis/<group>`, `/apis/<group>/<version>`,
 * `/version`, `/openapi/v2`, `/openapi/v3/...` and `/`.
 *
 * @returns answers with documents that never change and carry an ETag; 405 for anything but GET
 */
export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { kinds, gitVersion, extraGroups = [] } = options;
  const groups = groupVersions(kinds);
  const core = groups.filter(({ group }) => group === "");
  const named = groups.filter(({ group }) => group !== "");
  const extra = extraGroups.map(({ group: { name, versions, preferredVersion } }) => ({
    name,
    versions,
    preferredVersion,
  }));
  const entries = [...named.map(groupEntry), ...extra];
  const roots: Readonly<Record<string, { plain: unknown; items: readonly unknown[] }>> = {
    "/api": {
      plain: {
        kind: "APIVersions",
        versions: core.map(({ version }) => version),
        serverAddressByClientCIDRs: [],
      },
      items: core.map(groupDiscovery),
    },
    "/apis": {
      plain: { kind: "APIGroupList", apiVersion: "v1", groups: entries },
      items: [...named.map(groupDiscovery), ...extraGroups.map(({ discovery }) => discovery)],
    },
  };
  const rootDocuments = new Map(
    Object.entries(roots).map(([path, { plain, items }]) => [path, {
      plain: jsonDocument(plain),
      aggregated: Object.fromEntries(AGGREGATED.map((v) => [v, aggregated(v, items)])),
    }]),
  );
  const plain: Record<string, unknown> = {};
  for (const entry of entries) {
    plain[`/apis/${entry.name}`] = { kind: "APIGroup", apiVersion: "v1", ...entry };
  }
  for (const group of groups) {
    const prefix = group.group === "" ? "/api" : "/apis";
    plain[`${prefix}/${apiVersionOf(group)}`] = resourceList(group);
  }
  for (const { resources } of extraGroups) {
    for (const [groupVersion, list] of Object.entries(resources)) {
      plain[`/apis/${groupVersion}`] = list;
    }
  }
  const schemas = Object.assign({}, ...extraGroups.map(({ openApiV3 = {} }) => openApiV3));
  const openApi = createOpenApi(schemas);
  plain["/version"] = versionInfo(gitVersion);
  const paths = [...rootDocuments.keys(), ...Object.keys(plain), ...openApiPaths(schemas)];
  plain["/"] = { paths: [...new Set([...paths, ...OTHER_PATHS])].sort() };
  const documents = new Map(
    Object.entries(plain).map(([path, value]) => [path, jsonDocument(value)]),
  );

  const answer = (request: Request, path: string): Response | undefined => {
    const root = rootDocuments.get(path);
    if (root !== undefined) {
      const document = best(request, root.plain, root.aggregated);
      return document === undefined
        ? notAcceptable(["application/json"])
        : serveDocument(request, document);
    }
    const document = documents.get(path);
    if (document === undefined) return openApi(request, path);
    return parseAccept(request.headers.get("accept")).some(takesJson)
      ? serveDocument(request, document)
      : notAcceptable(["application/json"]);
  };
  return (request, whole) => {
    const path = whole.length > 1 && whole.endsWith("/") ? whole.slice(0, -1) : whole;
    const response = answer(request, path);
    const read = request.method === "GET" || request.method === "HEAD";
    return response === undefined || read ? response : statusResponse(methodNotAllowed().status);
  };
}
