/**
 * Field selectors, with the refusals of the real parser and of the kinds.
 *
 * Source: k8s.io/apimachinery `pkg/fields/selector.go`; field labels of k8s.io/kubernetes
 * `pkg/apis/core/v1/conversion.go` and k8s.io/apimachinery `pkg/runtime/converter.go`
 *
 * @module
 */
import { badRequest } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { Stored } from "../store/types.ts";
import { quoted } from "./label_syntax.ts";

/** One comparison. */
export interface FieldTerm {
  /** Such as `metadata.name`. */
  readonly field: string;
  /** Without escapes. */
  readonly value: string;
  /** `false` for `!=`. */
  readonly equal: boolean;
}

/** A parsed selector. */
export interface FieldMatch {
  /** Whether the object is meant. */
  matches(stored: Stored): boolean;
  /** The only name that matches. */
  readonly name?: string;
  /** Whether the object's JSON must be parsed. */
  readonly parses: boolean;
}

/** Splits at commas that no backslash precedes. */
function termsOf(text: string): string[] {
  const terms: string[] = [];
  let start = 0, escaped = false;
  for (let i = 0; i < text.length; i++) {
    if (escaped) escaped = false;
    else if (text[i] === "\\") escaped = true;
    else if (text[i] === ",") {
      terms.push(text.slice(start, i));
      start = i + 1;
    }
  }
  terms.push(text.slice(start));
  return terms;
}

function unescape(value: string): string {
  let result = "";
  for (let i = 0; i < value.length; i++) {
    const char = value[i]!;
    if (char === "\\") {
      const next = value[++i] ?? "";
      if (next !== "\\" && next !== "," && next !== "=") {
        throw badRequest(`invalid field selector: invalid escape sequence: \\${next}`);
      }
      result += next;
    } else if (char === "," || char === "=") {
      throw badRequest(
        `invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`,
      );
    } else result += char;
  }
  return result;
}

/**
 * Parses a selector such as `metadata.name=x,type!=Opaque`.
 *
 * @throws {StatusError} 400 in kube-apiserver's words
 */
export function parseFieldTerms(text: string): FieldTerm[] {
  const terms: FieldTerm[] = [];
  for (const term of termsOf(text)) {
    if (term === "") continue;
    const found = /!=|==?/.exec(term);
    if (found === null) {
      throw badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    const field = term.slice(0, found.index);
    const value = unescape(term.slice(found.index + found[0].length));
    terms.push({ field, value, equal: found[0] !== "!=" });
  }
  return terms;
}

function checkField(field: string, kind: ApiKind): void {
  const { selectableFields, custom, namespaced } = kind;
  if (field === "metadata.name") return;
  if (selectableFields.length === 0 && !custom) {
    if (field === "metadata.namespace") return;
    throw badRequest(
      `${quoted(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
    );
  }
  if (field === "metadata.namespace" && namespaced) return;
  if (!selectableFields.includes(field)) {
    throw badRequest(`field label not supported: ${field}`);
  }
}

function at(object: unknown, path: string): unknown {
  let value = object;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}

/** What each selectable field of an object is, so that its JSON is parsed once. */
const cache = new WeakMap<Stored, Readonly<Record<string, string>>>();

function fieldsOf(stored: Stored, kind: ApiKind): Readonly<Record<string, string>> {
  const known = cache.get(stored);
  if (known !== undefined) return known;
  const object: unknown = JSON.parse(stored.json);
  const fields: Record<string, string> = {};
  for (const field of kind.selectableFields) fields[field] = text(at(object, field));
  if ("spec.unschedulable" in fields) {
    fields["spec.unschedulable"] ||= "false";
  }
  if ("source" in fields) {
    fields["source"] = text(at(object, "source.component")) ||
      text(at(object, "reportingComponent"));
  }
  cache.set(stored, fields);
  return fields;
}

/**
 * Looks up the fields of a selector.
 *
 * @returns `undefined` when it is empty, which matches everything
 * @throws {StatusError} 400 for a field that the kind cannot select by
 */
export function fieldMatch(parsed: readonly FieldTerm[], kind: ApiKind): FieldMatch | undefined {
  // `=` compares nothing with nothing, and is dropped as kube-apiserver does
  const terms = parsed.filter(({ field, value }) => field !== "" || value !== "");
  for (const { field } of terms) checkField(field, kind);
  if (terms.length === 0) return undefined;
  const name = terms.find(({ field, equal }) => equal && field === "metadata.name")?.value;
  const parses = terms.some(({ field }) => !field.startsWith("metadata."));
  return {
    parses,
    ...(name === undefined ? {} : { name }),
    matches: (stored) =>
      terms.every(({ field, value, equal }) => {
        const actual = field === "metadata.name"
          ? stored.name
          : field === "metadata.namespace"
          ? stored.namespace
          : fieldsOf(stored, kind)[field];
        return (actual === value) === equal;
      }),
  };
}
