import assert from "node:assert/strict";
import { History } from "./history.ts";
import { storedFrom } from "./stored.ts";
import { configMap } from "./testing.ts";
import { type Change, VersionExpiredError } from "./types.ts";

function change(version: number, namespace = "n", resource = "configmaps"): Change {
  const place = { resource, namespace, name: `o${version}` };
  return { type: "ADDED", object: storedFrom(place, version, configMap(place.name)) };
}

function versions(changes: readonly Change[]): number[] {
  return changes.map(({ object }) => object.version);
}

Deno.test("History keeps the newest changes and says which are gone", () => {
  const history = new History({ limit: 3, maxChars: 1e6, compacted: 1 });
  for (let version = 2; version <= 2_001; version++) history.add(change(version));
  assert.equal(history.size, 3);
  assert.equal(history.compacted, 1_998);
  assert.deepEqual(versions(history.since(1_998, "configmaps")), [1_999, 2_000, 2_001]);
  assert.deepEqual(versions(history.since(2_000, "configmaps")), [2_001]);
  assert.deepEqual(versions(history.since(2_001, "configmaps")), []);
  assert.deepEqual(versions(history.since(9_999, "configmaps")), []);
  assert.throws(
    () => history.since(1_997, "configmaps"),
    new VersionExpiredError(1_997, 1_998),
  );
});

Deno.test("History is bounded by size, and keeps the newest change however big it is", () => {
  const history = new History({ limit: 100, maxChars: 1, compacted: 1 });
  history.add(change(2));
  history.add(change(3));
  assert.equal(history.size, 1);
  assert.deepEqual(versions(history.since(2, "configmaps")), [3]);
});

Deno.test("History finds changes by resource and namespace, across versions that failed", () => {
  const history = new History({ limit: 100, maxChars: 1e6, compacted: 1 });
  for (
    const [version, namespace, resource] of [[2, "a", "x"], [5, "b", "x"], [9, "a", "y"]] as const
  ) {
    history.add(change(version, namespace, resource));
  }
  assert.deepEqual(versions(history.since(1, "x")), [2, 5]);
  assert.deepEqual(versions(history.since(1, "x", "b")), [5]);
  assert.deepEqual(versions(history.since(3, "x")), [5]);
  assert.deepEqual(versions(history.since(3, "y")), [9]);
});
