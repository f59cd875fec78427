/**
 * Options of deletions, in the body or in the query.
 *
 * Source: k8s.io/apiserver `pkg/endpoints/handlers/delete.go`, k8s.io/apimachinery
 * `pkg/apis/meta/v1/validation/validation.go`
 *
 * @module
 */
import { queryBoolean } from "../api/parse_request_info.ts";
import { badRequest, type FieldError } from "../errors.ts";
import { JsonSyntaxError, readJson } from "../schema/json_text.ts";
import { decodeProtobuf } from "../schema/protobuf.ts";
import { readYaml, YamlSyntaxError } from "../schema/yaml_text.ts";
import { bodyText, type BodyType, PROTOBUF } from "./body.ts";
import { checkBody } from "./complexity.ts";
import { goQuote } from "../go_text.ts";
import { dryRunFaults, refuseOptions } from "./options.ts";

/** What becomes of dependents. */
export type PropagationPolicy = "Background" | "Foreground" | "Orphan";

/** `metav1.DeleteOptions`, as far as it matters here. */
export interface DeleteOptions {
  readonly dryRun: boolean;
  readonly orphanDependents?: boolean;
  readonly propagationPolicy?: PropagationPolicy;
  /** What the object must still be. */
  readonly preconditions: { readonly uid?: string; readonly resourceVersion?: string };
}

interface Raw {
  dryRun: string[];
  orphanDependents?: boolean;
  propagationPolicy?: string;
  preconditions: { uid?: string; resourceVersion?: string };
}

const POLICIES = new Set(["Background", "Foreground", "Orphan"]);

function goType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value;
}

/** A field of the body, or `undefined`; JSON's `null` is nothing. */
function field<T>(
  body: Record<string, unknown>,
  name: string,
  type: string,
  fits: (value: unknown) => value is T,
  where = "DeleteOptions",
): T | undefined {
  const value = body[name];
  if (value === undefined || value === null) return undefined;
  if (fits(value)) return value;
  throw badRequest(
    `json: cannot unmarshal ${goType(value)} into Go struct field ${where}.${name} of type ${type}`,
  );
}

const isText = (value: unknown): value is string => typeof value === "string";
const isBoolean = (value: unknown): value is boolean => typeof value === "boolean";
const isInteger = (value: unknown): value is number => Number.isSafeInteger(value);
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);
const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

async function parse(body: Uint8Array, type: BodyType): Promise<unknown> {
  if (type === PROTOBUF) {
    return await decodeProtobuf(body, { apiVersion: "v1", kind: "DeleteOptions" });
  }
  checkBody(body, type);
  const text = bodyText(body);
  if (type === "application/yaml") {
    try {
      return readYaml(text).value;
    } catch (error) {
      if (!(error instanceof YamlSyntaxError)) throw error;
      throw badRequest(error.message);
    }
  }
  try {
    return readJson(text).value;
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw badRequest(`couldn't get version/kind; json parse error: ${error.message}`);
  }
}

function fromBody(parsed: unknown): Raw {
  if (!isRecord(parsed)) {
    throw badRequest(
      `couldn't get version/kind; json parse error: json: cannot unmarshal ${
        goType(parsed)
      } into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`,
    );
  }
  const kind = field(parsed, "kind", "string", isText) ?? "";
  const version = field(parsed, "apiVersion", "string", isText) ?? "";
  if (kind !== "" && kind !== "DeleteOptions") {
    throw badRequest(
      `no kind ${goQuote(kind)} is registered for version ${
        goQuote(version)
      } in scheme "pkg/runtime/scheme.go:111"`,
    );
  }
  field(parsed, "gracePeriodSeconds", "int64", isInteger); // Nothing here dies slowly
  const must = field(parsed, "preconditions", "v1.Preconditions", isRecord) ?? {};
  const uid = field(must, "uid", "types.UID", isText, "DeleteOptions.preconditions");
  const version2 = field(must, "resourceVersion", "string", isText, "DeleteOptions.preconditions");
  const orphan = field(parsed, "orphanDependents", "bool", isBoolean);
  const policy = field(parsed, "propagationPolicy", "v1.DeletionPropagation", isText);
  return {
    dryRun: field(parsed, "dryRun", "[]string", isTexts) ?? [],
    ...(orphan === undefined ? {} : { orphanDependents: orphan }),
    ...(policy === undefined ? {} : { propagationPolicy: policy }),
    preconditions: {
      ...(uid === undefined ? {} : { uid }),
      ...(version2 === undefined ? {} : { resourceVersion: version2 }),
    },
  };
}

function fromQuery(query: URLSearchParams): Raw {
  const grace = query.get("gracePeriodSeconds");
  if (grace !== null && !/^[+-]?[0-9]+$/.test(grace)) {
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(grace)}: invalid syntax`);
  }
  const orphan = query.get("orphanDependents");
  const policy = query.get("propagationPolicy");
  return {
    dryRun: query.getAll("dryRun"),
    ...(orphan === null ? {} : { orphanDependents: queryBoolean(orphan) }),
    ...(policy === null ? {} : { propagationPolicy: policy }),
    preconditions: {},
  };
}

function faultsOf({ dryRun, orphanDependents, propagationPolicy }: Raw): FieldError[] {
  const faults: FieldError[] = [];
  const name = "propagationPolicy";
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    faults.push({
      type: "FieldValueInvalid",
      field: name,
      message: `Invalid value: ${
        goQuote(propagationPolicy)
      }: orphanDependents and deletionPropagation cannot be both set`,
    });
  }
  if (propagationPolicy !== undefined && !POLICIES.has(propagationPolicy)) {
    faults.push({
      type: "FieldValueNotSupported",
      field: name,
      message: `Unsupported value: ${
        goQuote(propagationPolicy)
      }: supported values: "Foreground", "Background", "Orphan", "nil"`,
    });
  }
  return [...faults, ...dryRunFaults(dryRun)];
}

/**
 * Reads the options of a deletion; where there is a body, the query says nothing.
 *
 * @param type called only when there is a body
 * @throws {StatusError} 400, 415 or 422
 */
export async function readDeleteOptions(
  url: URL,
  body: Uint8Array,
  type: () => BodyType,
): Promise<DeleteOptions> {
  const raw = body.length === 0
    ? fromQuery(url.searchParams)
    : fromBody(await parse(body, type()) ?? {});
  refuseOptions("DeleteOptions", faultsOf(raw));
  const { propagationPolicy, dryRun, ...rest } = raw;
  return {
    ...rest,
    dryRun: dryRun.length > 0,
    ...(propagationPolicy === undefined
      ? {}
      : { propagationPolicy: propagationPolicy as PropagationPolicy }),
  };
}
