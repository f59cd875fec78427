/**
 * A writer that the crash test kills: opens the store, says what it found, then writes as fast as
 * it can and says what was acknowledged, one line each. A line is written only after the
 * acknowledgement.
 *
 * `store_load.ts <file> <writers> [writes]`
 *
 * Lines: `opened <version>`, then `<version> <type> <name> <sha256 of the JSON>`.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { silentLog } from "../../shared/log.ts";
import { openStore } from "../../hub/standalone/store/open_store.ts";
import type { ApiObject, Store, Stored } from "../../hub/standalone/store/types.ts";

/** What a line says of a state. */
export function digest(json: string): string {
  return createHash("sha256").update(json).digest("hex").slice(0, 16);
}

const encoder = new TextEncoder();

function say(line: string): void {
  Deno.stdout.writeSync(encoder.encode(`${line}\n`)); // A pipe is not buffered
}

function configMap(name: string, turn: number): ApiObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "load", uid: `uid-${name}`, labels: { turn: String(turn) } },
    data: { turn: String(turn), filler: String.fromCharCode(97 + turn % 26).repeat(turn % 4_000) },
  };
}

/** Creates, updates and deletes objects of its own, over and over. */
async function writer(store: Store, id: number, writes: number): Promise<void> {
  const resource = "configmaps", namespace = "load";
  for (let turn = 0; turn < writes; turn++) {
    const name = `object-${id}-${turn % 7}`;
    const object = configMap(name, turn);
    const base = store.get(resource, namespace, name);
    let type = "ADDED", stored: Stored;
    if (base === undefined) {
      stored = await store.commit({ op: "create", resource, namespace, name, object });
    } else {
      const op = turn % 5 === 4 ? "delete" : "update";
      type = op === "delete" ? "DELETED" : "MODIFIED";
      stored = await store.commit({ op, base, object });
    }
    say(`${stored.version} ${type} ${name} ${digest(stored.json)}`);
  }
}

if (import.meta.main) {
  const [path = "", writers = "8", writes = "Infinity"] = Deno.args;
  const store = await openStore({ path, now: Date.now, log: silentLog });
  say(`opened ${store.version}`);
  const ids = Array.from({ length: Number(writers) }, (_, id) => id);
  await Promise.all(ids.map((id) => writer(store, id, Number(writes))));
  await store.close();
}
