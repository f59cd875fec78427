/**
 * Options of lists and watches, read and checked as kube-apiserver does.
 *
 * Source: k8s.io/apimachinery `pkg/apis/meta/internalversion/validation/validation.go`,
 * `pkg/runtime/converter.go`
 *
 * @module
 */
import { badRequest, type FieldError, invalid } from "../errors.ts";
import { quoted } from "./label_syntax.ts";

/** What a list or a watch is asked for, selectors apart. */
export interface ListOptions {
  /** As it came; empty when absent. */
  readonly resourceVersion: string;
  /** How the version is meant. */
  readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
  /** Zero or less: all. */
  readonly limit: number;
  /** Empty when absent. */
  readonly continue: string;
  /** `undefined` when absent. */
  readonly timeoutSeconds: number | undefined;
  /** Whether a watch may carry bookmarks. */
  readonly allowWatchBookmarks: boolean;
  /** `undefined` when absent. */
  readonly sendInitialEvents: boolean | undefined;
}

const LIST_OPTIONS = { group: "meta.k8s.io", plural: "", kind: "ListOptions" };
const INT64_MAX = 2n ** 63n - 1n;

/** Whatever is not `false` or `0` is true, an empty text too. */
function boolOf(text: string | null): boolean | undefined {
  if (text === null) return undefined;
  return text.toLowerCase() !== "false" && text !== "0";
}

function intOf(text: string | null): number | undefined {
  if (text === null) return undefined;
  const digits = /^[+-]?(\d+)$/.exec(text)?.[1];
  const why = digits === undefined
    ? "invalid syntax"
    : digits.length > 32 || BigInt(digits) > INT64_MAX
    ? "value out of range"
    : undefined;
  if (why !== undefined) throw badRequest(`strconv.ParseInt: parsing ${quoted(text)}: ${why}`);
  return Number(text);
}

function forbid(field: string, why: string): FieldError {
  return { type: "FieldValueForbidden", field, message: `Forbidden: ${why}` };
}

function unsupported(value: string, supported: string): FieldError {
  return {
    type: "FieldValueNotSupported",
    field: "resourceVersionMatch",
    message: `Unsupported value: ${quoted(value)}: supported values: ${supported}`,
  };
}

function faultsOfWatch(match: string, paged: boolean, initial?: boolean): FieldError[] {
  const faults: FieldError[] = [];
  const field = "resourceVersionMatch";
  if (initial === undefined) {
    if (match !== "") {
      const why = `${field} is forbidden for watch unless sendInitialEvents is provided`;
      faults.push(forbid(field, why));
    }
  } else if (match !== "NotOlderThan") {
    faults.push(forbid(field, `sendInitialEvents requires setting ${field} to NotOlderThan`));
  }
  if (match !== "" && match !== "NotOlderThan") {
    faults.push(unsupported(match, '"NotOlderThan"'));
  }
  if (paged) faults.push(forbid(field, `${field} is forbidden when continue is provided`));
  return faults;
}

function faultsOfList(options: {
  match: string;
  version: string;
  paged: boolean;
  initial: boolean | undefined;
}): FieldError[] {
  const { match, version, paged, initial } = options;
  const faults: FieldError[] = [];
  const field = "resourceVersionMatch";
  if (match !== "") {
    if (paged) faults.push(forbid(field, `${field} is forbidden when continue is provided`));
    if (version === "") {
      faults.push(forbid(field, `${field} is forbidden unless resourceVersion is provided`));
    }
    if (match !== "Exact" && match !== "NotOlderThan") {
      faults.push(unsupported(match, '"Exact", "NotOlderThan", ""'));
    }
    if (match === "Exact" && version === "0") {
      faults.push(forbid(field, `${field} "exact" is forbidden for resourceVersion "0"`));
    }
  }
  if (initial !== undefined) {
    faults.push(forbid("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return faults;
}

/**
 * Reads the query of a list or a watch.
 *
 * @throws {StatusError} 400 for what cannot be read; {@linkcode validateListOptions} comes next
 */
export function parseListOptions({ searchParams }: URL): ListOptions {
  const timeoutSeconds = intOf(searchParams.get("timeoutSeconds"));
  const limit = intOf(searchParams.get("limit")) ?? 0;
  return {
    resourceVersion: searchParams.get("resourceVersion") ?? "",
    resourceVersionMatch: (searchParams.get("resourceVersionMatch") ??
      "") as ListOptions["resourceVersionMatch"],
    limit,
    continue: searchParams.get("continue") ?? "",
    timeoutSeconds,
    allowWatchBookmarks: boolOf(searchParams.get("allowWatchBookmarks")) ?? false,
    sendInitialEvents: boolOf(searchParams.get("sendInitialEvents")),
  };
}

/**
 * Checks options against each other.
 *
 * @throws {StatusError} 422 in kube-apiserver's words
 */
export function validateListOptions(options: ListOptions, watch: boolean): void {
  const match: string = options.resourceVersionMatch;
  const paged = options.continue !== "";
  const initial = options.sendInitialEvents;
  const faults = watch
    ? faultsOfWatch(match, paged, initial)
    : faultsOfList({ match, version: options.resourceVersion, paged, initial });
  if (faults.length === 0) return;
  const error = invalid(LIST_OPTIONS, "", faults);
  delete error.status.details?.name; // An empty name is not written
  throw error;
}
