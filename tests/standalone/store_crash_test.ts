/**
 * What the store promises when its process dies: nothing that was acknowledged is lost, nothing is
 * half written, and a watch resumes without gap or repeat.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { silentLog } from "../../shared/log.ts";
import { openStore } from "../../hub/standalone/store/open_store.ts";
import type { Change, Store } from "../../hub/standalone/store/types.ts";
import { digest } from "./store_load.ts";

const ROUNDS = 10;
const SCRIPT = fileURLToPath(import.meta.resolve("./store_load.ts"));

/** A line of the script: a write that was acknowledged. */
interface Acknowledged {
  version: number;
  line: string;
}

function writerCommand(path: string, writers: number, writes?: number): string[] {
  const rest = writes === undefined ? [] : [String(writes)];
  return ["run", "-A", "--no-check", SCRIPT, path, String(writers), ...rest];
}

/** Runs the writer, kills it after some acknowledgements, gives back all of them. */
async function killedLoad(path: string, afterLines: number): Promise<Acknowledged[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: writerCommand(path, 8),
    stdout: "piped",
    stderr: "inherit",
    stdin: "null",
  }).spawn();
  let text = "", lines = 0, killed = false;
  const decoder = new TextDecoder();
  const deadline = setTimeout(() => child.kill("SIGKILL"), 30_000);
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    for (const byte of bytes) if (byte === 10) lines++;
    // Lines that are in the pipe already were said before it died: they count
    if (lines >= afterLines && !killed) {
      killed = true;
      child.kill("SIGKILL");
    }
  }
  clearTimeout(deadline);
  assert.equal((await child.status).signal, "SIGKILL");
  return text.split("\n").slice(1, -1).map((line) => ({
    line,
    version: Number(line.split(" ")[0]),
  }));
}

function lineOf({ type, object }: Change): string {
  return `${object.version} ${type} ${object.name} ${digest(object.json)}`;
}

/** Follows from the beginning, or from what was seen last, as a watcher does that comes back. */
function resume(store: Store, seen: Change[]): () => void {
  return store.watch({
    resource: "configmaps",
    since: seen.at(-1)?.object.version ?? 1,
    onChanges: (changes) => seen.push(...changes),
  });
}

function checkObjects(store: Store, seen: readonly Change[]): void {
  const expected = new Map<string, string>();
  for (const { type, object } of seen) {
    if (type === "DELETED") expected.delete(object.name);
    else expected.set(object.name, object.json);
  }
  const { objects } = store.list("configmaps");
  assert.deepEqual(new Map(objects.map(({ name, json }) => [name, json])), expected);
  for (const { json, version, name } of objects) {
    const { metadata, data } = JSON.parse(json);
    assert.deepEqual([metadata.resourceVersion, metadata.name], [String(version), name]);
    assert.equal(data.filler.length, Number(data.turn) % 4_000);
  }
}

Deno.test(`Store loses nothing that it acknowledged to ${ROUNDS} kill -9`, async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/store.db`;
  const acknowledged: Acknowledged[] = [];
  const seen: Change[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      acknowledged.push(...await killedLoad(path, 50 + 97 * round));
      const store = await openStore({ path, now: Date.now, log: silentLog, historyLimit: 1e6 });
      const stop = resume(store, seen);
      const happened = new Map(seen.map((change) => [change.object.version, change]));
      for (const { version, line } of acknowledged) {
        const change = happened.get(version);
        assert.ok(change !== undefined, `round ${round}: the write of version ${version} is lost`);
        assert.equal(lineOf(change), line);
      }
      // A resource alone, and nothing failed: every version is there, once
      assert.deepEqual(seen.map(({ object }) => object.version), seen.map((_, i) => i + 2));
      assert.equal(store.version, seen.length + 1);
      checkObjects(store, seen);
      stop();
      await store.close();
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

function hasStrace(): boolean {
  try {
    return new Deno.Command("strace", { args: ["-o", "/dev/null", "true"] }).outputSync().success;
  } catch {
    return false;
  }
}

const strace = hasStrace();

Deno.test({
  name: "Store calls fsync on the WAL before it acknowledges a write" +
    (strace ? "" : " (left out: strace is not installed, or may not trace)"),
  ignore: !strace,
  fn: async () => {
    const directory = await Deno.makeTempDir();
    try {
      const trace = `${directory}/trace`;
      const { success } = await new Deno.Command("strace", {
        args: ["-f", "-y", "-e", "trace=fsync,fdatasync,write", "-o", trace, Deno.execPath()]
          .concat(writerCommand(`${directory}/store.db`, 1, 5)),
        stdout: "null",
      }).output();
      assert.ok(success);
      const calls = (await Deno.readTextFile(trace)).split("\n")
        .filter((line) =>
          /sync\(.*store\.db-wal|write\(1.*"(opened|\d+ (ADDED|MODIFIED))/.test(line)
        )
        .map((line) => line.includes("sync(") ? "fsync" : "acknowledged");
      const text = calls.join(" ");
      assert.equal(calls.filter((call) => call === "acknowledged").length, 6, text);
      const first = calls.indexOf("acknowledged"); // "opened"
      const writes = calls.slice(first + 1).join(" ");
      assert.match(writes, /^((fsync )+acknowledged ?){5}/, writes);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  },
});
