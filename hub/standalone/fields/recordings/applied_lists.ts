/**
 * Applied lists, odd values, and what is refused.
 *
 * @module
 */
import { cm, map, owner } from "./config_map.ts";
import { apply, create, force, merge, type Sequence } from "./sequence.ts";

/** See the module text. */
export const APPLIED_LISTS: readonly Sequence[] = [
  cm.sequence("apply_finalizers", [
    apply("a", cm.object({}, { finalizers: ["a.b/1", "a.b/2"] })),
    apply("b", cm.object({}, { finalizers: ["a.b/3", "a.b/2"] })),
    apply("c", cm.object({}, { finalizers: ["a.b/4", "a.b/3", "a.b/5"] })),
    apply("a", cm.object({}, { finalizers: ["a.b/2"] })),
    apply("b", cm.object()),
    apply("c", cm.object({}, { finalizers: ["a.b/5", "a.b/5"] })),
    apply("c", cm.object({}, { finalizers: [{}] })),
    apply("c", cm.object({}, { finalizers: [] })),
    merge("z", { metadata: { finalizers: null } }),
  ]),
  cm.sequence("apply_owners", [
    apply("a", cm.object({}, { ownerReferences: [owner("1", "one"), owner("2", "two")] })),
    apply("b", cm.object({}, { ownerReferences: [owner("3", "three"), owner("2", "two")] })),
    apply(
      "b",
      cm.object({}, { ownerReferences: [owner("2", "two", { blockOwnerDeletion: true })] }),
    ),
    force(
      "b",
      cm.object({}, { ownerReferences: [owner("2", "two", { blockOwnerDeletion: true })] }),
    ),
    apply("a", cm.object()),
    merge("m", { metadata: { ownerReferences: [owner("2", "two"), owner("5", "five")] } }),
    apply("b", cm.object({}, { ownerReferences: [null] })),
    apply("b", cm.object({}, { ownerReferences: [{ name: "x" }] })),
  ]),
  cm.sequence("apply_nulls_and_empties", [
    apply("a", cm.object({ data: {} }, { labels: {}, annotations: { x: "1" } })),
    apply("a", cm.object({ data: null }, { labels: null })),
    merge("b", { data: { a: "1" } }),
    apply("a", cm.object({ data: {} })),
    apply("a", cm.object({ data: { a: null } })),
    apply("a", cm.object({ data: { a: "" }, immutable: false })),
    force("a", cm.object({ data: { a: "" }, immutable: false })),
    apply("a", cm.object()),
  ]),
  cm.sequence("odd_names", [
    create("m\u00e4n<ager", map({ "a.b-c_d": "1" }, { annotations: { "x.y/z": "<&>" } })),
    apply('q"uote', map({ "a.b-c_d": "2" }, { annotations: { "x.y/z": "<&>" } })),
    apply('q"uote', map({}, { finalizers: ["a.b/c"], labels: { "x.y/l": "v" } })),
    merge("", { data: { anonymous: "1" } }),
    force('q"uote', map({ "a.b-c_d": "2" })),
  ]),
  cm.sequence("apply_refusals", [
    create("a", map({ a: "1" })),
    apply("b", { ...map({ a: "1" }), foo: 1 }),
    apply("b", cm.object({ data: { a: 1, b: { c: 1 }, d: [1, "x", null, 1.5, true] } })),
    apply("b", cm.object({ data: "x", immutable: "yes" })),
    apply("b", cm.object({}, { finalizers: "x", generation: "y" })),
    apply("b", cm.object({}, { managedFields: [] })),
    apply("b", cm.object({}, { managedFields: [{}] })),
    apply("b", { ...cm.object(), kind: "Secret" }),
    apply("b", { ...cm.object(), apiVersion: "v2" }),
    apply("b", { metadata: { name: "obj" } }),
    apply("b", cm.object({}, { namespace: "team", unknown: {} })),
  ]),
];
