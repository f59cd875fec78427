/**
 * The annotation of `kubectl apply` without `--server-side`, for those who turn to server-side
 * apply: what it says kubectl may take over, and it is kept up to date.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal/lastappliedmanager.go`,
 * `lastappliedupdater.go`
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { compare } from "./compare.ts";
import type { FieldSet } from "./field_set.ts";
import { setOf } from "./set_of.ts";
import { typedView } from "./type_context.ts";
import { TypedError, validate } from "./typed.ts";
import type { TypeContext } from "./updater.ts";
import { goJson, isDeeperThan, isObject, type JsonObject, MAX_DEPTH, member } from "./values.ts";

/** The annotation. */
export const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** Bytes of all annotations of an object together, names included. */
const MAX_ANNOTATIONS = 256 * 1024;

function annotationsOf(object: ApiObject): JsonObject | undefined {
  const annotations = object.metadata["annotations"];
  return isObject(annotations) ? annotations : undefined;
}

/**
 * Fields that kubectl applied without the server, and that are still as it applied them.
 *
 * @returns `undefined` when the annotation is missing or cannot be used
 */
export function lastAppliedFields(
  kind: ApiKind,
  schema: Schema,
  type: TypeContext,
  live: ApiObject,
): FieldSet | undefined {
  const text = member(annotationsOf(live), LAST_APPLIED);
  if (typeof text !== "string" || text === "") return undefined;
  const config = parse(text);
  if (config === undefined || config["apiVersion"] !== type.apiVersion) return undefined;
  try {
    const seen = typedView(kind, schema, live);
    validate(type.atom, seen);
    validate(type.atom, config);
    const { modified, added, removed } = compare(type.atom, config, seen);
    return setOf(type.atom, config).difference(modified).difference(added).difference(removed);
  } catch (error) {
    if (error instanceof TypedError) return undefined;
    throw error;
  }
}

function parse(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) && !isDeeperThan(value, MAX_DEPTH) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Writes what was applied into the annotation, when there is one and there is room. */
export function syncLastApplied(object: ApiObject, applied: ApiObject): void {
  const annotations = annotationsOf(object);
  const text = member(annotations, LAST_APPLIED);
  if (annotations === undefined || typeof text !== "string" || text === "") return;
  const config: ApiObject = { ...applied, metadata: { ...applied.metadata } };
  const own = annotationsOf(config);
  if (own !== undefined) {
    const { [LAST_APPLIED]: _, ...others } = own;
    config.metadata["annotations"] = others;
  }
  const updated: JsonObject = { ...annotations, [LAST_APPLIED]: `${goJson(config)}\n` };
  if (bytes(updated) > MAX_ANNOTATIONS) delete updated[LAST_APPLIED];
  object.metadata = { ...object.metadata, annotations: updated };
}

function bytes(annotations: JsonObject): number {
  const encoder = new TextEncoder();
  return Object.entries(annotations).reduce(
    (sum, [name, value]) => sum + encoder.encode(name + String(value)).length,
    0,
  );
}
