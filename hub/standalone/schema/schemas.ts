/**
 * The schema of every kind that is served, references resolved.
 *
 * @module
 */
import type { ApiKind } from "../kinds/kind.ts";
import { customSchemas } from "./custom_schemas.ts";
import { groupData, type Json, metaData } from "./documents.ts";
import type { Schema } from "./types.ts";

/** What stands before the name of a schema in a reference. */
export const REF_PREFIX = "#/components/schemas/";

const resolved = new Map<string, Schema>();
const byKind = new Map<string, Schema>();

/** Path of a group version in discovery: `api/v1`, `apis/rbac.authorization.k8s.io/v1`. */
export function groupVersionPath({ group, version }: Pick<ApiKind, "group" | "version">): string {
  return group === "" ? `api/${version}` : `apis/${group}/${version}`;
}

/** Raw schemas of a group version by name, those that groups share included. */
export function rawSchemas(path: string): Readonly<Record<string, Json>> {
  return { ...metaData(), ...groupData(path)?.schemas, ...customSchemas(path) };
}

class Resolver {
  readonly #path: string;
  readonly #raw: Readonly<Record<string, Json>>;
  readonly #open = new Set<string>();

  constructor(path: string) {
    this.#path = path;
    this.#raw = rawSchemas(path);
  }

  named(name: string): Schema {
    // Schemas of meta may differ by group (DeleteOptions), so the group is part of the key.
    const shared = metaData()[name] !== undefined && this.#raw[name] === metaData()[name];
    const key = shared ? name : `${this.#path} ${name}`;
    const known = resolved.get(key);
    if (known !== undefined) return known;
    const raw = this.#raw[name];
    if (raw === undefined) throw new Error(`No schema "${name}" in ${this.#path}`);
    if (this.#open.has(name)) throw new Error(`The schema "${name}" refers to itself`);
    this.#open.add(name);
    const schema = this.resolve(raw);
    this.#open.delete(name);
    resolved.set(key, schema);
    return schema;
  }

  resolve(raw: Json): Schema {
    const { $ref, allOf, properties, items, additionalProperties, ...rest } = raw;
    const ref = $ref ?? (Array.isArray(allOf) ? (allOf[0] as Json).$ref : undefined);
    const base = typeof ref === "string" ? this.named(ref.slice(REF_PREFIX.length)) : {};
    const schema: Record<string, unknown> = { ...base, ...rest };
    if (properties !== undefined) {
      schema.properties = Object.fromEntries(
        Object.entries(properties as Record<string, Json>).map(([k, v]) => [k, this.resolve(v)]),
      );
    }
    if (items !== undefined) schema.items = this.resolve(items as Json);
    if (typeof additionalProperties === "object" && additionalProperties !== null) {
      schema.additionalProperties = this.resolve(additionalProperties as Json);
    }
    return schema as Schema;
  }
}

const CORE_PATH = "api/v1";

function find(gvk: { group: string; version: string; kind: string }): Schema {
  const key = `${gvk.group}/${gvk.version}/${gvk.kind}`;
  const known = byKind.get(key);
  if (known !== undefined) return known;
  const own = groupVersionPath(gvk);
  const named = (path: string): string | undefined =>
    Object.keys(rawSchemas(path)).find((one) =>
      one.endsWith(`.${gvk.kind}`) && !one.includes("apimachinery")
    );
  // What only a subresource takes stands with that resource: TokenRequest with ServiceAccounts
  const path = named(own) === undefined ? CORE_PATH : own;
  const name = named(path);
  if (name === undefined) throw new Error(`No schema of kind "${gvk.kind}" in ${path}`);
  const schema = new Resolver(path).named(name);
  byKind.set(key, schema);
  return schema;
}

/**
 * Schema of a kind. Always the same object for the same kind; parts are shared.
 *
 * @throws {Error} when the kind is not served
 */
export function schemaOf(kind: ApiKind): Schema {
  return find(kind);
}

/**
 * Schema of what a subresource takes and gives: `token` a TokenRequest, `status` the kind itself.
 *
 * @throws {Error} when the kind has no such subresource
 */
export function subresourceSchema(kind: ApiKind, subresource: string): Schema {
  const found = kind.subresources.find(({ name }) => name === subresource);
  if (found === undefined) {
    throw new Error(`${kind.plural} have no subresource "${subresource}"`);
  }
  return find({
    group: found.group ?? kind.group,
    version: found.version ?? kind.version,
    kind: found.kind,
  });
}
