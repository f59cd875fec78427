/**
 * Reads parts of objects whose shape a decoder has made sure of.
 *
 * @module
 */

/** A JSON object. */
export type Fields = Record<string, unknown>;

/** An object at `value`, or an empty one. */
export function fieldsOf(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? value as Fields
    : {};
}

/** A list at `value`, or an empty one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A list of objects at `value`, or an empty one. */
export function objectsOf(value: unknown): readonly Fields[] {
  return listOf(value).map(fieldsOf);
}

/** A text at `value`, or an empty one. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** A list of texts at `value`, or an empty one. */
export function textsOf(value: unknown): readonly string[] {
  return listOf(value).map(textOf);
}

/** Sets a field, or removes it when there is nothing to set. */
export function setOrDelete(target: Fields, key: string, value: unknown): void {
  if (value === undefined) delete target[key];
  else target[key] = value;
}

/** Bytes of a text in UTF-8. */
export function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}
