/**
 * Which objects a list or a watch is about.
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import type { Stored } from "../store/types.ts";
import { fieldMatch, parseFieldTerms } from "./field_selector.ts";
import { parseLabelSelector } from "./label_selector.ts";

/** The label and the field selector of a request. */
export interface Selectors {
  /** Whether the object is meant. */
  matches(stored: Stored): boolean;
  /** Everything matches. */
  readonly empty: boolean;
  /** The only name that matches, from `metadata.name=...`. */
  readonly name?: string;
  /** Whether {@linkcode matches} parses objects, which takes time. */
  readonly parses: boolean;
}

/**
 * Reads `labelSelector` and `fieldSelector`.
 *
 * @param check called once both are read, before fields are looked up: other options are checked
 * between the two
 * @throws {StatusError} 400 in kube-apiserver's words
 */
export function parseSelectors(
  url: URL,
  kind: ApiKind,
  check: () => void = () => {},
): Selectors {
  const labels = parseLabelSelector(url.searchParams.get("labelSelector") ?? "");
  const terms = parseFieldTerms(url.searchParams.get("fieldSelector") ?? "");
  check();
  const fields = fieldMatch(terms, kind);
  return {
    empty: labels === undefined && fields === undefined,
    parses: fields?.parses ?? false,
    ...(fields?.name === undefined ? {} : { name: fields.name }),
    matches: (stored) =>
      (labels === undefined || labels(stored.labels)) &&
      (fields === undefined || fields.matches(stored)),
  };
}
