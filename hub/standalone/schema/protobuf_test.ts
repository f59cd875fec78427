import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { StatusError } from "../../../shared/kube/status.ts";
import { decodeProtobuf, type Wanted } from "./protobuf.ts";
import { loadMessages } from "./protobuf_messages.ts";
import { STORED } from "./protobuf_stored_testing.ts";
import { SENT } from "./protobuf_testing.ts";
import { MAX_MESSAGES } from "./protobuf_wire.ts";

const CONFIG_MAP: Wanted = { apiVersion: "v1", kind: "ConfigMap" };
const LEASE = "coordination.k8s.io/v1";
const encoder = new TextEncoder();

function varint(value: number): number[] {
  return value < 128 ? [value] : [value & 127 | 128, ...varint(value >>> 7)];
}

/** A field of a length: its number, the length and the bytes. */
function field(id: number, content: Uint8Array | string): Uint8Array {
  const bytes = typeof content === "string" ? encoder.encode(content) : content;
  return Buffer.concat([Uint8Array.from([...varint(id << 3 | 2), ...varint(bytes.length)]), bytes]);
}

/** A body of a kind around the bytes of the object. */
function body(kind: string, raw: Uint8Array, apiVersion = "v1", ...more: Uint8Array[]): Uint8Array {
  const typeMeta = field(1, Buffer.concat([field(1, apiVersion), field(2, kind)]));
  return Buffer.concat([encoder.encode("k8s\0"), typeMeta, field(2, raw), ...more]);
}

/** A body as the library writes it. */
async function encoded(apiVersion: string, kind: string, object: object): Promise<Uint8Array> {
  const { typeOf } = await loadMessages();
  const type = typeOf(apiVersion, kind)!;
  return body(
    kind,
    type.encode(type.create(object as { [key: string]: unknown })).finish(),
    apiVersion,
  );
}

async function refusal(bytes: Uint8Array, wanted?: Wanted): Promise<string> {
  try {
    const object = await decodeProtobuf(bytes, wanted);
    assert.fail(`not refused: ${JSON.stringify(object)}`);
  } catch (error) {
    assert(error instanceof StatusError, String(error));
    assert.equal(error.status.code, 400);
    return error.status.message;
  }
}

function cannot(why: string): string {
  return `ConfigMap in version "v1" cannot be handled as a ConfigMap: ${why}`;
}

for (const { name, body, json } of SENT) {
  Deno.test(`decodeProtobuf reads what kubectl sends: ${name}`, async () => {
    const object = await decodeProtobuf(Uint8Array.fromBase64(body));
    assert.deepEqual(object, json);
    assert.deepEqual(Object.keys(object).slice(0, 2), ["apiVersion", "kind"]);
  });
}

for (const { name, body, json } of STORED) {
  Deno.test(`decodeProtobuf gives the JSON of kube-apiserver: ${name}`, async () => {
    assert.deepEqual(await decodeProtobuf(Uint8Array.fromBase64(body)), json);
  });
}

Deno.test("decodeProtobuf keeps the key __proto__ a key", async () => {
  const bytes = Uint8Array.fromBase64(SENT.find(({ name }) => name === "create configmap")!.body);
  const { data } = await decodeProtobuf(bytes);
  assert.deepEqual(Object.keys(data as object).sort(), ["__proto__", "color"]);
  assert.equal(Object.getPrototypeOf(data), Object.prototype);
});

Deno.test("decodeProtobuf keeps a zero of a pointer and drops one of a value", async () => {
  const spec = { leaseTransitions: 0, leaseDurationSeconds: 0, holderIdentity: "" };
  const lease = await encoded(LEASE, "Lease", { metadata: { generation: 0, name: "" }, spec });
  assert.deepEqual(await decodeProtobuf(lease), {
    apiVersion: LEASE,
    kind: "Lease",
    metadata: {},
    spec,
  });
  const secret = await encoded("v1", "Secret", { immutable: false, type: "" });
  assert.deepEqual(await decodeProtobuf(secret), {
    apiVersion: "v1",
    kind: "Secret",
    metadata: {},
    immutable: false,
  });
});

