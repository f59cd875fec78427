import assert from "node:assert/strict";
import { created, updated } from "./testing.ts";

Deno.test("secretRules merges stringData into data, and is Opaque by default", () => {
  const { object } = created("Secret", { stringData: { a: "é" }, data: { a: "MQ==", n: "" } });
  assert.deepEqual([object.data, object.stringData, object.type], [
    { a: "w6k=", n: "" },
    undefined,
    "Opaque",
  ]);
  assert.equal(created("Secret").object.data, undefined);
});

Deno.test("secretRules requires the keys of known types", () => {
  const cases: Record<string, string[]> = {
    "kubernetes.io/tls": ["data[tls.crt]: Required value", "data[tls.key]: Required value"],
    "kubernetes.io/dockercfg": ["data[.dockercfg]: Required value"],
    "kubernetes.io/dockerconfigjson": ["data[.dockerconfigjson]: Required value"],
    "kubernetes.io/basic-auth": [
      "data[username]: Required value",
      "data[password]: Required value",
    ],
    "kubernetes.io/ssh-auth": ["data[ssh-privatekey]: Required value"],
    "kubernetes.io/service-account-token": [
      "metadata.annotations[kubernetes.io/service-account.name]: Required value",
    ],
    "bootstrap.kubernetes.io/token": [],
    "my/own": [],
  };
  for (const [type, faults] of Object.entries(cases)) {
    assert.deepEqual(created("Secret", { type }).faults, faults, type);
  }
});

Deno.test("secretRules tells a fault of contents, not the contents", () => {
  const { faults } = created("Secret", {
    type: "kubernetes.io/dockercfg",
    stringData: { ".dockercfg": '{"hidden"' },
  });
  assert.deepEqual(faults, [
    'data[.dockercfg]: Invalid value: "<secret contents redacted>": unexpected end of JSON input',
  ]);
});

Deno.test("secretRules keeps the type, and immutable data", () => {
  const from = { type: "Opaque", data: { a: "MQ==" }, immutable: true };
  assert.deepEqual(updated("Secret", from, { type: "x", data: { a: "Mg==" } }).faults, [
    'type: Invalid value: "x": field is immutable',
    "immutable: Forbidden: field is immutable when `immutable` is set",
    "data: Forbidden: field is immutable when `immutable` is set",
  ]);
  assert.deepEqual(updated("Secret", from, { stringData: { a: "1" }, immutable: true }).faults, []);
});
