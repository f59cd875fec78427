import assert from "node:assert/strict";
import { memoryLog } from "../log.ts";
import { KubeClient } from "./client.ts";
import { Informer, type InformerOptions } from "./informer.ts";
import { CONFIG_MAPS } from "./resources.ts";
import { failure, statusResponse } from "./status.ts";
import type { KubeObject } from "./types.ts";

const encoder = new TextEncoder();
type Stream = ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>;

/** An API with one collection; a test feeds each watch by hand. */
class Api {
  items: KubeObject[] = [];
  version = 10;
  lists = 0;
  /** Resource version that each watch began with. */
  readonly watches: string[] = [];
  refuse: ((url: URL) => Response | undefined) | undefined;
  stream: Stream | undefined;
  #opened = Promise.withResolvers<void>();

  readonly client = new KubeClient({
    transport: (request) => {
      const url = new URL(request.url);
      const refused = this.refuse?.(url);
      if (refused !== undefined) return Promise.resolve(refused);
      if (url.searchParams.get("watch") !== "true") {
        this.lists++;
        return Promise.resolve(Response.json({
          metadata: { resourceVersion: String(this.version) },
          items: structuredClone(this.items),
        }));
      }
      this.watches.push(url.searchParams.get("resourceVersion")!);
      const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
        start: (controller) => void (this.stream = controller),
        cancel: () => void (this.stream = undefined),
      });
      this.#opened.resolve();
      return Promise.resolve(new Response(body));
    },
  });

  /** Resolves when the n-th watch stands. */
  async watching(n: number): Promise<void> {
    while (this.watches.length < n) {
      this.#opened = Promise.withResolvers<void>();
      await this.#opened.promise;
    }
  }

  put(name: string, data = "", uid = `uid-${name}`): KubeObject {
    const resourceVersion = String(++this.version);
    const object = { metadata: { name, namespace: "n", uid, resourceVersion }, data } as KubeObject;
    this.items = [...this.items.filter((item) => item.metadata.name !== name), object];
    return object;
  }

  drop(name: string): KubeObject {
    const object = this.items.find((item) => item.metadata.name === name)!;
    this.items = this.items.filter((item) => item !== object);
    const metadata = { ...object.metadata, resourceVersion: String(++this.version) };
    return { ...object, metadata };
  }

  send(type: string, object: unknown): void {
    this.stream?.enqueue(encoder.encode(JSON.stringify({ type, object }) + "\n"));
  }
}

