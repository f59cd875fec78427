import assert from "node:assert/strict";
import { GROUP_PATHS, groupData, type Json, metaData } from "./documents.ts";
import { GO_STRUCTS, goFields, type GoType, isGoStruct } from "./go_types.ts";

/** Of kinds that only go out. */
const ONLY_WRITTEN =
  /List$|^(ListMeta|ShardInfo|Status.*|APIResource.*|Patch|WatchEvent|RawExtension)$/;
const SCALARS = new Set(["Time", "MicroTime", "FieldsV1", "Quantity"]);

/** All schemas by the last part of their name. */
function schemas(): Map<string, Json> {
  const all = GROUP_PATHS.flatMap((path) => Object.entries(groupData(path)!.schemas));
  return new Map(
    [...Object.entries(metaData()), ...all].map(([name, schema]) => [
      name.slice(name.lastIndexOf(".") + 1),
      schema,
    ]),
  );
}

function sortOf(schema: Json): string {
  const ref = schema.$ref ?? (schema.allOf as Json[] | undefined)?.[0]?.$ref;
  if (typeof ref === "string") {
    const name = ref.slice(ref.lastIndexOf(".") + 1);
    return { Time: "time", MicroTime: "micro", FieldsV1: "raw", Quantity: "quantity" }[name] ??
      name;
  }
  if (schema.additionalProperties !== undefined) return "map";
  if (schema.type === "array") return "slice";
  if (schema.type === "integer") return String(schema.format);
  return schema.type === "boolean" ? "bool" : "string";
}

function goSort(type: GoType): string {
  if (type.sort === "pointer") return goSort(type.item);
  if (type.sort === "struct") return type.struct;
  return type.sort === "int" ? type.go : type.sort;
}

Deno.test("goFields knows every field that OpenAPI knows, and no other", () => {
  const all = schemas();
  for (const [name, schema] of all) {
    if (ONLY_WRITTEN.test(name) || SCALARS.has(name)) continue;
    assert.ok(isGoStruct(name), name);
    const wanted = Object.entries((schema.properties ?? {}) as Record<string, Json>)
      .filter(([key]) =>
        !/^(kind|apiVersion)$/.test(key) || !("metadata" in (schema.properties as Json))
      )
      .filter(([key]) => name !== "DeleteOptions" || !/^(kind|apiVersion)$/.test(key))
      .map(([key, field]) => `${key} ${sortOf(field)}`);
    const found = goFields(name).map((field) => `${field.name} ${goSort(field.type)}`)
      .filter((field) => name !== "LocalObjectReference" || field !== "");
    assert.deepEqual(found.sort(), wanted.sort(), name);
  }
});

Deno.test("GO_STRUCTS can all be read", () => {
  for (const name of GO_STRUCTS) assert.ok(goFields(name).length > 0, name);
  assert.throws(() => goFields("Pod"), /No Go struct "Pod"/);
});
