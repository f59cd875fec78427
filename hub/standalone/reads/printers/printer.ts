/**
 * What a printer is: the columns of a kind, and the cells of an object.
 *
 * @module
 */
/** `metav1.TableColumnDefinition`. */
export interface Column {
  /** Its head. */
  readonly name: string;
  /** Of its cells; a `date` is given as an age. */
  readonly type: "boolean" | "date" | "integer" | "number" | "string";
  /** `name` for the column of names, else empty. */
  readonly format: string;
  /** For people. */
  readonly description: string;
  /** Above 0: only with `kubectl get -o wide`. */
  readonly priority: number;
}

/** A value of a row. */
export type Cell = string | number | boolean | null;

/** Makes rows of a kind's objects. */
export interface Printer {
  /** From left to right. */
  readonly columns: readonly Column[];
  /**
   * Makes a row. Looks at nothing but the object, whose fields may be missing.
   *
   * @param now in milliseconds
   * @returns as many cells as there are columns
   */
  cells(object: Readonly<Record<string, unknown>>, now: number): Cell[];
}

const NAME_DESCRIPTION =
  "Name must be unique within a namespace. Is required when creating resources, although some " +
  "resources may allow a client to request the generation of an appropriate name automatically. " +
  "Name is primarily intended for creation idempotence and configuration definition. Cannot be " +
  "updated. More info: " +
  "https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names";
const CREATED_DESCRIPTION =
  "CreationTimestamp is a timestamp representing the server time when this object was created. " +
  "It is not guaranteed to be set in happens-before order across separate operations. Clients " +
  "may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the " +
  "system. Read-only. Null for lists. More info: " +
  "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata";

/** Makes a column of text. */
export function column(name: string, description: string, priority = 0): Column {
  return { name, type: "string", format: "", description, priority };
}

/** The column of names. */
export function nameColumn(priority = 0): Column {
  return { ...column("Name", NAME_DESCRIPTION, priority), format: "name" };
}

/** How long ago an object was made. */
export const AGE_COLUMN: Column = column("Age", CREATED_DESCRIPTION);

/** When an object was made. */
export const CREATED_AT_COLUMN: Column = {
  ...column("Created At", CREATED_DESCRIPTION),
  type: "date",
};

/** A nested field, or `undefined`. */
export function field(object: unknown, ...path: string[]): unknown {
  let value = object;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** A nested text; empty when there is none. */
export function text(object: unknown, ...path: string[]): string {
  const value = field(object, ...path);
  return typeof value === "string" ? value : "";
}

/** A nested list; empty when there is none. */
export function list(object: unknown, ...path: string[]): unknown[] {
  const value = field(object, ...path);
  return Array.isArray(value) ? value : [];
}

/** How many entries a nested map has. */
export function count(object: unknown, ...path: string[]): number {
  const value = field(object, ...path);
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}
