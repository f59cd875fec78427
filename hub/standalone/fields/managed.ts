/**
 * `metadata.managedFields`: which manager set which fields.
 *
 * Source: k8s.io/apimachinery `pkg/util/managedfields/internal/managedfields.go`
 *
 * @module
 */
import { FieldSet } from "./field_set.ts";
import { fromFieldsV1, toFieldsV1 } from "./fields_v1.ts";
import { compareStrings, goString, isObject } from "./values.ts";

/** How a manager came to its fields. */
export type Operation = "Apply" | "Update";

/** Fields of one manager. */
export interface ManagedSet {
  /** Its fields. */
  readonly set: FieldSet;
  /** Version of the schema that the set speaks of. */
  readonly apiVersion: string;
  /** Whether it applied them. */
  readonly applied: boolean;
  /** RFC 3339; absent when it was never told. */
  readonly time?: string;
}

/** By the manager's identifier. */
export type Managed = ReadonlyMap<string, ManagedSet>;

/** What tells managers apart. */
export interface Manager {
  /** Name, as requests give it. */
  readonly manager: string;
  /** Of its writes. */
  readonly operation: Operation;
  /** Of updates only: an applier stays the same when it turns to another version. */
  readonly apiVersion?: string;
  /** Empty for the object itself. */
  readonly subresource: string;
}

/** Identifier of a manager: JSON of what tells it apart, so that it also sorts as upstream. */
export function managerId({ manager, operation, apiVersion, subresource }: Manager): string {
  const parts: [string, string | undefined][] = [
    ["manager", manager],
    ["operation", operation],
    ["apiVersion", operation === "Apply" ? undefined : apiVersion],
    ["subresource", subresource],
  ];
  const told = parts.filter(([, value]) => value !== undefined && value !== "");
  return `{${told.map(([name, value]) => `"${name}":${goString(value ?? "")}`).join(",")}}`;
}

/** The manager behind an identifier. */
export function managerOf(id: string): Manager {
  const { manager = "", operation, apiVersion, subresource = "" } = JSON.parse(id) as Partial<
    Manager
  >;
  return {
    manager,
    operation: operation ?? "Update",
    subresource,
    ...(apiVersion === undefined ? {} : { apiVersion }),
  };
}

/**
 * Reads `metadata.managedFields`.
 *
 * @throws Error that says which entry is wrong and why
 */
export function decodeManaged(entries: unknown): Managed {
  const managed = new Map<string, ManagedSet>();
  if (entries === undefined || entries === null) return managed;
  if (!Array.isArray(entries)) throw new Error("managedFields is not a list");
  for (const [i, entry] of (entries as unknown[]).entries()) {
    const { id, set } = decodeEntry(isObject(entry) ? entry : {}, i);
    managed.set(id, set);
  }
  return managed;
}

function decodeEntry(
  entry: Record<string, unknown>,
  i: number,
): { id: string; set: ManagedSet } {
  const { operation, fieldsType, fieldsV1, time } = entry;
  if (operation !== "Apply" && operation !== "Update") {
    throw new Error("operation must be `Apply` or `Update`");
  }
  const apiVersion = text(entry["apiVersion"]);
  if (apiVersion === "") throw new Error("apiVersion must not be empty");
  if (fieldsType === undefined || fieldsType === "") {
    throw new Error(`missing fieldsType in managed fields entry ${i}`);
  }
  if (fieldsType !== "FieldsV1") {
    throw new Error(
      `invalid fieldsType ${JSON.stringify(fieldsType)} in managed fields entry ${i}`,
    );
  }
  let set: FieldSet;
  try {
    set = fromFieldsV1(fieldsV1 ?? {});
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`error decoding versioned set of ${JSON.stringify(entry["manager"])}: ${why}`);
  }
  const manager = text(entry["manager"]), subresource = text(entry["subresource"]);
  return {
    id: managerId({ manager, operation, apiVersion, subresource }),
    set: {
      set,
      apiVersion,
      applied: operation === "Apply",
      ...(typeof time === "string" ? { time } : {}),
    },
  };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** An entry as it stands in objects. */
export interface ManagedEntry {
  /** Absent when empty. */
  manager?: string;
  /** Of its writes. */
  operation: Operation;
  /** Version of the fields. */
  apiVersion: string;
  /** RFC 3339. */
  time?: string;
  /** The only one there is. */
  fieldsType: "FieldsV1";
  /** The set. */
  fieldsV1: Record<string, unknown>;
  /** Absent for the object itself. */
  subresource?: string;
}

/** Writes `metadata.managedFields`; `undefined` when nobody manages anything. */
export function encodeManaged(managed: Managed): ManagedEntry[] | undefined {
  if (managed.size === 0) return undefined;
  return [...managed].map(([id, set]) => encodeEntry(id, set)).sort(compareEntries);
}

function encodeEntry(id: string, { set, apiVersion, applied, time }: ManagedSet): ManagedEntry {
  const { manager, operation, subresource } = managerOf(id);
  return {
    ...(manager === "" ? {} : { manager }),
    operation: applied ? "Apply" : operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: "FieldsV1",
    fieldsV1: toFieldsV1(set),
    ...(subresource === "" ? {} : { subresource }),
  };
}

/** Appliers first, then by time, name, version, subresource. */
function compareEntries(a: ManagedEntry, b: ManagedEntry): number {
  return compareStrings(a.operation, b.operation) ||
    seconds(a.time) - seconds(b.time) ||
    compareStrings(a.manager ?? "", b.manager ?? "") ||
    compareStrings(a.apiVersion, b.apiVersion) ||
    compareStrings(a.subresource ?? "", b.subresource ?? "");
}

/** Seconds since 1970; 0 for no time, or none that can be read. */
export function seconds(time: string | undefined): number {
  const ms = time === undefined ? 0 : Date.parse(time);
  return Number.isNaN(ms) ? 0 : Math.floor(ms / 1_000);
}

/** `metav1.Time` of a clock in ms: RFC 3339 in whole seconds. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, "Z");
}
