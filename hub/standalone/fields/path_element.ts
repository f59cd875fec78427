/**
 * Elements of the paths to fields, as `FieldsV1` writes them: `f:name` a field, `k:{"type":"a"}` an
 * item of a list by its keys, `v:"x"` an item of a set by its value, `i:0` an item by its index.
 * Equal elements are equal strings.
 *
 * Source: sigs.k8s.io/structured-merge-diff `fieldpath/serialize-pe.go`, `fieldpath/element.go`
 *
 * @module
 */
import {
  compareStrings,
  compareValues,
  goJson,
  isObject,
  isScalar,
  type JsonObject,
} from "./values.ts";

/** An element of a path. */
export type PathElement = string;

/** Where a field lies, from the object's root. */
export type Path = readonly PathElement[];

/** The field of that name. */
export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

/** The item with these keys. */
export function keyElement(keys: JsonObject): PathElement {
  return `k:${goJson(keys)}`;
}

/** The item of a set with this value. */
export function valueElement(value: unknown): PathElement {
  return `v:${goJson(value)}`;
}

/** The name when it is a field, else `undefined`. */
export function fieldName(element: PathElement): string | undefined {
  return element.startsWith("f:") ? element.slice(2) : undefined;
}

/**
 * Reads an element that somebody else wrote.
 *
 * @returns the same element in the form that is compared; `undefined` for a kind of element that is
 *   not known, which is to be skipped
 * @throws Error when it cannot be read
 */
export function parseElement(text: string): PathElement | undefined {
  if (text.length < 2) throw new Error("key must be 2 characters long:");
  if (text[1] !== ":") throw new Error(`missing colon: ${text}`);
  const rest = text.slice(2);
  if (text[0] === "f") return text;
  if (text[0] === "v") {
    const value: unknown = JSON.parse(rest);
    return valueElement(value);
  }
  if (text[0] === "k") {
    const keys: unknown = JSON.parse(rest);
    if (!isObject(keys)) throw new Error(`not an object of keys: ${rest}`);
    return keyElement(keys);
  }
  if (text[0] !== "i") return undefined;
  if (!/^[+-]?\d{1,18}$/.test(rest)) throw new Error(`not an index: ${rest}`);
  return `i:${Number(rest)}`;
}

const RANK: Readonly<Record<string, number>> = { f: 0, k: 1, v: 2, i: 3 };

/** Sorts elements as Kubernetes does: fields, then keys, then values, then indexes. */
export function sortElements(elements: Iterable<PathElement>): PathElement[] {
  const list = [...elements];
  if (list.every((element) => element.startsWith("f:"))) {
    // Mostly they come sorted, as they were written
    const isSorted = list.every((name, i) =>
      i === 0 || compareStrings(list[i - 1] ?? "", name) < 0
    );
    return isSorted ? list : list.sort(compareStrings);
  }
  const known = list.map((element) => ({
    element,
    rank: RANK[element.charAt(0)] ?? 4,
    // Parsed once each, not once for each comparison
    content: element.startsWith("f:") ? element : JSON.parse(element.slice(2)) as unknown,
  }));
  known.sort((a, b) => a.rank - b.rank || compareContent(a.content, b.content));
  return known.map(({ element }) => element);
}

function compareContent(a: unknown, b: unknown): number {
  if (!isObject(a) || !isObject(b)) return compareValues(a, b);
  const left = Object.keys(a).sort(compareStrings), right = Object.keys(b).sort(compareStrings);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const x = left[i] ?? "", y = right[i] ?? "";
    const order = compareStrings(x, y) || compareValues(a[x], b[y]);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** As people read it: `.name`, `[type="a"]`, `[="x"]`, `[0]`. */
export function elementText(element: PathElement): string {
  const rest = element.slice(2);
  if (element.startsWith("f:")) return `.${rest}`;
  if (element.startsWith("i:")) return `[${rest}]`;
  const content: unknown = JSON.parse(rest);
  if (!isObject(content)) return `[=${valueText(content)}]`;
  const keys = Object.keys(content).sort(compareStrings);
  return `[${keys.map((key) => `${key}=${valueText(content[key])}`).join(",")}]`;
}

/** As people read it: `.status.conditions[type="Ready"].status`. */
export function pathText(path: Path): string {
  return path.map(elementText).join("");
}

function valueText(value: unknown): string {
  return isScalar(value) || value === null ? JSON.stringify(value) : goJson(value);
}
