/**
 * OpenAPI v2 and v3 documents. kube-apiserver merges v2 into its own and links to v3; kubectl
 * explain and client-side validation read them.
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

const PREFIX = `/apis/${PROXIES_GROUP}/${PROXIES_VERSION}`;
const GVK = { group: PROXIES_GROUP, version: PROXIES_VERSION, kind: "Socket" };
const SCHEMA_NAME = "io.clusternet.proxies.v1alpha1.Socket";

const SOCKET_SCHEMA = {
  description: "Socket is the tunnel of a child cluster: its agent attaches, users go through it.",
  type: "object",
  properties: {
    apiVersion: {
      description: "APIVersion defines the versioned schema of this representation of an object.",
      type: "string",
    },
    kind: {
      description: "Kind is a string value representing the REST resource this object represents.",
      type: "string",
    },
    metadata: {
      description: "Standard object's metadata; name is the cluster id.",
      type: "object",
    },
    status: {
      description: "Whether the agent of the cluster is connected.",
      type: "object",
      properties: {
        connected: { description: "An agent is attached now.", type: "boolean" },
        connectedAt: { description: "When it attached.", type: "string", format: "date-time" },
        disconnectedAt: {
          description: "When the last one left.",
          type: "string",
          format: "date-time",
        },
        reason: { description: "Why the last one left.", type: "string" },
      },
    },
  },
  "x-kubernetes-group-version-kind": [GVK],
};

interface Operation {
  path: string;
  methods: readonly string[];
  id: string;
  description: string;
  parameters: readonly [name: string, description: string][];
}

const NAME: [string, string] = ["name", "cluster id"];
const METHODS = ["get", "put", "post", "delete", "patch", "head", "options"] as const;
const OPERATIONS: readonly Operation[] = [
  {
    path: `${PREFIX}/sockets/{name}`,
    methods: ["get"],
    id: "Socket",
    description: "tells whether the agent of a cluster is connected",
    parameters: [NAME],
  },
  {
    path: `${PREFIX}/sockets/{name}/attach`,
    methods: ["get"],
    id: "SocketAttach",
    description: "opens the tunnel of a cluster (WebSocket); for its agent alone",
    parameters: [NAME],
  },
  {
    path: `${PREFIX}/sockets/{name}/proxy/{path}`,
    methods: METHODS,
    id: "SocketProxyWithPath",
    description: "forwards the request to the child: direct/..., http/<host>/..., https/<host>/...",
    parameters: [NAME, ["path", "target in the child, and the path there"]],
  },
];

/** The `paths` object; `v3` wraps types in schemas and contents. */
function paths(v3: boolean): Record<string, unknown> {
  const typed = (name: string, description: string): Record<string, unknown> => ({
    name,
    in: "path",
    description,
    required: true,
    ...(v3 ? { schema: { type: "string" } } : { type: "string" }),
    ...(v3 || name === "path" ? {} : { uniqueItems: true }),
  });
  const result: Record<string, unknown> = {};
  for (const { path, methods, id, description, parameters } of OPERATIONS) {
    const item: Record<string, unknown> = {
      parameters: parameters.map(([name, text]) => typed(name, text)),
    };
    for (const method of methods) {
      const verb = method[0]!.toUpperCase() + method.slice(1);
      const object = id === "Socket";
      const content = v3
        ? object
          ? { content: { "application/json": { schema: reference(true) } } }
          : { content: { "*/*": { schema: { type: "string" } } } }
        : { schema: object ? reference(false) : { type: "string" } };
      item[method] = {
        description: `${description}`,
        ...(v3 ? {} : {
          consumes: ["*/*"],
          produces: [object ? "application/json" : "*/*"],
          schemes: ["https"],
        }),
        tags: ["proxiesClusternetIo_v1alpha1"],
        operationId: `connectProxiesClusternetIoV1alpha1${verb}${id}`,
        responses: {
          "200": { description: "OK", ...content },
          "401": { description: "Unauthorized" },
        },
        "x-kubernetes-action": object ? "get" : "connect",
        "x-kubernetes-group-version-kind": GVK,
      };
    }
    result[path] = item;
  }
  return result;
}

function reference(v3: boolean): { $ref: string } {
  return { $ref: v3 ? `#/components/schemas/${SCHEMA_NAME}` : `#/definitions/${SCHEMA_NAME}` };
}

/** Serves `/openapi/v2` and `/openapi/v3/...`. */
/**
 * The OpenAPI v3 document of the hub's group.
 *
 * @param version of the hub
 */
export function groupDocument(version: string): unknown {
  return {
    openapi: "3.0.0",
    info: { title: "Clusternet hub", version: `v${version}` },
    paths: paths(true),
    components: { schemas: { [SCHEMA_NAME]: SOCKET_SCHEMA } },
  };
}

export class OpenApi {
  readonly #documents: ReadonlyMap<string, Document>;

  /**
   * Renders the documents.
   *
   * @param version of the hub
   */
  constructor(version: string) {
    const info = { title: "Clusternet hub", version: `v${version}` };
    const group = jsonDocument(groupDocument(version));
    const relative = `openapi/v3${PREFIX}`;
    const index = jsonDocument({
      paths: {
        [PREFIX.slice(1)]: {
          serverRelativeURL: `/${relative}?hash=${group.etag.replaceAll('"', "")}`,
        },
      },
    });
    const v2 = jsonDocument({
      swagger: "2.0",
      info,
      paths: paths(false),
      definitions: { [SCHEMA_NAME]: SOCKET_SCHEMA },
    });
    this.#documents = new Map([
      ["/openapi/v2", v2],
      ["/openapi/v3", index],
      [`/${relative}`, group],
    ]);
  }

  /** The paths served. */
  get paths(): string[] {
    return [...this.#documents.keys()];
  }

  /**
   * Answers with a document; JSON only, since Protobuf would save nothing at this size.
   *
   * @returns the response, or `undefined` for another path
   */
  serve(request: Request, path: string): Response | undefined {
    const document = this.#documents.get(path);
    if (document === undefined) return undefined;
    const ranges = parseAccept(request.headers.get("accept"));
    return ranges.some(takesJson)
      ? serveDocument(request, document)
      : notAcceptable([document.contentType]);
  }
}
