/**
 * Server-side apply: reads the body and merges it.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/patch.go` (applyPatcher)
 *
 * @module
 */
import { badRequest, conflict } from "../errors.ts";
import { serverSideApply } from "../fields/server_side_apply.ts";
import { pruneAndCheck } from "../schema/decode.ts";
import { JsonSyntaxError, readJson } from "../schema/json_text.ts";
import { schemaOf } from "../schema/schemas.ts";
import type { Decoded, FieldValidation } from "../schema/types.ts";
import { readYaml, YamlSyntaxError } from "../schema/yaml_text.ts";
import type { ApiObject } from "../store/types.ts";
import { goTypeName, isRecord, repeatedKeys } from "./json_values.ts";
import { metaText } from "./metadata.ts";
import type { WriteCall, WriteDeps } from "./write_call.ts";

/** What is applied, read. */
export interface Applied {
  readonly object: ApiObject;
  /** Keys that stand twice. */
  readonly duplicates: readonly string[];
}

/** JSON is YAML, and read a hundred times faster. */
function parse(text: string): { value: unknown; duplicates: readonly string[] } {
  if (text.trimStart().startsWith("{")) {
    try {
      const read = readJson(text);
      return { value: read.value, duplicates: repeatedKeys(read) };
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
    }
  }
  try {
    return readYaml(text);
  } catch (error) {
    if (!(error instanceof YamlSyntaxError)) throw error;
    throw badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
  }
}

/**
 * Reads the body of an apply.
 *
 * @throws {StatusError} 400
 */
export function readApplied(text: string, fieldValidation: FieldValidation): Applied {
  const { value: read, duplicates } = parse(text);
  const value = read ?? {};
  if (!isRecord(value)) {
    throw badRequest(
      `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${
        goTypeName(value)
      } into Go value of type map[string]interface {}`,
    );
  }
  if (fieldValidation === "Strict" && duplicates.length > 0) {
    throw badRequest(
      "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n" +
        duplicates.map((line) => `  ${line}`).join("\n"),
    );
  }
  const { apiVersion, kind, metadata } = value;
  return {
    object: {
      ...value,
      apiVersion: typeof apiVersion === "string" ? apiVersion : "",
      kind: typeof kind === "string" ? kind : "",
      metadata: isRecord(metadata) ? metadata : {},
    },
    duplicates: fieldValidation === "Ignore" ? [] : duplicates,
  };
}

/**
 * Merges what is applied into what is there.
 *
 * @param live stays as it is; `undefined` makes a new object
 * @throws {StatusError} 400, 409, 422, 500
 */
export function applyTo(
  { now }: WriteDeps,
  { kind, name, manager, subresource }: WriteCall,
  { object: applied, duplicates }: Applied,
  live: ApiObject | undefined,
  force: boolean,
): Decoded {
  const schema = schemaOf(kind);
  const merged = serverSideApply({ kind, schema, live, applied, manager, force, subresource, now });
  const uid = metaText(applied, "uid");
  if (live === undefined && uid !== "") {
    throw conflict(
      kind,
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  }
  const { object } = pruneAndCheck(schema, merged, "Ignore", kind);
  return { object, warnings: duplicates };
}
