import assert from "node:assert/strict";
import { type FieldMatch, fieldMatch, parseFieldTerms } from "./field_selector.ts";
import type { ApiKind } from "../kinds/kind.ts";
import { kind, openApi } from "./testing.ts";

function parseFieldSelector(text: string, of: ApiKind): FieldMatch | undefined {
  return fieldMatch(parseFieldTerms(text), of);
}

Deno.test("fieldMatch refuses in the words of kube-apiserver", () => {
  const only = 'only "metadata.name", "metadata.namespace"';
  const refusals: [string, string, string][] = [
    ["configmaps", "foo=bar", `"foo" is not a known field selector: ${only}`],
    [
      "configmaps",
      " metadata.name = a",
      `" metadata.name " is not a known field selector: ${only}`,
    ],
    ["configmaps", "foo", "invalid selector: 'foo'; can't understand 'foo'"],
    ["configmaps", "a=b,foo", "invalid selector: 'a=b,foo'; can't understand 'foo'"],
    ["configmaps", "metadata.name=a\\x", "invalid field selector: invalid escape sequence: \\x"],
    ["configmaps", "metadata.name=a\\", "invalid field selector: invalid escape sequence: \\"],
    ["configmaps", "metadata.name=a=b", "invalid field selector: unescaped character in value: 61"],
    ["secrets", "foo=1", "field label not supported: foo"],
    ["namespaces", "metadata.namespace=x", "field label not supported: metadata.namespace"],
    ["nodes", "foo=1", "field label not supported: foo"],
    ["managedclusters", "spec.clusterId=1", "field label not supported: spec.clusterId"],
    [
      "clusterregistrationrequests",
      "metadata.namespace=x",
      "field label not supported: metadata.namespace",
    ],
  ];
  for (const [plural, text, message] of refusals) {
    assert.throws(() => parseFieldSelector(text, kind(plural)), { message, code: 400 }, text);
  }
  for (const text of ["", ",", "="]) {
    assert.equal(parseFieldSelector(text, kind("configmaps")), undefined);
  }
});

Deno.test("fieldMatch compares the fields of a kind", async () => {
  await using api = await openApi();
  const node = await api.add("nodes", "n", {});
  const event = await api.add("events", "e", {
    reason: "Boo",
    involvedObject: { kind: "Pod" },
    reportingComponent: "rc",
  });
  const secret = await api.add("secrets", "s", { type: "Opaque" });
  const yes: [string, typeof node, string][] = [
    ["nodes", node, "spec.unschedulable=false"],
    ["nodes", node, "metadata.name==n"],
    ["events", event, "source=rc,reportingComponent=rc"],
    ["events", event, "involvedObject.kind=Pod,involvedObject.uid="],
    ["secrets", secret, "type=Opaque,metadata.namespace=default"],
    ["secrets", secret, "type!=x"],
  ];
  for (const [plural, stored, text] of yes) {
    assert.equal(parseFieldSelector(text, kind(plural))!.matches(stored), true, text);
  }
  assert.equal(parseFieldSelector("type!=Opaque", kind("secrets"))!.matches(secret), false);
  assert.equal(parseFieldSelector("metadata.name=s", kind("secrets"))!.name, "s");
  assert.equal(parseFieldSelector("metadata.name=a\\,b", kind("secrets"))!.name, "a,b");
});
