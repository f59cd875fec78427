/**
 * Turns JSON values into what Go would write of them, once decoded into a struct: unknown fields
 * go, empty ones too, dates and quantities take their canonical form.
 *
 * Source: Go `encoding/json/decode.go`; sigs.k8s.io/json
 *
 * @module
 */
import { type GoField, goFields, type GoType } from "./go_types.ts";
import { canonicalBase64, canonicalQuantity, canonicalTime, GoValueError } from "./go_values.ts";
import { type Members, setOwn } from "./json_text.ts";
import { StrictErrors } from "./strict_errors.ts";

/** Raw JSON (of `managedFields`) that is nested deeper than this is dropped. */
const RAW_DEPTH = 64;
const INT32 = 2 ** 31;
const INT64 = 2 ** 63;

/** The first value that does not fit its Go type. */
export class GoTypeError extends Error {
  /** Tells it from other errors. */
  override readonly name = "GoTypeError";
}

/** Where the decoder is, for refusals. */
interface Place {
  /** Name of the innermost struct. */
  readonly struct: string;
  /** JSON names from the root, with dots: `metadata.labels`. */
  readonly field: string;
  /** As strict errors say it, with indexes and keys: `metadata.ownerReferences[0].uid`. */
  readonly path: string;
}

function describe(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (typeof value === "boolean") return "bool";
  return typeof value === "object" ? "object" : typeof value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function copyRaw(value: unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= RAW_DEPTH) return {};
  if (Array.isArray(value)) return value.map((item) => copyRaw(item, depth + 1));
  const copy = {};
  for (const [key, item] of Object.entries(value)) setOwn(copy, key, copyRaw(item, depth + 1));
  return copy;
}

/** What Go writes for a value that was never set; `undefined` where it writes nothing. */
function zero({ type, always }: GoField): unknown {
  if (type.sort === "struct") return new GoDecoder(new Map()).struct(type.struct, {}, "");
  if (!always) return undefined;
  if (type.sort === "int") return 0;
  if (type.sort === "quantity") return "0";
  if (type.sort === "bool") return false;
  return type.sort === "string" ? "" : null;
}

function isEmpty(type: GoType, value: unknown): boolean {
  if (type.sort === "pointer" || type.sort === "struct") return value === undefined;
  if (value === undefined || value === null || value === "" || value === 0 || value === false) {
    return true;
  }
  return Array.isArray(value) ? value.length === 0 : isRecord(value) && isBare(value);
}

function isBare(value: object): boolean {
  for (const _key in value) return false;
  return true;
}

/** One decoding. The walk goes as deep as Go's types, not as deep as the value. */
export class GoDecoder {
  /** Unknown and repeated fields. */
  readonly strict = new StrictErrors();
  readonly #repeated: ReadonlyMap<object, Members>;
  #first: Error | undefined;

  /**
   * @param repeated members of objects in which keys stand twice
   */
  constructor(repeated: ReadonlyMap<object, Members>) {
    this.#repeated = repeated;
  }

  /**
   * Decodes into a struct of that name.
   *
   * @param path what strict errors put before fields: `metadata`, or nothing
   * @returns a new object, fields in Go's order
   * @throws {GoTypeError} `json: cannot unmarshal number into Go struct field ...`
   * @throws {GoValueError} a fault of a time or a quantity
   */
  struct(name: string, value: unknown, path: string): Record<string, unknown> {
    const type: GoType = { sort: "struct", go: `v1.${name}`, struct: name };
    const decoded = this.#value(type, value, { struct: "", field: "", path }, undefined);
    if (this.#first !== undefined) throw this.#first;
    return isRecord(decoded)
      ? decoded
      : this.#struct(name, {}, { struct: "", field: "", path }, {});
  }

