import assert from "node:assert/strict";
import { StatusError } from "../../../shared/kube/status.ts";
import { KINDS } from "../kinds/kinds.ts";
import type { ApiKind } from "../kinds/kind.ts";
import type { Schema } from "../schema/types.ts";
import type { ApiObject } from "../store/types.ts";
import {
  acceptedPatchTypes,
  checkPatchType,
  JSON_PATCH,
  MERGE_PATCH,
  patchObject,
  STRATEGIC_PATCH,
} from "./patch.ts";

function kindNamed(name: string): ApiKind {
  const kind = KINDS.find((known) => known.kind === name);
  assert.ok(kind !== undefined);
  return kind;
}

const CONFIG_MAP = kindNamed("ConfigMap");
const CLUSTER = kindNamed("ManagedCluster");
const SCHEMA: Schema = {
  type: "object",
  properties: {
    metadata: { type: "object", properties: {} },
    data: { type: "object", additionalProperties: { type: "string" } },
  },
};

function configMap(data: Record<string, unknown>): ApiObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data };
}

function patched(contentType: string, patch: unknown, current = configMap({ a: "1" })): ApiObject {
  return patchObject({ kind: CONFIG_MAP, schema: SCHEMA, contentType, patch, current });
}

function refusal(code: number, message: string | RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof StatusError, String(error));
    assert.equal(error.code, code);
    if (typeof message === "string") assert.equal(error.message, message);
    else assert.match(error.message, message);
    return true;
  };
}

Deno.test("patchObject changes neither the object nor the patch", () => {
  const bodies: [string, unknown][] = [
    [JSON_PATCH, [{ op: "add", path: "/data/x", value: { y: [] } }, {
      op: "add",
      path: "/data/x/y/-",
      value: "z",
    }]],
    [MERGE_PATCH, { data: { x: { y: ["z"] } } }],
    [STRATEGIC_PATCH, { data: { x: { y: ["z"] } } }],
  ];
  for (const [type, body] of bodies) {
    const current = configMap({ a: "1", nested: { b: ["c"] } });
    const before = structuredClone({ current, body });
    const result = patched(type, body, current);
    assert.deepEqual(result["data"], { a: "1", nested: { b: ["c"] }, x: { y: ["z"] } });
    (result["data"] as { nested: { b: string[] }; x: { y: string[] } }).nested.b.push("d");
    (result["data"] as { nested: { b: string[] }; x: { y: string[] } }).x.y.push("d");
    assert.deepEqual({ current, body }, before, type);
  }
});

Deno.test("patchObject takes a content type with parameters", () => {
  assert.deepEqual(patched(`${MERGE_PATCH}; charset=utf-8`, { data: { a: null } })["data"], {});
});

Deno.test("checkPatchType refuses what a kind does not take, in the words of its server", () => {
  assert.equal(checkPatchType(CONFIG_MAP, STRATEGIC_PATCH), STRATEGIC_PATCH);
  assert.throws(
    () => checkPatchType(CONFIG_MAP, "application/json"),
    refusal(415, "415: Unsupported Media Type"),
  );
  assert.throws(
    () => checkPatchType(CLUSTER, STRATEGIC_PATCH),
    refusal(415, /accepted media types include: .*merge-patch\+json, application\/apply-patch/),
  );
  assert.ok(!acceptedPatchTypes(CLUSTER).includes(STRATEGIC_PATCH));
});

Deno.test("patchObject pollutes no prototype", () => {
  const bodies: [string, unknown][] = [
    [JSON_PATCH, [{ op: "add", path: "/__proto__/polluted", value: "x" }]],
    [JSON_PATCH, [{ op: "add", path: "/constructor/prototype/polluted", value: "x" }]],
    [JSON_PATCH, [{ op: "add", path: "/data/__proto__", value: { polluted: "x" } }]],
    [JSON_PATCH, [{ op: "copy", from: "/data/toString", path: "/data/b" }]],
    [
      MERGE_PATCH,
      JSON.parse('{"__proto__":{"polluted":"x"},"data":{"__proto__":{"polluted":"x"}}}'),
    ],
    [
      STRATEGIC_PATCH,
      JSON.parse(
        '{"data":{"__proto__":{"polluted":"x"},"constructor":{"prototype":{"polluted":"x"}}}}',
      ),
    ],
  ];
  for (const [type, body] of bodies) {
    try {
      const result = patched(type, body);
      assert.equal(Object.getPrototypeOf(result), Object.prototype);
      assert.equal(Object.getPrototypeOf(result["data"]), Object.prototype);
    } catch (error) {
      assert.ok(error instanceof StatusError, String(error));
    }
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  }
});

Deno.test("patchObject refuses patches and objects that are nested too deep", () => {
  let deep: unknown = "x";
  for (let i = 0; i < 100_000; i++) deep = { a: deep };
  for (const type of [MERGE_PATCH, STRATEGIC_PATCH]) {
    assert.throws(() => patched(type, deep), refusal(400, /deeper than 1000 levels/));
  }
  const path = (length: number): string => `/data${"/a".repeat(length)}`;
  const adds = Array.from({ length: 1_100 }, (_, i) => ({
    op: "add",
    path: path(i + 1),
    value: {},
  }));
  assert.throws(() => patched(JSON_PATCH, adds), refusal(400, /deeper than 1000 levels/));
  const copy = { op: "copy", from: "/data", path: "/copy" };
  assert.throws(() => patched(JSON_PATCH, [...adds, copy]), refusal(422, /rejected our request/));
});

Deno.test("patchObject refuses an object that lost its metadata or is none", () => {
  assert.deepEqual(patched(JSON_PATCH, [{ op: "remove", path: "/metadata" }]).metadata, {});
  assert.throws(
    () => patched(JSON_PATCH, [{ op: "replace", path: "", value: [] }]),
    refusal(422, /^ "" is invalid: patch: Invalid value: "\[\]": couldn't get version\/kind; /),
  );
  assert.throws(
    () => patched(MERGE_PATCH, { metadata: "x" }),
    refusal(422, /cannot unmarshal string into Go struct field ConfigMap.metadata of type v1.Obj/),
  );
});
