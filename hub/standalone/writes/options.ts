/**
 * Options of writes that stand in the query.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/v1/validation/validation.go`
 *
 * @module
 */
import { queryBoolean } from "../api/parse_request_info.ts";
import { type FieldError, invalid } from "../errors.ts";
import type { FieldValidation } from "../schema/types.ts";
import { goQuote, isPrintable } from "../go_text.ts";

const META = "meta.k8s.io";
const MAX_MANAGER = 128;

/** What a create, update or patch says beside its body. */
export interface WriteOptions {
  /** Whether to go all the way but write nothing. */
  readonly dryRun: boolean;
  /** Empty when it is not said. */
  readonly fieldManager: string;
  /** `Warn` when it is not said. */
  readonly fieldValidation: FieldValidation;
  /** Of an apply: whether to take fields from others. */
  readonly force: boolean;
}

/**
 * The fault of unknown options.
 *
 * @throws {StatusError} 422 when there are faults
 */
export function refuseOptions(kind: string, faults: readonly FieldError[]): void {
  if (faults.length === 0) return;
  throw invalid({ group: META, plural: "", kind }, "", faults);
}

/** Faults of `dryRun`. */
export function dryRunFaults(dryRun: readonly string[]): FieldError[] {
  if (dryRun.every((value) => value === "All")) return [];
  const given = JSON.stringify(dryRun);
  return [{
    type: "FieldValueNotSupported",
    field: "dryRun",
    message: `Unsupported value: ${given}: supported values: "All"`,
  }];
}

function managerFaults(manager: string): FieldError[] {
  const field = "fieldManager";
  const faults: FieldError[] = [];
  if (new TextEncoder().encode(manager).length > MAX_MANAGER) {
    const message = `Too long: may not be more than ${MAX_MANAGER} bytes`;
    faults.push({ type: "FieldValueTooLong", field, message });
  }
  let position = 0;
  for (const character of manager) {
    if (!isPrintable(character) && faults.length < 16) {
      const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
      faults.push({
        type: "FieldValueInvalid",
        field,
        message: `Invalid value: ${
          goQuote(manager)
        }: invalid character U+${code} (at position ${position})`,
      });
    }
    position += new TextEncoder().encode(character).length;
  }
  return faults;
}

const FIELD_VALIDATIONS = new Set(["", "Ignore", "Strict", "Warn"]);

function fieldValidationFaults(value: string): FieldError[] {
  if (FIELD_VALIDATIONS.has(value)) return [];
  return [{
    type: "FieldValueNotSupported",
    field: "fieldValidation",
    message: `Unsupported value: ${
      goQuote(value)
    }: supported values: "", "Ignore", "Strict", "Warn"`,
  }];
}

/** What a patch may say of its own. */
function patchFaults(query: URLSearchParams, apply: boolean): FieldError[] {
  if (apply && (query.get("fieldManager") ?? "") === "") {
    return [{
      type: "FieldValueRequired",
      field: "fieldManager",
      message: "Required value: is required for apply patch",
    }];
  }
  if (!apply && query.has("force")) {
    return [{
      type: "FieldValueForbidden",
      field: "force",
      message: "Forbidden: may not be specified for non-apply patch",
    }];
  }
  return [];
}

/**
 * Reads the options of a write.
 *
 * @param kind names them in a refusal
 * @param apply whether it is a server-side apply; only for patches
 * @throws {StatusError} 422
 */
export function readOptions(
  url: URL,
  kind: "CreateOptions" | "UpdateOptions" | "PatchOptions",
  apply = false,
): WriteOptions {
  const query = url.searchParams;
  const dryRun = query.getAll("dryRun");
  const fieldManager = query.get("fieldManager") ?? "";
  const fieldValidation = query.get("fieldValidation") ?? "";
  refuseOptions(kind, [
    ...(kind === "PatchOptions" ? patchFaults(query, apply) : []),
    ...managerFaults(fieldManager),
    ...dryRunFaults(dryRun),
    ...fieldValidationFaults(fieldValidation),
  ]);
  return {
    dryRun: dryRun.length > 0,
    fieldManager,
    fieldValidation: fieldValidation === "" ? "Warn" : fieldValidation as FieldValidation,
    force: queryBoolean(query.get("force")),
  };
}

/**
 * Who manages the fields that a request writes.
 *
 * @returns what it says, else its program's name
 */
export function managerOf(request: Request, { fieldManager }: WriteOptions): string {
  if (fieldManager !== "") return fieldManager;
  const [program = ""] = (request.headers.get("User-Agent") ?? "").split("/");
  let manager = "";
  for (const character of program) {
    if (!isPrintable(character)) continue;
    if (manager.length + character.length > MAX_MANAGER) break;
    manager += character;
  }
  return manager === "" ? "unknown" : manager;
}
