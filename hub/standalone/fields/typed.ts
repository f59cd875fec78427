/**
 * Checks of values against what may stand at a place, and how items of lists are told apart.
 *
 * Source: sigs.k8s.io/structured-merge-diff `typed/validate.go`, `typed/helpers.go`
 *
 * @module
 */
import { type Atom, deduce, fieldAtom, type ListAtom, type ScalarType } from "./atom.ts";
import { elementText, keyElement, type PathElement, valueElement } from "./path_element.ts";
import { goPrint, goSyntax, goType, isObject, type JsonObject } from "./values.ts";

/** Thrown when a value does not fit its schema. */
export class TypedError extends Error {
  /** Tells it from other errors. */
  override readonly name = "TypedError";

  /**
   * Made of all that is wrong.
   *
   * @param faults each with its path: `.data.a: expected string, got ...`
   */
  constructor(readonly faults: readonly string[]) {
    super(faults.length === 1 ? faults[0] : ["errors:", ...faults.map((f) => `  ${f}`)].join("\n"));
  }
}

/** Thrown by {@linkcode itemElement}. */
class ItemError extends Error {}

/**
 * What tells an item of a set or a map list from the others.
 *
 * @throws Error in words that go behind `element 3: `
 */
export function itemElement(list: ListAtom, item: unknown): PathElement {
  if (list.keys.length > 0) return keyedElement(list, item);
  if (isObject(item)) {
    throw new ItemError("associative list without keys has an element that's a map type");
  }
  if (Array.isArray(item)) {
    throw new ItemError("not supported: associative list with lists as elements");
  }
  if (item === null || item === undefined) {
    throw new ItemError("associative list without keys has an element that's an explicit null");
  }
  return valueElement(item);
}

function keyedElement(list: ListAtom, item: unknown): PathElement {
  if (item === null || item === undefined) {
    throw new ItemError("associative list with keys may not have a null element");
  }
  if (!isObject(item)) {
    throw new ItemError("associative list with keys may not have non-map elements");
  }
  const keys: JsonObject = {};
  for (const key of list.keys) {
    const value = Object.hasOwn(item, key) ? item[key] : list.defaultOf(key);
    if (value !== undefined) keys[key] = value;
  }
  if (Object.keys(keys).length === 0) {
    const names = list.keys.map((key) => JSON.stringify(key)).join(" ");
    throw new ItemError(
      `associative list with keys has an element that omits all key fields [${names}] ` +
        "(and doesn't have default values for any key fields)",
    );
  }
  return keyElement(keys);
}

/** Items of a list with what tells them apart; items that nothing tells apart become faults. */
export function itemElements(
  list: ListAtom,
  items: readonly unknown[],
  fault: (text: string) => void,
): { element: PathElement; item: unknown }[] {
  const known: { element: PathElement; item: unknown }[] = [];
  for (const [i, item] of items.entries()) {
    try {
      known.push({ element: itemElement(list, item), item });
    } catch (error) {
      if (!(error instanceof ItemError)) throw error;
      fault(`element ${i}: ${error.message}`);
    }
  }
  return known;
}

/** Says what is wrong with a scalar, or `undefined`. Null and nothing are never wrong. */
export function scalarFault(type: ScalarType, value: unknown): string | undefined {
  if (value === null || value === undefined) return undefined;
  switch (type) {
    case "numeric":
      return typeof value === "number"
        ? undefined
        : `expected numeric (int or float), got ${goType(value)}`;
    case "string":
      return typeof value === "string"
        ? undefined
        : `expected string, got &value.valueUnstructured{Value:${goSyntax(value)}}`;
    case "boolean":
      return typeof value === "boolean" ? undefined : `expected boolean, got &{${goPrint(value)}}`;
    case "untyped":
      return typeof value === "object"
        ? `expected any scalar, got &{${goPrint(value)}}`
        : undefined;
  }
}

/**
 * Checks that a value fits: types, no undeclared fields, no two items alike.
 *
 * @throws {TypedError} with all faults
 */
export function validate(atom: Atom, value: unknown): void {
  const faults: string[] = [];
  check(atom, value, "", faults);
  if (faults.length > 0) throw new TypedError(faults);
}

function check(whole: Atom, value: unknown, path: string, faults: string[]): void {
  const fault = (text: string): void => {
    faults.push(path === "" ? text : `${path}: ${text}`);
  };
  const atom = deduce(whole, value);
  if (atom.map !== undefined) {
    if (value === null) return;
    if (!isObject(value)) return fault(`expected map, got &{${goPrint(value)}}`);
    for (const [name, child] of Object.entries(value)) {
      const type = fieldAtom(atom.map, name);
      if (type === undefined) {
        faults.push(`${path}.${name}: field not declared in schema`);
        // Upstream stops at the first one too
        return;
      }
      check(type, child, `${path}.${name}`, faults);
    }
  } else if (atom.scalar !== undefined) {
    const text = scalarFault(atom.scalar, value);
    if (text !== undefined) fault(text);
  } else if (atom.list !== undefined) {
    if (value === null) return;
    if (!Array.isArray(value)) return fault(`expected list, got &{${goPrint(value)}}`);
    checkItems(atom.list, value, path, faults, fault);
  }
}

function checkItems(
  list: ListAtom,
  items: readonly unknown[],
  path: string,
  faults: string[],
  fault: (text: string) => void,
): void {
  if (list.atomic) {
    for (const [i, item] of items.entries()) check(list.element(), item, `${path}[${i}]`, faults);
    return;
  }
  const seen = new Set<PathElement>();
  let broken = false;
  const known = itemElements(list, items, (text) => {
    // Upstream looks no further than the first item that it cannot tell apart
    if (!broken) fault(text);
    broken = true;
  });
  if (broken) return;
  for (const { element, item } of known) {
    const text = elementText(element);
    if (seen.has(element)) fault(`duplicate entries for key ${text}`);
    seen.add(element);
    check(list.element(), item, `${path}${text}`, faults);
  }
}
