/**
 * Values against a structural schema, in the words of kube-openapi's validator. What an update
 * leaves as it was is not refused (ratcheting, KEP-4008).
 *
 * Source: k8s.io/kube-openapi `pkg/validation/validate`, k8s.io/apiextensions-apiserver
 * `pkg/apiserver/validation`
 *
 * @module
 */
import type { FieldError } from "../errors.ts";
import type { Schema } from "../schema/types.ts";
import { invalidValue, notSupported, required, same, tooLong, tooMany } from "./field_errors.ts";
import { keysOf } from "./list_types.ts";
import { fieldsOf, listOf } from "./values.ts";

const INT32 = 2 ** 31;
const INT64 = 2 ** 63;
const DATE = /^\d{4}-(\d\d)-(\d\d)$/;
const TIME = /^(\d\d):(\d\d):(\d\d)(\.\d+)?(z|[+-]\d\d:\d\d)$/;
const GO_TYPES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  string: { integer: "int64", number: "float64", boolean: "", object: "" },
  integer: { boolean: "", object: "" },
};
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

const patterns = new Map<string, RegExp>();

function patternOf(text: string): RegExp {
  const known = patterns.get(text) ?? new RegExp(text);
  patterns.set(text, known);
  return known;
}

function isInteger(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= -INT64 && value < INT64;
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (typeof value === "number") return isInteger(value) ? "integer" : "number";
  return typeof value;
}

function isDateTime(text: string): boolean {
  const [date = "", time = "", ...more] = text.toLowerCase().split("t");
  const day = DATE.exec(date);
  const clock = TIME.exec(time);
  if (day === null || clock === null || more.length > 0) return false;
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.getUTCDate() === Number(day[2]) &&
    Number(clock[1]) < 24 && Number(clock[2]) < 60 && Number(clock[3]) < 60;
}

/** Where a value stands: `root` is named apart from the words of its faults. */
interface Place {
  /** Of the validated part: empty, or `status`. */
  readonly root: string;
  /** Below the root: `conditions[0].type`. */
  readonly name: string;
}

function fieldOf({ root, name }: Place): string {
  if (root === "") return name === "" ? "<nil>" : name;
  return name === "" ? root : `${root}.${name}`;
}

function under(place: Place, key: string): Place {
  return { ...place, name: place.name === "" ? key : `${place.name}.${key}` };
}

function wrongType(place: Place, wanted: string, found: string): FieldError {
  const words = `${place.name} in body must be of type ${wanted}: "${found}"`;
  return invalidValue(fieldOf(place), found, words, "FieldValueTypeInvalid");
}

function rootFault({ root }: Place, words: string): FieldError {
  return { ...invalidValue(root === "" ? "<nil>" : root, "", words) };
}

function typeFaults(schema: Schema, value: unknown, place: Place): FieldError[] {
  const found = typeOf(value);
  if (schema["x-kubernetes-int-or-string"] === true) {
    if (found === "integer" || found === "string") return [];
    const faults = [
      wrongType(place, "integer,string", found),
      rootFault(place, `"${place.name}" must validate at least one schema (anyOf)`),
      wrongType(place, "integer", found),
    ];
    if (found !== "number") return faults;
    const words = `Checked value must be of type integer (default format) in ${place.name}`;
    return [...faults, rootFault(place, words)];
  }
  const { type, format } = schema;
  if (type === undefined || found === type || (value === null && schema.nullable === true)) {
    return [];
  }
  if (type === "number" && found === "integer") return [];
  if (type === "integer" && found === "number") {
    const kind = format ?? "integer";
    const words = format === undefined ? "(default format)" : `with format ${format}`;
    return [
      wrongType(place, kind, format === undefined ? "number" : "float64"),
      rootFault(place, `Checked value must be of type integer ${words} in ${place.name}`),
    ];
  }
  // With a format the value is told by its Go type, of which the validator knows few.
  const go = format === undefined ? undefined : GO_TYPES[type]?.[found];
  return [go === undefined ? wrongType(place, type, found) : wrongType(place, format!, go)];
}

