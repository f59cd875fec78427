import { strict as assert } from "node:assert";
import { isStatus } from "../../../shared/kube/status.ts";
import { kindOf } from "../kinds/kinds.ts";
import type { ApiObject } from "../store/types.ts";
import { checkBody, checkOwners, checkText, checkValues, MAX_VALUES } from "./complexity.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const tooLarge = (error: unknown): boolean => isStatus(error, 413);

Deno.test("checkText counts commas between values, none in strings", () => {
  checkText(bytes(JSON.stringify(",".repeat(1_000_000))));
  checkText(bytes(JSON.stringify(['\\",'.repeat(50_000), "\\", ","])));
  assert.throws(() => checkText(bytes(`[${"1,".repeat(MAX_VALUES + 1)}1]`)), tooLarge);
  assert.throws(() => checkText(bytes(`["\\\\",${"1,".repeat(MAX_VALUES)}1]`)), tooLarge);
});

Deno.test("checkBody reads little YAML, but JSON of any type", () => {
  const json = JSON.stringify({ a: "x".repeat(100_000) });
  checkBody(bytes(json), "application/yaml");
  assert.throws(
    () => checkBody(bytes(`a: ${"x".repeat(100_000)}`), "application/yaml"),
    (error) => isStatus(error, 400),
  );
});

Deno.test("checkValues counts at any depth, managed fields apart", () => {
  const many = Object.fromEntries(Array.from({ length: MAX_VALUES }, (_, i) => [`k${i}`, 1]));
  checkValues(many);
  checkValues({ metadata: { managedFields: [many, many] } });
  assert.throws(() => checkValues({ a: [many] }), tooLarge);
});

Deno.test("checkOwners bounds the owners of an object", () => {
  const kind = kindOf("", "v1", "configmaps")!;
  const object = (length: number): ApiObject => ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "x", ownerReferences: Array.from({ length }, () => ({})) },
  });
  checkOwners(kind, object(256));
  assert.throws(() => checkOwners(kind, object(257)), (error) => isStatus(error, 422));
});
