import assert from "node:assert/strict";
import { created, updated } from "./testing.ts";

const KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. " +
  "'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

Deno.test("configMapRules checks keys", () => {
  const data = { "a b": "", ".": "", "..": "", "..x": "", a: "" };
  assert.deepEqual(created("ConfigMap", { data, binaryData: { a: "" } }).faults, [
    `data[a b]: Invalid value: "a b": ${KEY}`,
    "data[.]: Invalid value: \".\": must not be '.'",
    "data[..]: Invalid value: \"..\": must not be '..'",
    "data[..x]: Invalid value: \"..x\": must not start with '..'",
    'data[a]: Invalid value: "a": duplicate of key present in binaryData',
  ]);
});

Deno.test("configMapRules bounds the size of all values", () => {
  const words = ["[]: Too long: may not be more than 1048576 bytes"];
  assert.deepEqual(created("ConfigMap", { data: { a: "x".repeat(1_048_577) } }).faults, words);
  assert.deepEqual(created("ConfigMap", { data: { a: "x".repeat(1_048_576) } }).faults, []);
});

Deno.test("configMapRules keeps immutable data", () => {
  const from = { data: { a: "1" }, immutable: true };
  assert.deepEqual(updated("ConfigMap", from, { data: { a: "2" }, binaryData: { b: "" } }).faults, [
    "immutable: Forbidden: field is immutable when `immutable` is set",
    "data: Forbidden: field is immutable when `immutable` is set",
    "binaryData: Forbidden: field is immutable when `immutable` is set",
  ]);
  assert.deepEqual(updated("ConfigMap", from, from).faults, []);
});