  /** @param known what an earlier, equal key left there: maps and structs add to it */
  #value(type: GoType, value: unknown, place: Place, known: unknown): unknown {
    switch (type.sort) {
      case "pointer":
        return value === null ? undefined : this.#value(type.item, value, place, known);
      case "struct":
        if (value === null) return known;
        if (!isRecord(value)) return this.#mismatch(type, value, place);
        return this.#struct(type.struct, value, place, isRecord(known) ? known : {});
      case "map":
        if (value === null) return undefined;
        if (!isRecord(value)) return this.#mismatch(type, value, place);
        return this.#map(type.item, value, place, isRecord(known) ? known : {});
      case "slice":
        if (value === null) return undefined;
        if (!Array.isArray(value)) return this.#mismatch(type, value, place);
        return value.map((item: unknown, index) => {
          const decoded = this.#value(type.item, item, {
            ...place,
            path: `${place.path}[${index}]`,
          }, undefined);
          return decoded ?? zero({ name: "", type: type.item, always: true });
        });
      default:
        return value === null ? undefined : this.#scalar(type, value, place);
    }
  }

  #scalar(type: GoType, value: unknown, place: Place): unknown {
    switch (type.sort) {
      case "bool":
        return typeof value === "boolean" ? value : this.#mismatch(type, value, place);
      case "int":
        return this.#int(type, value, place);
      case "bytes":
        if (typeof value !== "string") return this.#mismatch(type, value, place);
        try {
          return canonicalBase64(value);
        } catch (error) {
          this.#first ??= error as Error;
          return undefined;
        }
      case "time":
      case "micro":
        if (typeof value !== "string") throw this.#unfit("string", value, place);
        return canonicalTime(value, type.sort === "micro");
      case "quantity":
        return canonicalQuantity(isRecord(value) ? "{" : String(value));
      case "raw":
        return copyRaw(value);
      default:
        return typeof value === "string" ? value : this.#mismatch(type, value, place);
    }
  }

  #int(type: GoType, value: unknown, place: Place): unknown {
    if (typeof value !== "number") return this.#mismatch(type, value, place);
    const limit = type.go === "int32" ? INT32 : INT64;
    if (Number.isInteger(value) && value >= -limit && value < limit) return value;
    const text = Number.isInteger(value) && Math.abs(value) < 1e300 ? BigInt(value) : value;
    this.#first ??= this.#unfit(type.go, value, place, `number ${text}`);
    return undefined;
  }

  #members(value: Record<string, unknown>): Iterable<readonly [string, unknown]> {
    return this.#repeated.get(value) ?? Object.entries(value);
  }

  #map(
    item: GoType,
    value: Record<string, unknown>,
    place: Place,
    known: Record<string, unknown>,
  ): Record<string, unknown> {
    const seen = this.#repeated.has(value) ? new Set<string>() : undefined;
    for (const [key, entry] of this.#members(value)) {
      if (seen?.has(key)) this.strict.duplicate(place.path, key);
      seen?.add(key);
      const path = place.path === "" ? key : `${place.path}.${key}`;
      const decoded = this.#value(item, entry, { ...place, path }, undefined);
      const empty = item.sort === "bytes" ? "" : zero({ name: "", type: item, always: true });
      setOwn(known, key, decoded ?? empty);
    }
    return known;
  }

  #struct(
    name: string,
    value: Record<string, unknown>,
    place: Place,
    known: Record<string, unknown>,
  ): Record<string, unknown> {
    const fields = goFields(name);
    const found = new Map<string, unknown>(Object.entries(known));
    const seen = new Set<string>();
    const root = place.path === "" && place.struct === "";
    for (const [key, entry] of this.#members(value)) {
      const field = fields.find((one) => one.name === key);
      const isType = root && (key === "kind" || key === "apiVersion"); // TypeMeta, read before
      if (field === undefined && !isType) {
        this.strict.unknown(place.path, key);
        continue;
      }
      if (seen.has(key)) this.strict.duplicate(place.path, key);
      seen.add(key);
      if (field === undefined) continue;
      const decoded = this.#value(field.type, entry, {
        struct: name,
        field: place.field === "" ? key : `${place.field}.${key}`,
        path: place.path === "" ? key : `${place.path}.${key}`,
      }, found.get(key));
      // A null changes nothing that is not a pointer, a map or a list.
      if (entry !== null || ["pointer", "map", "slice", "bytes"].includes(field.type.sort)) {
        found.set(key, decoded);
      }
    }
    return write(fields, found);
  }

  #mismatch(type: GoType, value: unknown, place: Place): undefined {
    this.#first ??= this.#unfit(type.go, value, place);
    return undefined;
  }

  #unfit(go: string, value: unknown, place: Place, what: string = describe(value)): GoTypeError {
    const into = place.struct === ""
      ? "Go value"
      : `Go struct field ${place.struct}.${place.field}`;
    return new GoTypeError(`json: cannot unmarshal ${what} into ${into} of type ${go}`);
  }
}

function write(
  fields: readonly GoField[],
  found: ReadonlyMap<string, unknown>,
): Record<string, unknown> {
  const written: Record<string, unknown> = {};
  for (const field of fields) {
    const value = found.get(field.name);
    const empty = isEmpty(field.type, value);
    // Lists and maps pass through protobuf in the store: an empty one comes back as none.
    const gone = empty && (field.type.sort === "slice" || field.type.sort === "map");
    const out = value === undefined || value === null || gone ? zero(field) : value;
    if (out !== undefined && (!empty || field.always || field.type.sort === "struct")) {
      written[field.name] = out;
    }
  }
  return written;
}

export { GoValueError };
