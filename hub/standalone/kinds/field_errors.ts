/**
 * Faults of fields, in the words of `field.Error`.
 *
 * Source: k8s.io/apimachinery `pkg/util/validation/field/errors.go`
 *
 * @module
 */
import type { FieldError, FieldErrorType } from "../errors.ts";

function show(value: unknown): string {
  return value === undefined ? "null" : JSON.stringify(value);
}

function withDetail(text: string, detail: string): string {
  return detail === "" ? text : `${text}: ${detail}`;
}

/** `Invalid value: "x": must be ...`. */
export function invalidValue(
  field: string,
  value: unknown,
  detail: string,
  type: FieldErrorType = "FieldValueInvalid",
): FieldError {
  return { type, field, message: withDetail(`Invalid value: ${show(value)}`, detail) };
}

/** `Required value`, and why. */
export function required(field: string, detail = ""): FieldError {
  return { type: "FieldValueRequired", field, message: withDetail("Required value", detail) };
}

/** `Duplicate value: "x"`. */
export function duplicate(field: string, value: unknown, detail = ""): FieldError {
  return {
    type: "FieldValueDuplicate",
    field,
    message: withDetail(`Duplicate value: ${show(value)}`, detail),
  };
}

/** `Unsupported value: "x": supported values: "a", "b"`. */
export function notSupported(
  field: string,
  value: unknown,
  supported: readonly unknown[],
): FieldError {
  const list = supported.map(show).join(", ");
  const text = `Unsupported value: ${show(value)}: supported values: ${list}`;
  return { type: "FieldValueNotSupported", field, message: text };
}

/** `Forbidden: why`. */
export function forbiddenField(field: string, detail: string): FieldError {
  return { type: "FieldValueForbidden", field, message: withDetail("Forbidden", detail) };
}

/** `Too long: may not be more than 1 bytes`. */
export function tooLong(field: string, bytes: number): FieldError {
  return {
    type: "FieldValueTooLong",
    field,
    message: `Too long: may not be more than ${bytes} bytes`,
  };
}

/** `Too many: 5: must have at most 3 items`. */
export function tooMany(field: string, count: number, limit: number): FieldError {
  return {
    type: "FieldValueTooMany",
    field,
    message: `Too many: ${count}: must have at most ${limit} items`,
  };
}

/** `Invalid value: "x": field is immutable`, when the two are not the same. */
export function immutable(field: string, value: unknown, old: unknown): FieldError[] {
  return same(value, old) ? [] : [invalidValue(field, value, "field is immutable")];
}

/** Whether two JSON values are equal; the order of keys says nothing. */
export function same(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) {
    return false;
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length &&
    keys.every((key) =>
      Object.hasOwn(other, key) &&
      same((one as Record<string, unknown>)[key], (other as Record<string, unknown>)[key])
    );
}
