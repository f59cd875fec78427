import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import { KINDS } from "../kinds/kinds.ts";
import { decodeBody, type DecodeOptions, pruneAndCheck } from "./decode.ts";
import { schemaOf } from "./schemas.ts";
import type { Decoded } from "./types.ts";

function decode(kindName: string, text: string, more: Partial<DecodeOptions> = {}): Decoded {
  const kind = KINDS.find((one) => one.kind === kindName)!;
  return decodeBody({
    text,
    mediaType: "application/json",
    ...kind,
    schema: schemaOf(kind),
    fieldValidation: "Warn",
    ...more,
  });
}

function refusal(run: () => unknown): { code: number; reason: string; message: string } {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    return error.status;
  }
  throw new Error("not refused");
}

/** As kube-apiserver 1.36 said them. */
const REFUSED: readonly (readonly [kind: string, text: string, words: string])[] = [
  [
    "ConfigMap",
    "[]",
    "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json " +
    'parse error: json: cannot unmarshal array into Go value of type struct { APIVersion string "json:' +
    '\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } (5b5d)',
  ],
  [
    "ConfigMap",
    "",
    "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json " +
    "parse error: unexpected end of JSON input (<empty>)",
  ],
  [
    "ConfigMap",
    '{"apiVersion":"a/b/c","kind":"ConfigMap"}',
    "the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: " +
    'a/b/c ({"apiVersion":"a/b/c","kind":" ...)',
  ],
  [
    "ConfigMap",
    '{"kind":"Secret","apiVersion":"v1"}',
    'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to ' +
    "(core.ConfigMap): unknown conversion",
  ],
  [
    "ConfigMap",
    '{"kind":"Nope"}',
    'Nope in version "v1" cannot be handled as a ConfigMap: no kind "Nope" is registered for version ' +
    '"v1" in scheme "pkg/runtime/scheme.go:111"',
  ],
  [
    "ConfigMap",
    '{"data":{"a":1}}',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go ' +
    "struct field ConfigMap.data of type string",
  ],
  [
    "ConfigMap",
    '{"metadata":{"ownerReferences":[{"name":1}]}}',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go ' +
    "struct field OwnerReference.metadata.ownerReferences.name of type string",
  ],
  [
    "ConfigMap",
    '{"metadata":{"creationTimestamp":1}}',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go ' +
    "struct field ObjectMeta.metadata.creationTimestamp of type string",
  ],
  [
    "Lease",
    '{"spec":{"leaseDurationSeconds":3000000000}}',
    'Lease in version "v1" cannot be handled as a Lease: json: cannot unmarshal number 3000000000 into ' +
    "Go struct field LeaseSpec.spec.leaseDurationSeconds of type int32",
  ],
  [
    "Secret",
    '{"data":{"a":"!!"}}',
    'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 0',
  ],
  [
    "ManagedCluster",
    '{"metadata":{"name":"a"}}',
    "the object provided is unrecognized (must be of type ManagedCluster): Object 'Kind' is missing in " +
    `'{"metadata":{"name":"a"}}' ({"metadata":{"name":"a"}})`,
  ],
  [
    "ManagedCluster",
    '{"kind":"ManagedCluster"}',
    "the API version in the data () does not match the expected API version " +
    "(clusters.clusternet.io/v1beta1)",
  ],
];

Deno.test("decodeBody refuses in kube-apiserver's words", () => {
  for (const [kind, text, message] of REFUSED) {
    const status = refusal(() => decode(kind, text));
    assert.deepEqual([status.code, status.reason, status.message], [400, "BadRequest", message]);
  }
});

Deno.test("decodeBody writes as Go does: nothing empty, dates in UTC, null is absent", () => {
  const text = '{"metadata":{"name":"a","labels":{},"creationTimestamp":null},"data":{},' +
    '"immutable":false,"binaryData":{"a":null}}';
  assert.deepEqual(decode("ConfigMap", text).object, {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: "a" },
    immutable: false,
    binaryData: { a: "" },
  });
  assert.deepEqual(decode("Role", '{"rules":[]}').object.rules, null);
  assert.deepEqual(decode("Event", "{}").object, {
    kind: "Event",
    apiVersion: "v1",
    metadata: {},
    involvedObject: {},
    source: {},
    firstTimestamp: null,
    lastTimestamp: null,
    eventTime: null,
    reportingComponent: "",
    reportingInstance: "",
  });
});

const TWICE = '{"metadata":{"name":"d1","name":"d2","labels":{"a":"1","a":"2"},"foo":1},' +
  '"data":{"a":"1","a":"2"},"data":{"b":"1"},"bar":{"baz":1}}';
