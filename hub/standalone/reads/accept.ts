/**
 * What a caller takes.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/negotiation/negotiate.go`; go-restful, whose
 * router refuses before that
 *
 * @module
 */
import { CLUSTERS_GROUP } from "../../../shared/kube/clusternet_types.ts";
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { type MediaRange, parseAccept } from "../../api/negotiate.ts";
import { notAcceptable } from "../errors.ts";

/** How an answer is rendered. */
export interface Representation {
  /** `Object`: as it is. */
  readonly as: "Object" | "Table" | "PartialObjectMetadata" | "PartialObjectMetadataList";
  /** `v1`, or `v1beta1` of group meta.k8s.io, for all but `Object`. */
  readonly version: "v1" | "v1beta1";
  /** YAML instead of JSON. */
  readonly yaml: boolean;
  /** With line breaks. */
  readonly pretty: boolean;
}

const JSON_TYPE = "application/json";
const YAML_TYPE = "application/yaml";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const OBJECT_TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF];
const STREAM_TYPES = [`${JSON_TYPE};stream=watch`, `${PROTOBUF};stream=watch`];
const TRANSFORMS: ReadonlySet<string> = new Set([
  "Table",
  "PartialObjectMetadata",
  "PartialObjectMetadataList",
]);
const CUSTOM_PREFIX = `/apis/${CLUSTERS_GROUP}/`;

/** 406: the caller takes none of the forms that an object has. */
export function objectNotAcceptable(): StatusError {
  return notAcceptable(OBJECT_TYPES);
}

/** What is asked for. */
export type AcceptScope = "object" | "list" | "watch";

/** go-restful's 406: none of the types, compared as text and without parameters. */
function refuseAsRouter(request: Request, scope: AcceptScope): void {
  const accept = request.headers.get("accept")?.trim() || "*/*";
  const types = accept.split(",", 200).map((part) => part.split(";", 1)[0]!.trim());
  if (types.some((type) => type === "*/*" || OBJECT_TYPES.includes(type))) return;
  const available = scope === "object" ? OBJECT_TYPES : [...OBJECT_TYPES, ...STREAM_TYPES];
  throw new StatusError(failure(
    406,
    `406: Not Acceptable\n\nAvailable representations: ${available.join(", ")}`,
    {},
  ));
}

function represent(range: MediaRange, scope: AcceptScope): Omit<Representation, "pretty"> | void {
  const { type, params } = range;
  const json = type === JSON_TYPE || type === "application/*" || type === "*/*";
  const yaml = type === YAML_TYPE && scope !== "watch";
  if (!json && !yaml) return;
  if (params.stream !== undefined && params.stream !== "watch") return;
  const { as, g = "", v = "" } = params;
  if (as === undefined && g === "" && v === "") return { as: "Object", version: "v1", yaml };
  if (g !== "meta.k8s.io" || (v !== "v1" && v !== "v1beta1")) return;
  if (as === undefined || !TRANSFORMS.has(as)) return;
  return { as: as as Representation["as"], version: v, yaml };
}

const READERS = ["curl", "Wget", "Mozilla/5.0"];

function isPretty(request: Request, ranges: readonly MediaRange[]): boolean {
  const asked = new URL(request.url).searchParams.get("pretty") ??
    ranges.find(({ params }) => params.pretty !== undefined)?.params.pretty;
  if (asked !== undefined) return asked.toLowerCase() !== "false" && asked !== "0";
  const agent = request.headers.get("user-agent") ?? "";
  return READERS.some((reader) => agent.startsWith(reader));
}

/**
 * Finds the best representation that the caller takes. Protobuf is passed over.
 *
 * @throws {StatusError} 406 in kube-apiserver's words
 */
export function negotiate(request: Request, scope: AcceptScope): Representation {
  // Custom resources are not served by go-restful
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(CUSTOM_PREFIX)) refuseAsRouter(request, scope);
  const ranges = parseAccept(request.headers.get("accept"));
  for (const range of ranges) {
    const found = represent(range, scope);
    if (found !== undefined) {
      return { ...found, pretty: scope !== "watch" && isPretty(request, ranges) };
    }
  }
  // A watch is refused as a list first
  const listed = scope === "watch" && ranges.some((range) => represent(range, "list"));
  throw notAcceptable(listed ? STREAM_TYPES : OBJECT_TYPES);
}
