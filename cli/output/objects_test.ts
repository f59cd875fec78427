import assert from "node:assert/strict";
import { parse } from "yaml";
import { formatValue, listOf, nameLine, withoutManagedFields } from "./objects.ts";

Deno.test("formatValue writes a List as kubectl does", () => {
  const list = listOf([{ metadata: { name: "a" } }]);
  const json = formatValue(list, "json");
  assert.match(json, /^\{\n {4}"apiVersion": "v1",\n {4}"items": \[/);
  assert.ok(json.endsWith("}\n"));
  assert.deepEqual(JSON.parse(json), parse(formatValue(list, "yaml")));
});

Deno.test("nameLine names resource and group", () => {
  const object = { metadata: { name: "a" } };
  assert.equal(nameLine(object, "pod", ""), "pod/a\n");
  assert.equal(nameLine(object, "managedcluster", "x.io"), "managedcluster.x.io/a\n");
});

Deno.test("withoutManagedFields leaves the object itself alone", () => {
  const object = { metadata: { name: "a", managedFields: [{}] } };
  assert.deepEqual(withoutManagedFields(object), { metadata: { name: "a" } });
  assert.equal(object.metadata.managedFields.length, 1);
});
