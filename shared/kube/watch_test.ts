import assert from "node:assert/strict";
import { KubeClient } from "./client.ts";
import { CONFIG_MAPS } from "./resources.ts";
import { failure, StatusError, statusResponse } from "./status.ts";
import { handlerTransport } from "./transport.ts";
import type { KubeObject, WatchEvent } from "./types.ts";
import { watch, WatchIdleError } from "./watch.ts";

const encoder = new TextEncoder();

interface Source {
  client: KubeClient;
  urls: URL[];
  push(data: string | Uint8Array<ArrayBuffer>): void;
  end(): void;
  fail(error: Error): void;
  cancelled: boolean;
}

function source(): Source {
  let controller: ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start: (c) => void (controller = c),
    cancel: () => void (made.cancelled = true),
  });
  const urls: URL[] = [];
  const made: Source = {
    client: new KubeClient({
      transport: handlerTransport((request) => {
        urls.push(new URL(request.url));
        return new Response(body);
      }),
    }),
    urls,
    push: (data) => controller.enqueue(typeof data === "string" ? encoder.encode(data) : data),
    end: () => controller.close(),
    fail: (error) => controller.error(error),
    cancelled: false,
  };
  return made;
}

function event(type: string, name: string, resourceVersion: string): string {
  return JSON.stringify({ type, object: { metadata: { name, resourceVersion } } }) + "\n";
}

const options = { resourceVersion: "7", signal: new AbortController().signal, random: () => 0 };

Deno.test("watch() yields events out of chunks that are cut anywhere, and ends in order", async () => {
  const from = source();
  const text = event("ADDED", "ä", "8") + event("BOOKMARK", "", "9") + event("DELETED", "ä", "10");
  const seen: WatchEvent<KubeObject>[] = [];
  const reading = (async () => {
    for await (const one of from.client.watch<KubeObject>(CONFIG_MAPS, options)) seen.push(one);
  })();
  for (const byte of encoder.encode(text)) from.push(Uint8Array.of(byte));
  from.end();
  await reading;
  assert.deepEqual(seen.map(({ type }) => type), ["ADDED", "BOOKMARK", "DELETED"]);
  assert.equal(seen[0]?.object.metadata.name, "ä");
  const query = Object.fromEntries(from.urls[0]!.searchParams);
  assert.deepEqual(query, {
    watch: "true",
    allowWatchBookmarks: "true",
    resourceVersion: "7",
    timeoutSeconds: "300",
  });
});

Deno.test("watch() throws the Status of an ERROR event and of a refusal", async () => {
  const from = source();
  from.push(event("ADDED", "a", "8"));
  from.push(JSON.stringify({ type: "ERROR", object: failure(410, "too old") }) + "\n");
  const events = from.client.watch<KubeObject>(CONFIG_MAPS, options);
  assert.equal((await events.next()).value?.type, "ADDED");
  const expired = (error: unknown): boolean => error instanceof StatusError && error.code === 410;
  await assert.rejects(events.next(), expired);
  assert.ok(from.cancelled);

  const refusing = new KubeClient({
    transport: handlerTransport(() => statusResponse(failure(410, "gone"))),
  });
  await assert.rejects(refusing.watch(CONFIG_MAPS, options).next(), expired);
});

Deno.test("watch() takes a silent server for dead and closes the connection", async () => {
  const from = source();
  from.push(event("ADDED", "a", "8"));
  const events = from.client.watch<KubeObject>(CONFIG_MAPS, { ...options, idleMs: 30 });
  await events.next();
  await assert.rejects(events.next(), WatchIdleError);
  assert.ok(from.cancelled);
});

Deno.test("watch() does not count the time its reader takes as silence", async () => {
  const from = source();
  from.push(event("ADDED", "a", "8") + event("ADDED", "b", "9"));
  const events = from.client.watch<KubeObject>(CONFIG_MAPS, { ...options, idleMs: 30 });
  await events.next();
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal((await events.next()).value?.type, "ADDED");
  await events.return();
  assert.ok(from.cancelled);
});

Deno.test("watch() frees its connection at once on abort, even between two reads", async () => {
  const from = source();
  from.push(event("ADDED", "a", "8"));
  const controller = new AbortController();
  const reason = new Error("enough");
  const events = from.client.watch<KubeObject>(CONFIG_MAPS, {
    ...options,
    signal: controller.signal,
  });
  await events.next();
  controller.abort(reason);
  await Promise.resolve();
  assert.ok(from.cancelled);
  await assert.rejects(events.next(), reason);
  await assert.rejects(
    from.client.watch(CONFIG_MAPS, { ...options, signal: controller.signal }).next(),
    reason,
  );
});

Deno.test("watch() throws when the connection breaks, and when an event is cut", async () => {
  const from = source();
  from.push(event("ADDED", "a", "8"));
  const events = from.client.watch<KubeObject>(CONFIG_MAPS, options);
  await events.next();
  from.fail(new Error("reset"));
  await assert.rejects(events.next(), /reset/);

  const cut = source();
  cut.push('{"type":"ADDED"');
  cut.end();
  await assert.rejects(cut.client.watch(CONFIG_MAPS, options).next(), /within an event/);
});

Deno.test("watch() bounds an event, and refuses what it does not know", async () => {
  const long = source();
  long.push(event("ADDED", "a".repeat(200), "8"));
  const events = watch(long.client, CONFIG_MAPS, { ...options, maxLineBytes: 100 });
  await assert.rejects(events.next(), /more than 100 bytes/);
  const odd = source();
  odd.push('{"type":"RENAMED","object":{}}\n');
  await assert.rejects(odd.client.watch(CONFIG_MAPS, options).next(), /unknown type "RENAMED"/);
});
