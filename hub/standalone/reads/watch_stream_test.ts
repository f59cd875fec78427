import assert from "node:assert/strict";
import type { ApiObject } from "../store/types.ts";
import type { Selectors } from "./selectors.ts";
import { type Api, Events, kind, openApi } from "./testing.ts";
import { eventEncoder } from "./watch_events.ts";
import { openWatchStream, type WatchStreamOptions } from "./watch_stream.ts";

const ALL: Selectors = { empty: true, parses: false, matches: () => true };
const PLAIN = { as: "Object", version: "v1", yaml: false, pretty: false } as const;

function open(api: Api, more: Partial<WatchStreamOptions> = {}): ReadableStream<Uint8Array> {
  return openWatchStream({
    store: api.store,
    place: { resource: "secrets" },
    selectors: ALL,
    encoder: eventEncoder(kind("secrets"), PLAIN, undefined),
    initial: [],
    since: api.store.version,
    bookmarks: false,
    initialEnd: false,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...more,
  });
}

function events(stream: ReadableStream<Uint8Array>): Events {
  return new Events(new Response(stream as BodyInit));
}

Deno.test("openWatchStream sends a bookmark shortly before its end", async () => {
  await using api = await openApi();
  const stream = events(open(api, { bookmarks: true, timeoutMs: 2_050 }));
  const { version } = await api.add("configmaps", "of another resource");
  const { type, object } = await stream.next();
  assert.deepEqual([type, object.metadata], ["BOOKMARK", { resourceVersion: String(version) }]);
  await stream.cancel();
});

Deno.test("openWatchStream encodes a change once for all watchers", async () => {
  await using api = await openApi();
  const readers = [open(api), open(api)].map((stream) => stream.getReader());
  // One that has nothing to tell begins all the same, so that its head goes out
  for (const reader of readers) assert.equal((await reader.read()).value?.length, 0);
  await api.add("secrets", "a");
  const [first, second] = await Promise.all(readers.map((reader) => reader.read()));
  assert.ok(first!.value !== undefined && first!.value === second!.value);
  await Promise.all(readers.map((reader) => reader.cancel()));
});

Deno.test("openWatchStream ends a watcher that does not read", async () => {
  await using api = await openApi();
  const slow = open(api);
  const quick = events(open(api));
  const data = { big: "x".repeat(1024 * 1024) };
  let stored = await api.add("secrets", "a", { data });
  for (let i = 0; i < 9; i++) {
    await quick.next();
    stored = await api.change(stored, { data });
  }
  await assert.rejects(slow.getReader().read(), /its reader is too slow/);
  assert.equal((await quick.next()).type, "MODIFIED");
  await quick.cancel();
});

Deno.test("openWatchStream sends whatever was missed, however much it is", async () => {
  await using api = await openApi();
  const first = await api.add("secrets", "a");
  const data = { big: "x".repeat(1024 * 1024) };
  let stored: typeof first = first;
  for (let i = 0; i < 12; i++) stored = await api.change(stored, { data });
  const stream = events(open(api, { since: first.version }));
  for (let i = 0; i < 12; i++) assert.equal((await stream.next()).type, "MODIFIED");
  await stream.cancel();
});

Deno.test("openWatchStream leaves no change out while it sends what is there", async () => {
  await using api = await openApi();
  await Promise.all(Array.from({ length: 1000 }, (_, i) =>
    api.add("secrets", `s${i}`, {
      data: { filler: "x".repeat(500) },
    })));
  const { version, objects } = api.store.list("secrets");
  const stream = events(open(api, { initial: objects, since: version, initialEnd: true }));
  const state = new Map<string, ApiObject>();
  const sent = { bookmark: 0, changed: 0 };
  let seen = 0;
  while (sent.changed < 50) {
    const { type, object } = await stream.next();
    if (type === "BOOKMARK") sent.bookmark = seen;
    else if (type === "MODIFIED") sent.changed++;
    if (type !== "BOOKMARK") state.set(object.metadata.name, object);
    if (seen++ < 50) {
      await api.change(objects[objects.length - seen]!, { data: { n: String(seen) } });
    }
  }
  assert.equal(sent.bookmark, 1000);
  const { objects: now } = api.store.list("secrets");
  for (const { name, json } of now) assert.deepEqual(state.get(name), JSON.parse(json));
  await stream.cancel();
});