const FOUND = [
  'duplicate field "metadata.name"',
  'duplicate field "metadata.labels.a"',
  'unknown field "metadata.foo"',
  'duplicate field "data.a"',
  'duplicate field "data"',
  'unknown field "bar"',
];

Deno.test("decodeBody warns of unknown and repeated fields, refuses or ignores them", () => {
  const { object, warnings } = decode("ConfigMap", TWICE);
  assert.deepEqual(warnings, FOUND);
  assert.deepEqual(object.data, { a: "2", b: "1" });
  assert.deepEqual(object.metadata, { name: "d2", labels: { a: "2" } });
  assert.deepEqual(decode("ConfigMap", TWICE, { fieldValidation: "Ignore" }).warnings, []);
  const { message } = refusal(() => decode("ConfigMap", TWICE, { fieldValidation: "Strict" }));
  assert.equal(
    message,
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: ' +
      FOUND.join(", "),
  );
});

const CLUSTER = '{"apiVersion":"clusters.clusternet.io/v1beta1","kind":"ManagedCluster",';

Deno.test("decodeBody prunes custom objects by their schema, and drops nulls", () => {
  const text = `${CLUSTER}"metadata":{"name":"a","labels":{},"foo":1},` +
    '"spec":{"clusterId":"x","foo":1,"clusterType":null},"bar":2}';
  const { object, warnings } = decode("ManagedCluster", text);
  assert.deepEqual(object.spec, { clusterId: "x" });
  assert.deepEqual(object.metadata, { name: "a" });
  assert.deepEqual(warnings, [
    'unknown field "metadata.foo"',
    'unknown field "bar"',
    'unknown field "spec.foo"',
  ]);
});

Deno.test("decodeBody refuses a custom object of another kind with 422", () => {
  const text = CLUSTER.replace('"ManagedCluster"', '"Nope"') + '"metadata":{"name":"a"}}';
  assert.deepEqual(
    refusal(() => decode("ManagedCluster", text)).message,
    'Nope.clusters.clusternet.io "a" is invalid: kind: Invalid value: "Nope": must be ManagedCluster',
  );
});

Deno.test("decodeBody reads YAML: 1.1's booleans, keys made text, the first document", () => {
  const yaml = (text: string): Decoded =>
    decode("ConfigMap", text, { mediaType: "application/yaml" });
  assert.deepEqual(yaml("data:\n  1: b\n  true: c\n---\ndata: {}\n").object.data, {
    "1": "b",
    true: "c",
  });
  assert.match(refusal(() => yaml("data: {a: yes}")).message, /cannot unmarshal bool into/);
  const twice = "metadata:\n  name: a\n  name: b\n  foo: 1\n";
  assert.deepEqual(yaml(twice).warnings, [
    'line 3: key "name" already set in map',
    'unknown field "metadata.foo"',
  ]);
});

Deno.test("decodeBody reads 3 MiB in little time, whatever is in it", () => {
  const texts = [
    JSON.stringify({ data: { a: "x".repeat(3 << 20) } }),
    JSON.stringify({ data: { a: "\n".repeat(1 << 20) } }),
    JSON.stringify({ metadata: { finalizers: Array(300_000).fill("abcdef") } }),
    `{"x":${"[".repeat(9_000)}${"]".repeat(9_000)}}`,
  ];
  for (const text of texts) {
    const start = performance.now();
    decode("ConfigMap", text);
    const took = performance.now() - start;
    assert.ok(took < 1_000, `${took} ms`); // some 50 ms on an idle machine
  }
});

Deno.test("pruneAndCheck refuses what a patch made with 422 of field patch", () => {
  const kind = KINDS[0]!;
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata: {}, data: { a: 1 } };
  const status = refusal(() => pruneAndCheck(schemaOf(kind), object, "Strict", kind));
  assert.equal(status.code, 422);
  assert.equal(
    status.message,
    ' "" is invalid: patch: Invalid value: "{\\"apiVersion\\":\\"v1\\",\\"data\\":{\\"a\\":1},' +
      '\\"kind\\":\\"ConfigMap\\",\\"metadata\\":{}}": json: cannot unmarshal number into Go struct ' +
      "field ConfigMap.data of type string",
  );
});

Deno.test("pruneAndCheck prunes and leaves its argument alone", () => {
  const kind = KINDS.find((one) => one.kind === "ManagedCluster")!;
  const object = {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ManagedCluster",
    metadata: { name: "a" },
    spec: { clusterId: "x", zz: 1 },
  };
  const { object: made, warnings } = pruneAndCheck(schemaOf(kind), object, "Warn", kind);
  assert.deepEqual(made.spec, { clusterId: "x" });
  assert.deepEqual(object.spec, { clusterId: "x", zz: 1 });
  assert.deepEqual(warnings, ['unknown field "spec.zz"']);
});