function informer(
  api: Api,
  options: Partial<InformerOptions> = {},
): { informer: Informer<KubeObject>; told: string[]; stop: () => Promise<void> } {
  const made = new Informer<KubeObject>({
    client: api.client,
    resource: CONFIG_MAPS,
    random: () => 0.001,
    ...options,
  });
  const told: string[] = [];
  made.on({
    added: ({ metadata }) => told.push(`+${metadata.name}`),
    updated: ({ metadata }, before) =>
      told.push(`~${metadata.name}:${before.metadata.resourceVersion}`),
    deleted: ({ metadata }) => told.push(`-${metadata.name}`),
  });
  const controller = new AbortController();
  made.start(controller.signal);
  return {
    informer: made,
    told,
    stop: async () => {
      controller.abort();
      await made.stopped;
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`never came true: ${condition}`);
}

Deno.test("Informer lists, watches, and tells what changes", async () => {
  const api = new Api();
  api.put("a");
  const { informer: copy, told, stop } = informer(api);
  await copy.synced;
  assert.equal(copy.get("n/a")?.metadata.name, "a");
  await api.watching(1);
  assert.deepEqual(api.watches, ["11"]);
  api.send("ADDED", api.put("b"));
  api.send("MODIFIED", api.put("a", "2"));
  api.send("DELETED", api.drop("b"));
  await until(() => told.length === 4);
  assert.deepEqual(told, ["+a", "+b", "~a:11", "-b"]);
  assert.deepEqual(copy.list().map(({ metadata }) => metadata.name), ["a"]);
  assert.ok(copy.healthy);
  await stop();
  assert.equal(api.stream, undefined);
});

Deno.test("Informer goes on from the last version, bookmarks included, after a reset", async () => {
  const api = new Api();
  const { informer: copy, told, stop } = informer(api);
  await api.watching(1);
  api.send("ADDED", api.put("a"));
  api.send("BOOKMARK", { metadata: { resourceVersion: "55" } });
  await until(() => told.length === 1);
  await new Promise((resolve) => setTimeout(resolve, 5));
  api.stream!.error(new Error("connection reset"));
  await api.watching(2);
  assert.deepEqual(api.watches, ["10", "55"]);
  assert.equal(api.lists, 1);
  api.send("MODIFIED", api.put("a", "2"));
  await until(() => told.length === 2);
  assert.ok(copy.healthy);
  await stop();
});

Deno.test("Informer lists anew when its version expired, and tells what it missed", async () => {
  const api = new Api();
  api.put("gone");
  api.put("kept");
  api.put("changed");
  api.put("reborn", "", "uid-1");
  const { informer: copy, told, stop } = informer(api);
  await api.watching(1);
  told.length = 0;
  api.drop("gone");
  api.put("changed", "2");
  api.put("reborn", "", "uid-2");
  api.put("new");
  api.send("ERROR", failure(410, "too old resource version"));
  await api.watching(2);
  assert.deepEqual(told, ["-gone", "~changed:13", "-reborn", "+reborn", "+new"]);
  assert.equal(copy.list().length, 4);
  assert.equal(api.lists, 2);
  await stop();
});

Deno.test("Informer leaves a server that has fallen silent", async () => {
  const api = new Api();
  const { stop } = informer(api, { idleMs: 20 });
  await api.watching(2);
  assert.equal(api.lists, 1);
  await stop();
});

Deno.test("Informer waits for a server that is away, and is live again with it", async () => {
  const api = new Api();
  const log = memoryLog();
  let refused = 0;
  api.refuse = () => {
    refused++;
    return statusResponse(failure(503, "starting"));
  };
  const { informer: copy, stop } = informer(api, { log });
  await until(() => refused >= 3);
  assert.equal(copy.healthy, false);
  api.refuse = undefined;
  await copy.synced;
  await api.watching(1);
  api.send("ADDED", api.put("a"));
  await until(() => copy.list().length === 1);
  assert.ok(log.lines.some(({ level, message }) => level === "warn" && /contact/.test(message)));
  await stop();
});

Deno.test("Informer doubts its version after many refusals", async () => {
  const api = new Api();
  const { stop } = informer(api, { maxBackoffMs: 5 });
  await api.watching(1);
  // An etcd restored from a backup: the version is from the future
  api.refuse = ({ searchParams }) =>
    searchParams.get("watch") ? statusResponse(failure(504, "too large")) : undefined;
  api.stream!.error(new Error("reset"));
  await until(() => api.lists === 2);
  await stop();
});

Deno.test("Informer does not ask in a hot loop when watches end at once", async () => {
  const api = new Api();
  let watches = 0;
  api.refuse = ({ searchParams }) => {
    if (searchParams.get("watch") !== "true") return undefined;
    watches++;
    return new Response("");
  };
  const { stop } = informer(api, { random: () => 0.9 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(watches, 1);
  await stop();
});

Deno.test("Informer tells a late listener what is there, and survives a broken one", async () => {
  const api = new Api();
  api.put("a");
  const log = memoryLog();
  const { informer: copy, told, stop } = informer(api, { log });
  await copy.synced;
  const late: string[] = [];
  const off = copy.on({
    added: ({ metadata }) => {
      late.push(metadata.name!);
      throw new Error("broken listener");
    },
  });
  await api.watching(1);
  api.send("ADDED", api.put("b"));
  await until(() => told.length === 2);
  off();
  api.send("ADDED", api.put("c"));
  await until(() => told.length === 3);
  assert.deepEqual(late, ["a", "b"]);
  assert.equal(log.lines.filter(({ level }) => level === "error").length, 2);
  await stop();
});

Deno.test("Informer rejects synced when it is stopped before, and starts once", async () => {
  const api = new Api();
  api.refuse = () => statusResponse(failure(503, "starting"));
  const { informer: copy, stop } = informer(api);
  assert.throws(() => copy.start(new AbortController().signal), /twice/);
  const synced = assert.rejects(copy.synced, { name: "AbortError" });
  await stop();
  await synced;
});

Deno.test("Informer keeps, and tells of, what transform makes of an object", async () => {
  const api = new Api();
  api.put("a", "listed");
  const told: unknown[] = [];
  const stop = new AbortController();
  const informer = new Informer<KubeObject & { data?: string }>({
    client: api.client,
    resource: CONFIG_MAPS,
    transform: ({ data: _, ...object }) => object,
  });
  informer.on({
    added: (object) => told.push(["added", object.metadata.name, object.data]),
    deleted: (object) => told.push(["deleted", object.metadata.name, object.data]),
  });
  informer.start(stop.signal);
  await informer.synced;
  await api.watching(1);
  api.send("ADDED", api.put("b", "watched"));
  api.send("DELETED", api.drop("b"));
  await until(() => told.length === 3);
  assert.deepEqual(told, [
    ["added", "a", undefined],
    ["added", "b", undefined],
    ["deleted", "b", undefined],
  ]);
  assert.deepEqual(informer.list().map(({ data }) => data), [undefined]);
  stop.abort();
  await informer.stopped;
});
