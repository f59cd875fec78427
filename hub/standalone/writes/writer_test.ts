import { strict as assert } from "node:assert";
import { isStatus } from "../../../shared/kube/status.ts";
import { kindOf } from "../kinds/kinds.ts";
import { openStore } from "../store/open_store.ts";
import type { ApiObject, Store } from "../store/types.ts";
import { createWriter, type Writer } from "./writer.ts";

const SILENT = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  with: () => SILENT,
};
const CONFIG_MAPS = kindOf("", "v1", "configmaps")!;
const NAMESPACES = kindOf("", "v1", "namespaces")!;

async function withWriter(test: (writer: Writer, store: Store) => Promise<void>): Promise<void> {
  const store = await openStore({ path: ":memory:", now: Date.now, log: SILENT });
  try {
    const rbac = { checkWrite: () => assert.fail("controllers are not asked for their rights") };
    const writer = createWriter({ store, rbac, now: Date.now, random: Math.random });
    await writer.create(NAMESPACES, object("Namespace", { name: "a" }));
    await test(writer, store);
  } finally {
    await store.close();
  }
}

function object(kind: string, metadata: Record<string, unknown>, more = {}): ApiObject {
  return { apiVersion: "v1", kind, metadata, ...more };
}

const map = (name: string, metadata = {}): ApiObject =>
  object("ConfigMap", { name, namespace: "a", ...metadata });

Deno.test("Writer creates as the API does", () =>
  withWriter(async (writer) => {
    const stored = await writer.create(CONFIG_MAPS, map("x"), { fieldManager: "me" });
    assert.equal(stored.name, "x");
    assert.match(
      stored.uid,
      /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
    await assert.rejects(writer.create(CONFIG_MAPS, map("x")), (e) => isStatus(e, 409));
    await assert.rejects(
      writer.create(CONFIG_MAPS, map("x", { namespace: "b" })),
      (e) => isStatus(e, 404),
    );
  }));

Deno.test("Writer updates the newest, and leaves what is to be left", () =>
  withWriter(async (writer) => {
    const first = await writer.create(CONFIG_MAPS, map("x"));
    const add = (key: string) =>
      writer.update(first, (live) => ({
        ...live,
        data: { ...live.data as object, [key]: "v" },
      }));
    await Promise.all([add("a"), add("b"), add("c")]);
    const left = await writer.update(first, () => undefined);
    const { data } = JSON.parse(left!.json);
    assert.deepEqual(Object.keys(data).sort(), ["a", "b", "c"]);
  }));

Deno.test("Writer does not take another object of the same name for its own", () =>
  withWriter(async (writer, store) => {
    const first = await writer.create(CONFIG_MAPS, map("x"));
    await writer.delete(first);
    const second = await writer.create(CONFIG_MAPS, map("x"));
    assert.equal(await writer.update(first, (live) => ({ ...live, data: { a: "b" } })), undefined);
    await writer.delete(first);
    assert.equal(store.get("configmaps", "a", "x")?.version, second.version);
  }));

Deno.test("Writer marks what has finalizers, and removes it with the last", () =>
  withWriter(async (writer, store) => {
    const stored = await writer.create(CONFIG_MAPS, map("x", { finalizers: ["a.b/c"] }));
    await writer.delete(stored, { propagationPolicy: "Foreground" });
    const marked = store.get("configmaps", "a", "x")!;
    assert.ok(marked.deleting);
    assert.deepEqual(JSON.parse(marked.json).metadata.finalizers, ["a.b/c", "foregroundDeletion"]);
    const gone = await writer.update(marked, (live) => ({
      ...live,
      metadata: { ...live.metadata, finalizers: [] },
    }));
    assert.equal(gone, undefined);
    assert.equal(store.get("configmaps", "a", "x"), undefined);
  }));
