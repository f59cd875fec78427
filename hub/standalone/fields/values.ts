/**
 * JSON values as Go's API machinery sees them: absent is `undefined`, null is a value.
 *
 * Source: sigs.k8s.io/structured-merge-diff `value/value.go`
 *
 * @module
 */

/** A JSON object. */
export type JsonObject = Record<string, unknown>;

/** Tells a JSON object from lists, null and scalars. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Tells a string, number or boolean. */
export function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean";
}

/** A member of its own, never one of the prototype; `undefined` when there is none. */
export function member(object: JsonObject | undefined, key: string): unknown {
  return object !== undefined && Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a member, `__proto__` too, which a plain assignment would take for the prototype. */
export function setMember(object: JsonObject, key: string, value: unknown): void {
  if (key === "__proto__") {
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    });
  } else object[key] = value;
}

/** Whether two JSON values say the same; the order of members does not matter. */
export function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameValue(a[key], b[key]));
}

/**
 * Whether lists and objects lie in each other deeper than `limit`. Does not recurse, so it may be
 * asked of anything.
 */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    const next: unknown[] = [];
    for (const item of level) collect(item, next);
    level = next;
  }
  return false;
}

function collect(item: unknown, found: unknown[]): void {
  if (Array.isArray(item)) {
    for (const child of item) if (typeof child === "object" && child !== null) found.push(child);
  } else if (isObject(item)) {
    for (const key in item) {
      const child = item[key];
      if (typeof child === "object" && child !== null) found.push(child);
    }
  }
}

/** How deep the objects may be that are walked here. */
export const MAX_DEPTH = 1_000;

const SURROGATE = /[\ud800-\udfff]/;

/** Order of UTF-8 bytes, as Go compares strings. */
export function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 sorts alike, but for what takes two units, which stands above all others in UTF-8
  if (SURROGATE.test(a) || SURROGATE.test(b)) return compareUnits(a, b);
  return a < b ? -1 : 1;
}

function compareUnits(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i), y = b.charCodeAt(i);
    if (x !== y) return rank(x) - rank(y);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

/**
 * Order of values: numbers, strings, booleans, lists, objects, null.
 *
 * @returns below, at or above zero
 */
export function compareValues(a: unknown, b: unknown): number {
  const kinds = kindRank(a) - kindRank(b);
  if (kinds !== 0) return kinds;
  if (typeof a === "number") return a - Number(b);
  if (typeof a === "string") return compareStrings(a, String(b));
  if (typeof a === "boolean") return Number(a) - Number(b);
  // Only scalars are keys of lists; others just need some order
  return a === null ? 0 : compareStrings(goJson(a), goJson(b));
}

function kindRank(value: unknown): number {
  if (typeof value === "number") return 0;
  if (typeof value === "string") return 1;
  if (typeof value === "boolean") return 2;
  if (Array.isArray(value)) return 3;
  return value === null ? 5 : 4;
}

const HTML = /[<>&\u2028\u2029]/g;

/** JSON as Go's `encoding/json` writes a value without a struct: keys sorted, HTML escaped. */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(",")}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort(compareStrings);
    return `{${keys.map((key) => `${goString(key)}:${goJson(value[key])}`).join(",")}}`;
  }
  return typeof value === "string" ? goString(value) : JSON.stringify(value ?? null);
}

/** A JSON string as Go's `encoding/json` writes it. */
export function goString(text: string): string {
  return JSON.stringify(text).replace(
    HTML,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** As `%v` prints it: `map[a:b c:1]`, `[1 x]`. */
export function goPrint(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goPrint).join(" ")}]`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort(compareStrings);
    return `map[${keys.map((key) => `${key}:${goPrint(value[key])}`).join(" ")}]`;
  }
  return value === null || value === undefined ? "<nil>" : String(value);
}

/** As `%#v` prints it: `map[string]interface {}{"a":1}`. */
export function goSyntax(value: unknown): string {
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(", ")}}`;
  if (isObject(value)) {
    const keys = Object.keys(value).sort(compareStrings);
    const members = keys.map((key) => `${JSON.stringify(key)}:${goSyntax(value[key])}`);
    return `map[string]interface {}{${members.join(", ")}}`;
  }
  if (typeof value === "string") return JSON.stringify(value);
  return value === null || value === undefined ? "interface {}(nil)" : String(value);
}

/** Go's name of a JSON value's type. */
export function goType(value: unknown): string {
  if (Array.isArray(value)) return "[]interface {}";
  if (isObject(value)) return "map[string]interface {}";
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int64" : "float64";
  return "<nil>";
}
