/**
 * Who owns what when ConfigMaps are applied.
 *
 * @module
 */
import { cm, lastApplied, map } from "./config_map.ts";
import { apply, create, force, json, merge, put, type Sequence } from "./sequence.ts";

/** See the module text. */
export const APPLIES: readonly Sequence[] = [
  cm.sequence("apply_create_and_remove", [
    apply("a", map({ a: "1", b: "2" }, { labels: { app: "x" } })),
    apply("a", map({ a: "1", b: "2" }, { labels: { app: "x" } })),
    apply("a", map({ a: "2" }, { labels: { app: "x" } })),
    apply("a", cm.object({}, { labels: { app: "x" } })),
    apply("a", cm.object()),
    apply("a", map({ again: "1" })),
  ]),
  cm.sequence("apply_together", [
    apply("a", map({ shared: "1", mine: "a" })),
    apply("b", map({ shared: "1", other: "b" })),
    apply("a", map({ mine: "a" })),
    apply("b", map({ other: "b" })),
    apply("a", cm.object()),
    apply("c", map({ other: "b" })),
  ]),
  cm.sequence("apply_conflicts", [
    create("kubectl-create", map({ a: "1", b: "2", c: "3" })),
    apply("a", map({ a: "9" })),
    apply("a", map({ a: "9", b: "9" })),
    apply("b", map({ c: "3", d: "4" })),
    merge("m", { data: { e: "5" } }),
    apply("a", map({ a: "9", d: "9", e: "9" })),
    force("a", map({ a: "9", d: "9", e: "9" })),
    apply("b", map({ c: "3", d: "4" })),
    apply("b", map({ c: "3" })),
    apply("a", map({ a: "9" })),
  ]),
  cm.sequence("apply_and_update", [
    apply("a", map({ a: "1", b: "2" })),
    merge("b", { data: { a: "7" } }),
    apply("a", map({ a: "1", b: "2" })),
    apply("a", map({ a: "7", b: "2" })),
    merge("b", { data: { b: null } }),
    apply("a", map({ a: "7", b: "2" })),
    merge("a", { data: { a: "8" } }),
    put("a", map({ a: "8", z: "1" })),
  ]),
  cm.sequence("apply_as_kubectl", [
    create("kubectl-client-side-apply", map({ a: "1", b: "2" }, lastApplied({ a: "1", b: "2" }))),
    apply("kubectl", map({ a: "9", b: "2" })),
    apply("kubectl", map({ b: "2" })),
    apply("kubectl", map({ b: "2", html: "<a&b>" })),
    apply("other", map({ b: "3" })),
  ]),
  cm.sequence("apply_as_kubectl_with_conflict", [
    create("kubectl-client-side-apply", map({ a: "1", b: "2" }, lastApplied({ a: "1", b: "2" }))),
    merge("other", { data: { b: "7", c: "8" } }),
    apply("kubectl", map({ a: "9", b: "9", c: "9" })),
    apply("kubectl", map({ a: "9" })),
  ]),
  cm.sequence("reset_and_first_apply", [
    create("a", map({ a: "1" })),
    merge("b", { metadata: { managedFields: [] } }),
    merge("b", { data: { b: "2" } }),
    apply("c", map({ c: "3" })),
    apply("c", map({ a: "9" })),
    json("b", [{ op: "replace", path: "/metadata/managedFields", value: [{}] }]),
    apply("c", map({ c: "3", d: "4" })),
  ]),
  cm.sequence("managed_fields_by_hand", [
    create("a", map({ a: "1", b: "2" })),
    merge("b", {
      metadata: {
        managedFields: [{
          manager: "hand",
          operation: "Update",
          apiVersion: "v1",
          time: "2020-01-01T00:00:00Z",
          fieldsType: "FieldsV1",
          fieldsV1: {
            "f:data": { "f:b": {}, ".": {}, "f:gone": {} },
            "x:later": {},
            "f:metadata": { "f:finalizers": { 'v:"a.b/c"': {}, ".": {} } },
          },
        }],
      },
      data: { c: "3" },
    }),
    merge("b", { metadata: { managedFields: [{ manager: "x", operation: "Frob" }] } }),
    merge("b", {
      metadata: {
        managedFields: [{
          manager: "old",
          operation: "Update",
          apiVersion: "v0",
          fieldsType: "FieldsV1",
          fieldsV1: { "f:data": { "f:a": {} } },
        }],
      },
    }),
    merge("b", { data: { d: "4" } }),
    merge("b", {
      metadata: {
        managedFields: [{
          manager: "x",
          operation: "Apply",
          apiVersion: "v1",
          fieldsType: "FieldsV1",
          fieldsV1: { "f:data": { "f:a": {}, "f:b": { "f:deeper": {} } } },
        }],
      },
    }),
    apply("x", map({ b: "2" })),
  ]),
  cm.sequence("many_updaters", [
    create("m00", map({ k00: "1" })),
    ...Array.from({ length: 12 }, (_, i) => {
      const key = String(i + 1).padStart(2, "0");
      return merge(`m${key}`, { data: { [`k${key}`]: "1" } });
    }),
    apply("applier", map({ applied: "1" })),
    merge("m05", { data: { k05: "2" } }),
    merge("m13", { data: { k13: "1" } }),
  ]),
];
