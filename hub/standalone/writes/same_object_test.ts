import { strict as assert } from "node:assert";
import { kindOf } from "../kinds/kinds.ts";
import type { ApiObject } from "../store/types.ts";
import { orderFields } from "./order_fields.ts";
import { sameObject } from "./same_object.ts";

function object(metadata: Record<string, unknown>, data: unknown): ApiObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata, data };
}

Deno.test("sameObject does not look at versions, times of managed fields, and order", () => {
  const one = object({
    resourceVersion: "1",
    managedFields: [{ manager: "a", time: "x" }],
    name: "n",
  }, { a: "1", b: ["2"] });
  const two = object({
    name: "n",
    resourceVersion: "2",
    managedFields: [{ manager: "a", time: "y" }],
  }, { b: ["2"], a: "1" });
  assert.ok(sameObject(one, two));
});

Deno.test("sameObject sees other values, lengths and kinds of values", () => {
  const base = object({ name: "n" }, { a: ["1"] });
  for (
    const other of [{ a: ["2"] }, { a: ["1", "2"] }, { a: { 0: "1" } }, { b: ["1"] }, {}, null]
  ) {
    assert.ok(!sameObject(base, object({ name: "n" }, other)), JSON.stringify(other));
  }
});

Deno.test("sameObject takes any depth", () => {
  const deep = (): unknown => {
    let value: unknown = 1;
    for (let i = 0; i < 100_000; i++) value = [value];
    return value;
  };
  assert.ok(sameObject(object({}, deep()), object({}, deep())));
});

Deno.test("orderFields writes metadata as Go does, custom objects sorted", () => {
  const builtIn = object({ uid: "u", labels: {}, name: "n", managedFields: [] }, {});
  orderFields(kindOf("", "v1", "configmaps")!, builtIn);
  assert.deepEqual(Object.keys(builtIn), ["kind", "apiVersion", "metadata", "data"]);
  assert.deepEqual(Object.keys(builtIn.metadata), ["name", "uid", "labels", "managedFields"]);
  const custom = object({ uid: "u", name: "n" }, { b: 1, a: [{ d: 1, c: 1 }] });
  orderFields(kindOf("clusters.clusternet.io", "v1beta1", "managedclusters")!, custom);
  assert.equal(
    JSON.stringify(custom),
    '{"apiVersion":"v1","data":{"a":[{"c":1,"d":1}],"b":1},"kind":"ConfigMap","metadata":{"name":"n","uid":"u"}}',
  );
});
