/**
 * Bodies into objects, refused in kube-apiserver's words.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/{create,rest}.go`, k8s.io/apimachinery
 * `pkg/runtime/serializer/json/json.go`; KEP-2885 for `fieldValidation`
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { failure, StatusError } from "../../../shared/kube/status.ts";
import { badRequest, invalid } from "../errors.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { ApiObject } from "../store/types.ts";
import { GoDecoder, GoTypeError, GoValueError } from "./go_decode.ts";
import { isGoStruct } from "./go_types.ts";
import { JsonSyntaxError, type Members, readJson } from "./json_text.ts";
import { StrictErrors } from "./strict_errors.ts";
import { dropNulls, prune } from "./structural.ts";
import type { Decoded, FieldValidation, Schema } from "./types.ts";
import { readYaml, YamlSyntaxError } from "./yaml_text.ts";

/** Whose body it is. */
export interface Gvk {
  /** Empty for the core group. */
  readonly group: string;
  /** Such as `v1`. */
  readonly version: string;
  /** CamelCase. */
  readonly kind: string;
}

/** A body to be read. */
export interface DecodeOptions extends Gvk {
  /** The whole body. */
  readonly text: string;
  /** What it is written in. */
  readonly mediaType: "application/json" | "application/yaml";
  /** Schema of the kind. */
  readonly schema: Schema;
  /** What becomes of unknown and repeated fields. */
  readonly fieldValidation: FieldValidation;
}

/** A text as a value, and what a strict reader would refuse in it. */
interface Body {
  readonly value: unknown;
  readonly repeated: ReadonlyMap<object, Members>;
  readonly duplicates: readonly string[];
  /** How duplicates are told: JSON's one by one, YAML's as one error. */
  readonly yaml: boolean;
}

const TYPE_META =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const SUMMARY = 30;
/** Packages of the internal types, by group. */
const INTERNAL: Readonly<Record<string, string>> = {
  "": "core",
  "authentication.k8s.io": "authentication",
  "authorization.k8s.io": "authorization",
  "coordination.k8s.io": "coordination",
  "rbac.authorization.k8s.io": "rbac",
};

function summarize(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length === 0) return "<empty>";
  const isObject = text.startsWith("{");
  const start = bytes.subarray(0, SUMMARY).toString(isObject ? "utf8" : "hex");
  return bytes.length > SUMMARY ? `${start} ...` : start;
}

function unrecognized({ kind, text }: DecodeOptions, why: string): StatusError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): ${why} (${summarize(text)})`,
  );
}

function readBody(options: DecodeOptions): Body {
  try {
    if (options.mediaType === "application/yaml") {
      return { ...readYaml(options.text), repeated: new Map(), yaml: true };
    }
    return { ...readJson(options.text), yaml: false };
  } catch (error) {
    if (error instanceof YamlSyntaxError) throw unrecognized(options, error.message);
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw unrecognized(options, `couldn't get version/kind; json parse error: ${error.message}`);
  }
}

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return "array";
  return typeof value === "boolean" ? "bool" : typeof value;
}

