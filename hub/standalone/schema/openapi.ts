/**
 * OpenAPI documents, for `kubectl explain`, `kubectl --validate` and the strategic merge of
 * `kubectl apply`.
 *
 * @module
 */
import { customSchemas } from "./custom_schemas.ts";
import { GROUP_PATHS, groupData, type Json } from "./documents.ts";
import { pathV2, schemaV2 } from "./openapi_v2.ts";
import { rawSchemas, REF_PREFIX } from "./schemas.ts";

/** Group versions that have a document: `api/v1`, `apis/rbac.authorization.k8s.io/v1`... */
export const OPENAPI_PATHS: readonly string[] = GROUP_PATHS;

const KINDS = "x-kubernetes-group-version-kind";
const SECURITY: Json = {
  BearerToken: {
    type: "apiKey",
    description: "Bearer Token authentication",
    name: "authorization",
    in: "header",
  },
};

function refsOf(value: unknown, found: Set<string>): void {
  if (typeof value !== "object" || value === null) return;
  const { $ref } = value as Json;
  if (typeof $ref === "string") found.add($ref.slice(REF_PREFIX.length));
  for (const child of Object.values(value)) refsOf(child, found);
}

/** The schemas that `roots` refers to, and those that they refer to, sorted by name. */
function reachable(all: Readonly<Record<string, Json>>, roots: unknown): Record<string, Json> {
  const names = new Set<string>();
  refsOf(roots, names);
  for (const name of names) refsOf(all[name], names); // A set gives what is added meanwhile, too.
  return Object.fromEntries([...names].sort().map((name) => [name, all[name]!]));
}

/** Puts the shared parts of operations back where they were. */
function expand(paths: Readonly<Record<string, Json>>, shared: readonly Json[]): Json {
  const part = (place: unknown): unknown => shared[place as number];
  const operation = (one: Json): Json => {
    const whole = { ...one };
    if (Array.isArray(one.parameters)) whole.parameters = one.parameters.map(part);
    if (one.requestBody !== undefined) whole.requestBody = part(one.requestBody);
    whole.responses = Object.fromEntries(
      Object.entries(one.responses as Json).map(([code, place]) => [code, part(place)]),
    );
    return whole;
  };
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([key, value]) => [
          key,
          Array.isArray(value) ? value.map(part) : operation(value as Json),
        ]),
      ),
    ]),
  );
}

/**
 * OpenAPI v3 document of a group version. Made anew, of shared parts: change nothing in it.
 *
 * @param path as in {@linkcode OPENAPI_PATHS}
 * @returns the document, or `undefined` when there is none
 */
export function openApiV3(path: string): unknown | undefined {
  const data = groupData(path);
  if (data === undefined) return undefined;
  const paths = expand(data.paths, data.shared);
  const isCustom = Object.keys(customSchemas(path)).length > 0;
  return {
    openapi: "3.0.0",
    info: data.info,
    paths,
    components: {
      schemas: reachable(rawSchemas(path), paths),
      ...(isCustom ? {} : { securitySchemes: SECURITY }),
    },
  };
}

/** The same schema of two groups: v2 has it once, with the kinds of both. */
function merged(known: Json | undefined, schema: Json): Json {
  const kinds = known?.[KINDS] as Json[] | undefined;
  if (kinds === undefined) return known ?? schema;
  const all = [...kinds, ...(schema[KINDS] ?? []) as Json[]].map((gvk) => JSON.stringify(gvk));
  return { ...schema, [KINDS]: [...new Set(all)].map((gvk) => JSON.parse(gvk) as Json) };
}

/** OpenAPI v2 (Swagger) document of all groups, made anew. */
export function openApiV2(): unknown {
  const paths: Json = {};
  const definitions: Json = {};
  for (const path of OPENAPI_PATHS) {
    const { paths: own, shared } = groupData(path)!;
    const expanded = expand(own, shared);
    for (const [name, schema] of Object.entries(reachable(rawSchemas(path), expanded))) {
      definitions[name] = merged(definitions[name] as Json | undefined, schemaV2(schema));
    }
    for (const [url, operations] of Object.entries(expanded)) {
      paths[url] = pathV2(operations as Json);
    }
  }
  return {
    swagger: "2.0",
    info: groupData("api/v1")!.info,
    paths,
    definitions,
    securityDefinitions: SECURITY,
    security: [{ BearerToken: [] }],
  };
}
