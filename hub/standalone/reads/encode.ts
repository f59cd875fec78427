/**
 * Answers with one object, in the form that the caller takes.
 *
 * @module
 */
import { stringify } from "yaml";
import { failure, type Status, StatusError } from "../../../shared/kube/status.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { negotiate, objectNotAcceptable, type Representation } from "./accept.ts";
import { partialObject, tableOf, tableStyle } from "./table.ts";

const YAML = {
  indentSeq: false,
  sortMapEntries: true,
  lineWidth: 0,
  version: "1.1",
  aliasDuplicateObjects: false,
} as const;

/** Writes a value as JSON or YAML. */
export function render(value: unknown, { yaml, pretty }: Representation): string {
  if (yaml) return stringify(value, YAML);
  return pretty ? JSON.stringify(value, null, 2) : JSON.stringify(value);
}

/** Headers of every answer that carries objects. */
export function objectHeaders({ yaml }: Pick<Representation, "yaml">, init?: HeadersInit): Headers {
  const headers = new Headers(init);
  headers.set("Cache-Control", "no-cache, private");
  headers.set("Content-Type", yaml ? "application/yaml" : "application/json");
  return headers;
}

/** A `Warning` header's value, as kube-apiserver writes it (RFC 7234 section 5.5). */
function warning(text: string): string {
  const plain = text.replace(/[^\x20-\x7e]+/g, " ").slice(0, 1024);
  return `299 - "${plain.replace(/["\\]/g, "\\$&")}"`;
}

const PACKAGES: Readonly<Record<string, string>> = { "": "core" };

/** Go's name of a kind, which is in some refusals: `*core.ConfigMap`, `*rbac.RoleList`. */
export function goType({ custom, group, kind }: ApiKind, list: boolean): string {
  if (custom) return list ? "*unstructured.UnstructuredList" : "*unstructured.Unstructured";
  return `*${PACKAGES[group] ?? group.split(".", 1)[0]!}.${kind}${list ? "List" : ""}`;
}

function notAList(kind: ApiKind): StatusError {
  if (!kind.custom) {
    return new StatusError(failure(
      406,
      "you requested PartialObjectMetadataList, but the requested object is not a list " +
        `(${goType(kind, false)})`,
    ));
  }
  const { reason: _, ...status } = failure(500, "content is not a list");
  return new StatusError(status as Status);
}

/**
 * Refuses a caller who takes none of the forms that an object has: before a write does anything.
 *
 * @throws {StatusError} 406
 */
export function checkAccept(request: Request): void {
  negotiate(request, "object");
}

/**
 * Answers with one object: JSON or YAML, a Table, or its metadata alone, by `Accept`. A `Status`
 * is never made a table.
 *
 * @param options `warnings` become `Warning` headers
 * @throws {StatusError} 406 when nothing fits, 400 for a bad `includeObject`
 */
export function objectResponse(options: {
  request: Request;
  kind: ApiKind;
  object: ApiObject;
  now: () => number;
  status?: number;
  headers?: HeadersInit;
  warnings?: readonly string[];
}): Response {
  const { request, kind, object, now, status = 200, warnings = [] } = options;
  const form = negotiate(request, "object");
  const headers = objectHeaders(form, options.headers);
  for (const text of warnings) headers.append("Warning", warning(text));
  let value: unknown = object;
  if (form.as !== "Object" && object.kind !== "Status") {
    const own = object.kind === kind.kind; // Or that of a subresource, such as TokenRequest
    if (form.as === "Table") {
      if (!own) throw objectNotAcceptable();
      const url = new URL(request.url);
      value = tableOf(object, tableStyle({ url, kind, version: form.version, now }));
    } else if (form.as === "PartialObjectMetadata") value = partialObject(object, form.version);
    else throw notAList(kind);
  }
  return new Response(render(value, form), { status, headers });
}
