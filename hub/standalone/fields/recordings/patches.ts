/**
 * Updates and patches of ConfigMaps.
 *
 * @module
 */
import { cm, map, owner } from "./config_map.ts";
import { create, json, merge, put, type Sequence, strategic } from "./sequence.ts";

/** See the module text. */
export const PATCHES: readonly Sequence[] = [
  cm.sequence("create_put_and_merge", [
    create("a", map({ a: "1", b: "2" }, { labels: { app: "x" } })),
    put("b", map({ a: "1", b: "3", c: "4" }, { labels: { app: "x", tier: "y" } })),
    merge("c", { data: { a: null, d: "5" } }),
    merge("a", { metadata: { labels: null } }),
    merge("a", { data: { d: "5" } }),
    merge("a", {}),
    merge("b", { data: null }),
  ]),
  cm.sequence("json_patch", [
    create("a", map({ a: "1", b: "2" })),
    json("b", [{ op: "add", path: "/metadata/annotations", value: { "x.y/z": "~" } }, {
      op: "add",
      path: "/metadata/annotations/x.y~1~01",
      value: "3",
    }, { op: "remove", path: "/metadata/annotations/x.y~1~01" }]),
    json("b", [{ op: "test", path: "/data/a", value: "1" }, { op: "remove", path: "/data/a" }]),
    json("c", [{ op: "replace", path: "/data/new", value: "x" }]),
    json("c", [{ op: "test", path: "/data/none", value: null }]),
    json("c", [{ op: "test", path: "/data/b", value: "9" }]),
    json("c", [{ op: "remove", path: "/data/none" }]),
    json("c", [{ op: "add", path: "/none/x", value: "1" }]),
    json("c", [{ op: "move", from: "/data/b", path: "/data/moved" }]),
    json("c", [{ op: "copy", from: "/data/moved", path: "/data/copied" }]),
    json("c", [{ op: "frob", path: "/data/b" }]),
    json("c", { op: "add" }),
    json("c", [{ op: "add", path: "/metadata/finalizers", value: ["a.b/c", "a.b/d"] }, {
      op: "add",
      path: "/metadata/finalizers/1",
      value: "a.b/e",
    }, { op: "remove", path: "/metadata/finalizers/-1" }]),
    json("c", [{ op: "add", path: "/metadata/finalizers/9", value: "x.y/z" }]),
    json("c", [{ op: "remove", path: "/metadata/finalizers" }]),
    json("c", [{ op: "add", path: "/data/constructor", value: "1" }]),
    json("c", "x"),
    json("c", ["x"]),
    json("c", [{ op: 1, path: "/a" }]),
  ]),
  cm.sequence("strategic_labels", [
    create("a", map({ a: "1" }, { labels: { x: "1" }, annotations: { note: "n" } })),
    strategic("b", { metadata: { labels: { y: "2", x: null } }, data: { b: "2" } }),
    strategic("c", { metadata: { annotations: { $patch: "replace", other: "o" } } }),
    strategic("c", { metadata: { annotations: { $patch: "delete" } } }),
    strategic("c", { metadata: { labels: { $retainKeys: ["z"], z: "3" } } }),
    strategic("c", { $patch: "frob" }),
    strategic("c", []),
    merge("c", []),
  ]),
  cm.sequence("strategic_finalizers", [
    create("a", map({}, { finalizers: ["a.b/1", "a.b/2", "a.b/3"] })),
    strategic("b", { metadata: { finalizers: ["a.b/4", "a.b/2"] } }),
    strategic("b", { metadata: { "$deleteFromPrimitiveList/finalizers": ["a.b/1"] } }),
    strategic("b", {
      metadata: {
        "$setElementOrder/finalizers": ["a.b/5", "a.b/3", "a.b/2"],
        finalizers: ["a.b/5"],
      },
    }),
    strategic("b", {
      metadata: { "$setElementOrder/finalizers": ["a.b/3"], finalizers: ["a.b/9"] },
    }),
    strategic("b", { metadata: { "$setElementOrder/finalizers": "a" } }),
    strategic("c", { metadata: { finalizers: null } }),
  ]),
  cm.sequence("strategic_owners", [
    create("a", map({}, { ownerReferences: [owner("1", "one"), owner("2", "two")] })),
    strategic("b", { metadata: { ownerReferences: [owner("3", "three")] } }),
    strategic("b", {
      metadata: { ownerReferences: [{ uid: owner("2", "")["uid"], blockOwnerDeletion: true }] },
    }),
    strategic("c", {
      metadata: { ownerReferences: [{ uid: owner("1", "")["uid"], $patch: "delete" }] },
    }),
    strategic("c", {
      metadata: {
        "$setElementOrder/ownerReferences": [
          { uid: owner("3", "")["uid"] },
          { uid: owner("2", "")["uid"] },
        ],
      },
    }),
    strategic("c", { metadata: { ownerReferences: [{ name: "x" }] } }),
    strategic("c", { metadata: { ownerReferences: [owner("4", "four"), { $patch: "replace" }] } }),
    strategic("c", { metadata: { ownerReferences: [{ uid: "x", $patch: "merge" }] } }),
  ]),
];
