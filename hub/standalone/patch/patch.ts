/**
 * Patches of objects: JSON patch, JSON merge patch and strategic merge patch. Server-side apply,
 * the fourth, is fields/server_side_apply.ts.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, unsupportedMediaType } from "../errors.ts";
import { goJson, isDeeperThan, isObject, MAX_DEPTH } from "../fields/values.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { applyJsonPatch } from "./json_patch.ts";
import { applyMergePatch } from "./merge_patch.ts";
import { applyStrategicPatch } from "./strategic_patch.ts";

/** RFC 6902. */
export const JSON_PATCH = "application/json-patch+json";
/** RFC 7386. */
export const MERGE_PATCH = "application/merge-patch+json";
/** Of built-in kinds only. */
export const STRATEGIC_PATCH = "application/strategic-merge-patch+json";
/** Server-side apply. */
export const APPLY_PATCH = "application/apply-patch+yaml";

/** What {@linkcode patchObject} is told. */
export interface PatchOptions {
  /** Of the object. */
  kind: ApiKind;
  /** Of the object. */
  schema: Schema;
  /** Of the request; parameters such as `charset` do not matter. */
  contentType: string;
  /** The request's body, parsed. */
  patch: unknown;
  /** As it stands in the store; not changed. */
  current: ApiObject;
}

/** Media types of patches that a kind takes, in kube-apiserver's order. */
export function acceptedPatchTypes(kind: ApiKind): readonly string[] {
  return kind.custom
    ? [JSON_PATCH, MERGE_PATCH, APPLY_PATCH]
    : [JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH];
}

/**
 * Checks the media type of a patch, apply's among them, before anything else is done.
 *
 * @returns the type without its parameters
 * @throws {StatusError} 415 when the kind takes no such patch
 */
export function checkPatchType(kind: ApiKind, contentType: string): string {
  const type = (contentType.split(";")[0] ?? "").trim();
  const accepted = acceptedPatchTypes(kind);
  if (accepted.includes(type)) return type;
  if (kind.custom) throw unsupportedMediaType(accepted);
  // Built-in kinds are refused before their handlers, in fewer words
  throw new StatusError(failure(415, "415: Unsupported Media Type", {}));
}

/**
 * Patches an object.
 *
 * @returns a new object. Fields that the kind does not have may be in it, and fields of wrong types
 * @throws {StatusError} 400 for what is no patch, 413 for too many operations, 415 for a media type
 *   that the kind does not take, 422 for a patch that does not apply, and 500 where upstream says so
 */
export function patchObject(
  { kind, schema, contentType, patch, current }: PatchOptions,
): ApiObject {
  const type = checkPatchType(kind, contentType);
  if (isDeeperThan(patch, MAX_DEPTH)) {
    throw badRequest(`the patch is nested deeper than ${MAX_DEPTH} levels`);
  }
  const patched = apply(type, schema, patch, current);
  if (isDeeperThan(patched, MAX_DEPTH)) {
    throw badRequest(`the patched object is nested deeper than ${MAX_DEPTH} levels`);
  }
  return asObject(patched, current);
}

function apply(type: string, schema: Schema, patch: unknown, current: ApiObject): unknown {
  switch (type) {
    case JSON_PATCH:
      return applyJsonPatch(structuredClone(current), patch);
    // These share what they do not touch with the object and the patch
    case MERGE_PATCH:
      return structuredClone(applyMergePatch(current, patch));
    case STRATEGIC_PATCH:
      return structuredClone(applyStrategicPatch(schema, current, patch));
    default:
      throw new StatusError(failure(415, "415: Unsupported Media Type", {}));
  }
}

/** Makes sure that what comes out is an object of some kind, with metadata. */
function asObject(patched: unknown, current: ApiObject): ApiObject {
  if (!isObject(patched)) {
    throw notDecoded(
      patched,
      "couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of " +
        'type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string ' +
        '"json:\\"kind,omitempty\\"" }',
    );
  }
  const metadata = patched["metadata"] ?? {};
  if (!isObject(metadata)) {
    const type = Array.isArray(metadata) ? "array" : typeof metadata;
    throw notDecoded(
      patched,
      `json: cannot unmarshal ${type} into Go struct field ${current.kind}.metadata of type ` +
        "v1.ObjectMeta",
    );
  }
  return { ...patched, metadata } as ApiObject;
}

/** 422 for a patched object that is none; upstream names neither the object nor its kind. */
function notDecoded(patched: unknown, why: string): StatusError {
  const message = `Invalid value: ${JSON.stringify(goJson(patched))}: ${why}`;
  return new StatusError(failure(422, ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: "FieldValueInvalid", message, field: "patch" }],
  }));
}
