/**
 * Patches of the three sorts that change what is there.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go`
 *
 * @module
 */
import { failure, isStatus, StatusError } from "../../../shared/kube/status.ts";
import { badRequest } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import { JSON_PATCH, patchObject, STRATEGIC_PATCH } from "../patch/patch.ts";
import { pruneAndCheck } from "../schema/decode.ts";
import { JsonSyntaxError, type JsonText, readJson } from "../schema/json_text.ts";
import { schemaOf } from "../schema/schemas.ts";
import type { Decoded, FieldValidation } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import { goQuote, goValue } from "../go_text.ts";
import { goTypeName, repeatedKeys } from "./json_values.ts";

/** A patch, read. */
export interface Patch {
  /** Its media type. */
  readonly type: string;
  readonly value: unknown;
  /** Keys that stand twice, in kube-apiserver's words. */
  readonly duplicates: readonly string[];
}

function checkShape(type: string, prefix: string, value: unknown): void {
  const isArray = Array.isArray(value);
  const wantsArray = type === JSON_PATCH;
  if (value === null || typeof value === "object" && isArray === wantsArray) return;
  const wanted = wantsArray ? "[]handlers.jsonPatchOp" : "map[string]interface {}";
  throw badRequest(
    `${prefix}json: cannot unmarshal ${goTypeName(value)} into Go value of type ${wanted}`,
  );
}

/**
 * Reads a patch.
 *
 * @throws {StatusError} 400 when it is no JSON, or not of its type's shape
 */
export function readPatch(type: string, text: string): Patch {
  const prefix = type === STRATEGIC_PATCH ? "" : "error decoding patch: ";
  let read: JsonText;
  try {
    read = readJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw badRequest(prefix + error.message);
  }
  checkShape(type, prefix, read.value);
  const nothing = type === JSON_PATCH ? [] : {};
  return { type, value: read.value ?? nothing, duplicates: repeatedKeys(read) };
}

/** JSON as Go writes a map, whose members are in order already but for the outermost. */
function sortedJson(object: ApiObject): string {
  return JSON.stringify(Object.fromEntries(Object.keys(object).sort().map((k) => [k, object[k]])));
}

/** A refusal of what became of an object. */
function refusal(what: string, why: string): StatusError {
  const message = `Invalid value: ${goQuote(what)}: ${why}`;
  return new StatusError(failure(422, ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: "FieldValueInvalid", message, field: "patch" }],
  }));
}

/** Of a strategic patch the patch itself is shown, as Go prints it, not what it made. */
function strategicRefusal(patch: Patch, error: unknown): unknown {
  if (patch.type !== STRATEGIC_PATCH || !isStatus(error, 422)) return error;
  const match = /^ "" is invalid: patch: Invalid value: "(?:[^"\\]|\\.)*": (.*)$/s
    .exec(error.message);
  return match?.[1] === undefined ? error : refusal(goValue(patch.value), match[1]);
}

/**
 * Patches an object.
 *
 * @param live stays as it is
 * @throws {StatusError} 400, 413, 422, 500
 */
export function applyPatch(
  kind: ApiKind,
  patch: Patch,
  live: ApiObject,
  fieldValidation: FieldValidation,
): Decoded {
  const schema = schemaOf(kind);
  const { type, value, duplicates } = patch;
  const patched = patchObject({ kind, schema, contentType: type, patch: value, current: live });
  if (fieldValidation === "Strict" && duplicates.length > 0) {
    const what = type === STRATEGIC_PATCH ? goValue(value) : sortedJson(patched);
    throw refusal(what, `strict decoding error: ${duplicates.join(", ")}`);
  }
  try {
    const { object, warnings } = pruneAndCheck(schema, patched, fieldValidation, kind);
    const all = fieldValidation === "Warn" ? [...duplicates, ...warnings] : warnings;
    return { object, warnings: all };
  } catch (error) {
    throw strategicRefusal(patch, error);
  }
}
