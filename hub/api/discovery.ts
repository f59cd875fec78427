/**
 * Discovery: what this API server serves, in the classic form and in the aggregated form that
 * kubectl and kube-apiserver prefer (KEP-3352).
 *
 * @module
 */
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import {
  type Document,
  jsonDocument,
  notAcceptable,
  parseAccept,
  serveDocument,
  takesJson,
} from "./negotiate.ts";

const GROUP_VERSION = `${PROXIES_GROUP}/${PROXIES_VERSION}`;
const VERSION_ENTRY = { groupVersion: GROUP_VERSION, version: PROXIES_VERSION };
const GROUP_ENTRY = {
  name: PROXIES_GROUP,
  versions: [VERSION_ENTRY],
  preferredVersion: VERSION_ENTRY,
};
/** As the original's generic API server derives them from its connecter storage. */
const CONNECT_VERBS = ["create", "delete", "get", "patch", "update"];

/** `APIGroupList` at `/apis`. */
export const API_GROUP_LIST = { kind: "APIGroupList", apiVersion: "v1", groups: [GROUP_ENTRY] };

/** `APIGroup` at `/apis/proxies.clusternet.io`. */
export const API_GROUP = { kind: "APIGroup", apiVersion: "v1", ...GROUP_ENTRY };

/** `APIResourceList` at `/apis/proxies.clusternet.io/v1alpha1`. */
export const API_RESOURCE_LIST = {
  kind: "APIResourceList",
  apiVersion: "v1",
  groupVersion: GROUP_VERSION,
  resources: [
    {
      name: "sockets",
      singularName: "socket",
      namespaced: false,
      kind: "Socket",
      verbs: CONNECT_VERBS,
      shortNames: ["ss"],
      categories: ["clusternet"],
    },
    {
      name: "sockets/attach",
      singularName: "",
      namespaced: false,
      kind: "Socket",
      verbs: ["get"],
    },
    {
      name: "sockets/proxy",
      singularName: "",
      namespaced: false,
      kind: "Socket",
      verbs: CONNECT_VERBS,
    },
  ],
};

/** `APIVersions` at `/api`: there is no legacy group here. */
export const API_VERSIONS = {
  kind: "APIVersions",
  versions: [],
  serverAddressByClientCIDRs: [],
};

const RESPONSE_KIND = { group: PROXIES_GROUP, version: PROXIES_VERSION, kind: "Socket" };

/** `APIGroupDiscovery`, the same in `v2` and `v2beta1`. */
export const GROUP_DISCOVERY = {
  metadata: { name: PROXIES_GROUP, creationTimestamp: null },
  versions: [
    {
      version: PROXIES_VERSION,
      resources: [
        {
          resource: "sockets",
          responseKind: RESPONSE_KIND,
          scope: "Cluster",
          singularResource: "socket",
          verbs: CONNECT_VERBS,
          shortNames: ["ss"],
          categories: ["clusternet"],
          subresources: [
            { subresource: "attach", responseKind: RESPONSE_KIND, verbs: ["get"] },
            { subresource: "proxy", responseKind: RESPONSE_KIND, verbs: CONNECT_VERBS },
          ],
        },
      ],
      freshness: "Current",
    },
  ],
};

type AggregatedVersion = "v2" | "v2beta1";

/**
 * The aggregated form.
 *
 * @param items of `GROUP_DISCOVERY`'s shape
 * @returns an `APIGroupDiscoveryList`
 */
function aggregated(version: AggregatedVersion, items: readonly unknown[]): Document {
  return jsonDocument(
    {
      kind: "APIGroupDiscoveryList",
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items,
    },
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  );
}

interface Root {
  plain: Document;
  v2: Document;
  v2beta1: Document;
}

function root(plain: unknown, items: readonly unknown[]): Root {
  return {
    plain: jsonDocument(plain),
    v2: aggregated("v2", items),
    v2beta1: aggregated("v2beta1", items),
  };
}

const ROOTS: Readonly<Record<string, Root>> = {
  "/api": root(API_VERSIONS, []),
  "/apis": root(API_GROUP_LIST, [GROUP_DISCOVERY]),
};

const PLAIN: Readonly<Record<string, Document>> = {
  [`/apis/${PROXIES_GROUP}`]: jsonDocument(API_GROUP),
  [`/apis/${GROUP_VERSION}`]: jsonDocument(API_RESOURCE_LIST),
};

/** Paths that {@linkcode discover} answers, without a trailing slash. */
export const DISCOVERY_PATHS: readonly string[] = [...Object.keys(ROOTS), ...Object.keys(PLAIN)];

/**
 * Answers a discovery request.
 *
 * @param path without a trailing slash
 * @returns the response, or `undefined` for another path
 */
export function discover(request: Request, path: string): Response | undefined {
  const ranges = parseAccept(request.headers.get("accept"));
  const known = ROOTS[path];
  if (known !== undefined) {
    for (const range of ranges) {
      const { type, params } = range;
      if (params.as === "APIGroupDiscoveryList" && params.g === "apidiscovery.k8s.io") {
        if (type !== "application/json") continue;
        if (params.v === "v2") return serveDocument(request, known.v2);
        if (params.v === "v2beta1") return serveDocument(request, known.v2beta1);
      } else if (takesJson(range)) return serveDocument(request, known.plain);
    }
    return notAcceptable([known.plain.contentType, known.v2.contentType]);
  }
  const plain = PLAIN[path];
  if (plain === undefined) return undefined;
  if (ranges.some(takesJson)) return serveDocument(request, plain);
  return notAcceptable([plain.contentType]);
}