/** `apiVersion` and `kind` of a body, empty where they are absent. */
function typeMeta(options: DecodeOptions, value: unknown): { apiVersion: string; kind: string } {
  const refuse = (why: string): StatusError =>
    unrecognized(
      options,
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${why}`,
    );
  if (value === null) return { apiVersion: "", kind: "" };
  if (typeof value !== "object" || Array.isArray(value)) {
    throw refuse(`${nameOf(value)} into Go value of type ${TYPE_META}`);
  }
  for (const [key, field] of Object.entries(value)) {
    if (key !== "apiVersion" && key !== "kind") continue;
    if (typeof field === "string" || field === null) continue;
    throw refuse(`${nameOf(field)} into Go struct field .${key} of type string`);
  }
  const { apiVersion, kind } = value as Record<string, string | null>;
  if ((apiVersion ?? "").split("/").length > 2) {
    throw unrecognized(options, `unexpected GroupVersion string: ${apiVersion}`);
  }
  return { apiVersion: apiVersion ?? "", kind: kind ?? "" };
}

function apiVersionOf({ group, version }: Gvk): string {
  return group === "" ? version : `${group}/${version}`;
}

/** Why a built-in kind is not what is wanted; `undefined` when it is. */
function mismatch(who: Gvk, apiVersion: string, kind: string): string | undefined {
  if (apiVersion === apiVersionOf(who) && kind === who.kind) return undefined;
  const found = KINDS.find((one) =>
    one.kind === kind && apiVersionOf(one) === apiVersion && !one.custom
  );
  if (found === undefined) {
    return `no kind "${kind}" is registered for version "${apiVersion}" in scheme ` +
      `"pkg/runtime/scheme.go:111"`;
  }
  const { version } = found;
  return `converting (${version}.${kind}) to (${INTERNAL[who.group]}.${who.kind}): ` +
    "unknown conversion";
}

function isDecodeFault(error: unknown): error is Error {
  return error instanceof GoTypeError || error instanceof GoValueError ||
    (error instanceof Error && error.message.startsWith("illegal base64"));
}

/** Reads into Go's types, or into the structural schema. */
function convert(
  who: Gvk & { schema: Schema },
  value: Record<string, unknown>,
  body: Pick<Body, "repeated" | "duplicates" | "yaml">,
): { object: ApiObject; strict: StrictErrors } {
  const strict = new StrictErrors();
  if (body.yaml && body.duplicates.length > 0) {
    strict.add(`yaml: unmarshal errors:\n  ${body.duplicates.join("\n  ")}`);
  }
  const type = { kind: who.kind, apiVersion: apiVersionOf(who) };
  if (isGoStruct(who.kind)) {
    const decoder = new GoDecoder(body.repeated);
    const fields = decoder.struct(who.kind, value, "");
    for (const message of decoder.strict.messages) strict.add(message);
    return { object: { ...type, metadata: {}, ...fields }, strict };
  }
  if (!body.yaml) {
    for (const path of body.duplicates) strict.add(`duplicate field ${JSON.stringify(path)}`);
  }
  const meta = new GoDecoder(new Map());
  const metadata = meta.struct("ObjectMeta", value.metadata ?? {}, "metadata");
  for (const message of meta.strict.messages) strict.add(message);
  const { metadata: _metadata, ...rest } = value;
  const unknown: string[] = [];
  const { metadata: _schema, ...properties } = who.schema.properties ?? {};
  const own: Schema = { ...who.schema, properties };
  prune(own, rest, "", unknown);
  for (const path of unknown.sort()) strict.add(`unknown field ${JSON.stringify(path)}`);
  dropNulls(own, rest);
  const { kind: _kind, apiVersion: _apiVersion, ...fields } = rest;
  return { object: { apiVersion: type.apiVersion, kind: type.kind, metadata, ...fields }, strict };
}

/** Refuses or warns of what a strict decoder found. */
function judge(
  { messages }: StrictErrors,
  fieldValidation: FieldValidation,
  refuse: (why: string) => StatusError,
): readonly string[] {
  if (messages.length === 0 || fieldValidation === "Ignore") return [];
  if (fieldValidation === "Strict") {
    throw refuse(`strict decoding error: ${messages.join(", ")}`);
  }
  return messages.flatMap((message) =>
    message.startsWith("yaml: unmarshal errors:\n")
      ? message.split("\n").slice(1).map((line) => line.trim())
      : [message]
  );
}

/** A custom object of another kind or version is refused late and otherwise than a built-in one. */
function checkCustomType(who: Gvk, apiVersion: string, kind: string, name: string): void {
  if (apiVersion !== apiVersionOf(who)) {
    throw badRequest(
      `the API version in the data (${apiVersion}) does not match the expected API version ` +
        `(${apiVersionOf(who)})`,
    );
  }
  if (kind === who.kind) return;
  throw invalid({ group: who.group, plural: "", kind }, name, [{
    type: "FieldValueInvalid",
    field: "kind",
    message: `Invalid value: ${JSON.stringify(kind)}: must be ${who.kind}`,
  }]);
}

function textOf(value: unknown): unknown {
  return typeof value === "object" && value !== null ? (value as { name?: unknown }).name : "";
}

/**
 * Reads a body.
 *
 * @returns the object as Go would write it, unknown fields pruned, nothing defaulted
 * @throws {StatusError} 400 with kube-apiserver's message; 422 for a custom object of another kind
 */
export function decodeBody(options: DecodeOptions): Decoded {
  const body = readBody(options);
  const { apiVersion, kind } = typeMeta(options, body.value);
  const value = (body.value ?? {}) as Record<string, unknown>;
  const isCustom = !isGoStruct(options.kind);
  if (isCustom && kind === "") {
    const text = options.mediaType === "application/yaml"
      ? JSON.stringify(value)
      : options.text.trim();
    throw unrecognized(options, `Object 'Kind' is missing in '${text}'`);
  }
  const shown = kind === "" ? options.kind : kind;
  const actual = apiVersion === "" ? apiVersionOf(options) : apiVersion;
  const refuse = (why: string): StatusError => {
    const version = actual.slice(actual.indexOf("/") + 1);
    return badRequest(
      `${shown} in version "${version}" cannot be handled as a ${options.kind}: ${why}`,
    );
  };
  if (!isCustom) {
    const why = mismatch(options, actual, shown);
    if (why !== undefined && options.kind !== "DeleteOptions") throw refuse(why);
  }
  try {
    const { object, strict } = convert(options, value, body);
    const warnings = judge(strict, options.fieldValidation, refuse);
    if (isCustom) checkCustomType(options, apiVersion, kind, String(textOf(object.metadata) ?? ""));
    return { object, warnings };
  } catch (error) {
    if (isDecodeFault(error)) throw refuse(error.message);
    throw error;
  }
}

/** 422 as the JSON and merge patch handlers say it. */
function patchFault(object: ApiObject, why: string): StatusError {
  const sorted = Object.fromEntries(Object.entries(object).sort(([a], [b]) => a < b ? -1 : 1));
  const message = `Invalid value: ${JSON.stringify(JSON.stringify(sorted))}: ${why}`;
  return new StatusError(failure(422, ` "" is invalid: patch: ${message}`, {
    causes: [{ reason: "FieldValueInvalid", message, field: "patch" }],
  }));
}

/**
 * Checks an object that a patch made: wrong types and unknown fields, as in {@linkcode decodeBody}.
 *
 * @param object is not changed
 * @throws {StatusError} 422 with a cause of field `patch`
 */
export function pruneAndCheck(
  schema: Schema,
  object: ApiObject,
  fieldValidation: FieldValidation,
  who: Gvk,
): Decoded {
  const { apiVersion, kind } = object;
  if (isGoStruct(who.kind)) {
    const why = mismatch(who, apiVersion, kind);
    if (why !== undefined) throw patchFault(object, why);
  }
  try {
    const none = { repeated: new Map(), duplicates: [], yaml: false };
    const copy = isGoStruct(who.kind) ? object : structuredClone(object);
    const { object: made, strict } = convert({ ...who, schema }, copy, none);
    const warnings = judge(strict, fieldValidation, (why) => patchFault(object, why));
    if (!isGoStruct(who.kind)) checkPatchedType(who, object);
    return { object: made, warnings };
  } catch (error) {
    if (isDecodeFault(error)) throw patchFault(object, error.message);
    throw error;
  }
}

function checkPatchedType(who: Gvk, { apiVersion, kind, metadata }: ApiObject): void {
  const name = String(textOf(metadata) ?? "");
  const fault = (field: string, value: string, wanted: string): StatusError => {
    const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
    return invalid({ group, plural: "", kind }, name, [{
      type: "FieldValueInvalid",
      field,
      message: `Invalid value: ${JSON.stringify(value)}: must be ${wanted}`,
    }]);
  };
  if (kind !== who.kind) throw fault("kind", kind, who.kind);
  if (apiVersion === apiVersionOf(who)) return;
  throw fault("apiVersion", apiVersion, apiVersionOf(who));
}