function stringFaults(schema: Schema, value: string, place: Place): FieldError[] {
  const { maxLength, minLength, pattern, format } = schema;
  const length = (): number => [...value].length;
  const faults: FieldError[] = [];
  if (maxLength !== undefined && value.length > maxLength && length() > maxLength) {
    faults.push(tooLong(fieldOf(place), maxLength));
  } else if (minLength !== undefined && length() < minLength) {
    const words = `${place.name} in body should be at least ${minLength} chars long`;
    faults.push(invalidValue(fieldOf(place), value, words));
  } else if (pattern !== undefined && !patternOf(pattern).test(value)) {
    const words = `${place.name} in body should match '${pattern}'`;
    faults.push(invalidValue(fieldOf(place), value, words));
  }
  const fits = format === "date-time"
    ? isDateTime(value)
    : format !== "byte" || (value.length % 4 === 0 && BASE64.test(value));
  if (!fits) {
    const words = `${place.name} in body must be of type ${format}: ${JSON.stringify(value)}`;
    faults.push(invalidValue(fieldOf(place), value, words, "FieldValueTypeInvalid"));
  }
  return faults;
}

function numberFaults(
  { minimum, maximum, format }: Schema,
  value: number,
  place: Place,
): FieldError[] {
  const faults: FieldError[] = [];
  if (format === "int32" && (value < -INT32 || value >= INT32)) {
    const words = `Checked value must be of type integer with format int32 in ${place.name}`;
    faults.push(rootFault(place, words));
  }
  const bound = (words: string): FieldError =>
    invalidValue(fieldOf(place), value, `${place.name} in body should be ${words}`);
  if (maximum !== undefined && value > maximum) {
    faults.push(bound(`less than or equal to ${maximum}`));
  }
  if (minimum !== undefined && value < minimum) {
    faults.push(bound(`greater than or equal to ${minimum}`));
  }
  return faults;
}

/** What stood at the place of a list's item before; only lists that are maps know. */
function oldItem(schema: Schema, item: unknown, old: unknown): unknown {
  if (schema["x-kubernetes-list-type"] !== "map") return undefined;
  const keys = keysOf(schema, item);
  return listOf(old).find((one) => same(keysOf(schema, one), keys));
}

function listFaults(schema: Schema, value: unknown[], old: unknown, place: Place): FieldError[] {
  const { items, maxItems, minItems } = schema;
  const faults: FieldError[] = [];
  if (maxItems !== undefined && value.length > maxItems) {
    return [tooMany(fieldOf(place), value.length, maxItems)];
  }
  if (minItems !== undefined && value.length < minItems) {
    const words = `${place.name} in body should have at least ${minItems} items`;
    faults.push(invalidValue(fieldOf(place), value.length, words));
  }
  if (items === undefined) return faults;
  for (const [index, item] of value.entries()) {
    const at = { ...place, name: `${place.name}[${index}]` };
    faults.push(...validate(items, item, oldItem(schema, item, old), at));
  }
  return faults;
}

function objectFaults(
  schema: Schema,
  value: Record<string, unknown>,
  old: unknown,
  place: Place,
): FieldError[] {
  const { properties = {}, additionalProperties, maxProperties } = schema;
  const count = Object.keys(value).length;
  if (maxProperties !== undefined && count > maxProperties) {
    return [tooMany(fieldOf(place), count, maxProperties)];
  }
  const before = fieldsOf(old);
  const faults: FieldError[] = [];
  for (const [key, child] of Object.entries(value)) {
    const known = Object.hasOwn(properties, key) ? properties[key] : additionalProperties;
    if (known !== undefined) faults.push(...validate(known, child, before[key], under(place, key)));
  }
  for (const key of schema.required ?? []) {
    if (value[key] === undefined) faults.push(required(fieldOf(under(place, key))));
  }
  return faults;
}

function validate(schema: Schema, value: unknown, old: unknown, place: Place): FieldError[] {
  if (old !== undefined && same(value, old)) return [];
  const faults = typeFaults(schema, value, place);
  if (schema.enum !== undefined && !schema.enum.includes(value)) {
    faults.push(notSupported(fieldOf(place), value, schema.enum));
  }
  if (faults.some(({ type }) => type === "FieldValueTypeInvalid")) return faults;
  if (typeof value === "string") faults.push(...stringFaults(schema, value, place));
  else if (typeof value === "number") faults.push(...numberFaults(schema, value, place));
  else if (Array.isArray(value)) faults.push(...listFaults(schema, value, old, place));
  else if (typeof value === "object" && value !== null) {
    faults.push(...objectFaults(schema, value as Record<string, unknown>, old, place));
  }
  return faults;
}

/**
 * Faults of a value. Goes as deep as the schema.
 *
 * @param old what stood there before an update; what is the same is not looked at
 * @param root path of the value: empty, or `status`
 */
export function validateSchema(
  schema: Schema,
  value: unknown,
  old: unknown,
  root: string,
): FieldError[] {
  return validate(schema, value, old, { root, name: "" });
}