Deno.test("decodeProtobuf reads int64 beyond 32 bits and below zero", async () => {
  for (const generation of [-1, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
    const bytes = await encoded("v1", "ConfigMap", { metadata: { generation } });
    assert.deepEqual((await decodeProtobuf(bytes)).metadata, { generation });
  }
});

Deno.test("decodeProtobuf writes an empty time as null, and quantities as text", async () => {
  const node = await encoded("v1", "Node", {
    status: {
      capacity: { cpu: { string: "2" }, memory: { string: "1Gi" } },
      conditions: [{ type: "Ready", status: "True", lastHeartbeatTime: { seconds: 1, nanos: 5 } }],
    },
  });
  const { status } = await decodeProtobuf(node) as { status: Record<string, unknown> };
  assert.deepEqual(status.capacity, { cpu: "2", memory: "1Gi" });
  assert.deepEqual(status.conditions, [{
    type: "Ready",
    status: "True",
    lastHeartbeatTime: "1970-01-01T00:00:01Z",
    lastTransitionTime: null,
  }]);
});

Deno.test("decodeProtobuf unwraps the extra values of a user", async () => {
  const review = await encoded("authorization.k8s.io/v1", "SubjectAccessReview", {
    spec: { user: "ann", extra: { scopes: { items: ["a", "b"] }, none: {} } },
  });
  const { spec } = await decodeProtobuf(review);
  assert.deepEqual(spec, { user: "ann", extra: { scopes: ["a", "b"], none: [] } });
});

Deno.test("decodeProtobuf reads DeleteOptions of any group version", async () => {
  for (const apiVersion of ["v1", "rbac.authorization.k8s.io/v1", "meta.k8s.io/v1"]) {
    const options = { gracePeriodSeconds: 0, propagationPolicy: "Orphan", dryRun: ["All"] };
    assert.deepEqual(
      await decodeProtobuf(await encoded(apiVersion, "DeleteOptions", options)),
      { apiVersion, kind: "DeleteOptions", ...options },
    );
  }
});

Deno.test("decodeProtobuf leaves out fields that it does not know", async () => {
  const known = field(1, field(1, "x"));
  const bytes = body("ConfigMap", Buffer.concat([known, field(15, "y"), known]));
  assert.deepEqual((await decodeProtobuf(bytes)).metadata, { name: "x" });
});

Deno.test("decodeProtobuf takes what the body does not say from what is wanted", async () => {
  const bytes = body("", field(1, field(1, "x")), "");
  const object = await decodeProtobuf(bytes, CONFIG_MAP);
  assert.deepEqual(object, { ...CONFIG_MAP, metadata: { name: "x" } });
  assert.match(await refusal(bytes), /: Object 'Kind' is missing in 'runtime.TypeMeta\{/);
});

Deno.test("decodeProtobuf refuses what is no protobuf in kube-apiserver's words", async () => {
  const prefix = "the object provided is unrecognized (must be of type ConfigMap): ";
  const cases: [string, string][] = [
    ["", "empty data (<empty>)"],
    [
      "abc",
      "provided data does not appear to be a protobuf message, expected prefix " +
      "[107 56 115 0] (616263)",
    ],
    ["k8s\0", "empty body (6b387300)"],
    ["k8s\0\x7f", "proto: illegal wireType 7 (6b3873007f)"],
    ["k8s\0\x0a\x20", "unexpected EOF (6b3873000a20)"],
  ];
  for (const [text, why] of cases) {
    assert.equal(await refusal(encoder.encode(text), CONFIG_MAP), prefix + why);
  }
  const long = await refusal(new Uint8Array(100).fill(0x78), CONFIG_MAP);
  assert(long.endsWith(`(${"78".repeat(30)} ...)`), long);
});

Deno.test("decodeProtobuf refuses malformed objects in kube-apiserver's words", async () => {
  const cases: [number[], string][] = [
    [[0x0a, 0x20, 0x61], "unexpected EOF"],
    [[0x0a], "unexpected EOF"],
    [[0x08, 0x01], "proto: wrong wireType = 0 for field ObjectMeta"],
    [[0x0c], "proto: ConfigMap: wiretype end group for non-group"],
    [[0x0f], "proto: wrong wireType = 7 for field ObjectMeta"],
    [[0x02, 0x00], "proto: ConfigMap: illegal tag 0 (wire type 2)"],
    [[0x12, 0x02, 0x08, 0x01], "proto: wrong wireType = 0 for field Data"],
    [[0x12, 0x03, 0x0a, 0x05, 0x61], "unexpected EOF"],
  ];
  for (const [raw, why] of cases) {
    assert.equal(await refusal(body("ConfigMap", Uint8Array.from(raw))), cannot(why));
  }
});

Deno.test("decodeProtobuf refuses kinds that are not served", async () => {
  const scheme = 'in scheme "pkg/runtime/scheme.go:111"';
  assert.equal(
    await refusal(body("Configmap", new Uint8Array()), CONFIG_MAP),
    'Configmap in version "v1" cannot be handled as a ConfigMap: ' +
      `no kind "Configmap" is registered for version "v1" ${scheme}`,
  );
  assert.match(await refusal(body("Role", new Uint8Array(), "v1")), /no kind "Role" is registered/);
});

Deno.test("decodeProtobuf refuses a content encoding", async () => {
  const bytes = body("ConfigMap", new Uint8Array(), "v1", field(3, "gzip"));
  assert.match(await refusal(bytes), /contentEncoding "gzip" is not supported/);
});

Deno.test("decodeProtobuf refuses too many and too deep messages", async () => {
  const many = Buffer.alloc(2 * MAX_MESSAGES, Uint8Array.of(0x12, 0x00));
  const role = await refusal(body("Role", many, "rbac.authorization.k8s.io/v1"));
  assert.match(role, /proto: more than 262144 messages$/);
  // Groups of an unknown field
  const groups = new Uint8Array(10_000).fill(0x7b);
  assert.match(await refusal(body("ConfigMap", groups)), /maximum nesting depth exceeded$/);
  const fields = `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`;
  const entry = field(7, field(1, fields));
  const bytes = body("ConfigMap", field(1, field(17, entry)));
  assert.equal(await refusal(bytes), cannot("exceeded max depth"));
});

Deno.test("decodeProtobuf refuses times that RFC 3339 cannot say, and fields that are no JSON", async () => {
  const late = await encoded("v1", "ConfigMap", {
    metadata: { deletionTimestamp: { seconds: 253_402_300_800 } },
  });
  assert.equal(await refusal(late), cannot("Time.MarshalJSON: year outside of range [0,9999]"));
  const bytes = body("ConfigMap", field(1, field(17, field(7, field(1, "{")))));
  assert.match(await refusal(bytes), /invalid JSON within the message/);
});

Deno.test("decodeProtobuf throws nothing but StatusError, whatever byte is cut or changed", async () => {
  const whole = Uint8Array.fromBase64(SENT.find(({ name }) => name === "create role")!.body);
  for (let place = 0; place < whole.length; place++) {
    const cut = whole.subarray(0, place);
    const changed = [0, 0x7f, 0x80, 0xff].map((value) => whole.with(place, value));
    for (const bytes of [cut, ...changed]) {
      await decodeProtobuf(bytes).catch((error) => assert(error instanceof StatusError));
    }
  }
});
