/**
 * How many values a write may hold. What is done with an object takes time for each of its values,
 * not for its bytes, and all that while nobody else is served: 1 MiB of text is nothing, 1 MiB of
 * short keys is half a second. No object of a cluster has a tenth of what is allowed.
 *
 * @module
 */
import { badRequest, invalid } from "../errors.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { ApiObject } from "../store/types.ts";
import { failure, StatusError } from "../../../shared/kube/status.ts";

/** Values of an object: members and items at any depth, `metadata.managedFields` apart. */
export const MAX_VALUES = 10_000;
/** Values of a JSON patch: 10,000 operations, as many as kube-apiserver takes. */
export const MAX_PATCH_VALUES = 40_000;

/** `metadata.ownerReferences` of one object. */
const MAX_OWNERS = 256;
/** YAML is read a hundred times slower than JSON. */
const MAX_YAML = 16 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

function tooMany(limit: number): StatusError {
  return new StatusError(
    failure(413, `Request entity too large: the limit is ${limit} values in one object`),
  );
}

/** Index behind the quote that ends a string, or the length. */
function endOfString(body: Uint8Array, start: number): number {
  for (let at = body.indexOf(QUOTE, start); at >= 0; at = body.indexOf(QUOTE, at + 1)) {
    let before = at - 1;
    while (before >= start && body[before] === BACKSLASH) before--;
    if ((at - before) % 2 === 1) return at + 1;
  }
  return body.length;
}

/**
 * Counts the commas of JSON before it is parsed, those in strings apart.
 *
 * @throws {StatusError} 413 when there are too many
 */
export function checkText(body: Uint8Array, limit: number = MAX_VALUES): void {
  if (body.length <= limit) return;
  let commas = 0;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (byte === QUOTE) at = endOfString(body, at + 1) - 1;
    else if (byte === COMMA && ++commas > limit) throw tooMany(limit);
  }
}

/**
 * Checks a body before it is parsed.
 *
 * @throws {StatusError} 413 when it holds too many values, 400 for YAML longer than 16 KiB
 */
export function checkBody(
  body: Uint8Array,
  mediaType: "application/json" | "application/yaml",
  limit: number = MAX_VALUES,
): void {
  if (mediaType === "application/yaml" && body.length > MAX_YAML && !isJson(body)) {
    throw badRequest(`more than ${MAX_YAML} bytes of YAML are not read: send it as JSON`);
  }
  checkText(body, limit);
}

function isJson(body: Uint8Array): boolean {
  return body[0] === 0x7b;
}

/**
 * Checks how many owners an object has: refusals name all of them, once for each.
 *
 * @throws {StatusError} 422 when there are too many
 */
export function checkOwners(kind: ApiKind, { metadata }: ApiObject): void {
  const { ownerReferences, name } = metadata;
  if (!Array.isArray(ownerReferences) || ownerReferences.length <= MAX_OWNERS) return;
  const { length } = ownerReferences;
  throw invalid(kind, typeof name === "string" ? name : "", [{
    type: "FieldValueTooMany",
    field: "metadata.ownerReferences",
    message: `Too many: ${length}: must have at most ${MAX_OWNERS} items`,
  }]);
}

/**
 * Counts the values of an object: patches add to what is there already.
 *
 * @throws {StatusError} 413 when there are too many
 */
export function checkValues(object: unknown): void {
  let count = 0;
  const open: unknown[] = [object];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    const isArray = Array.isArray(value);
    for (const key in value) {
      if (!isArray && key === "managedFields") continue;
      const item = (value as Record<string, unknown>)[key];
      if (++count > MAX_VALUES) throw tooMany(MAX_VALUES);
      if (typeof item === "object" && item !== null) open.push(item);
    }
  }
}
