import assert from "node:assert/strict";
import { KubeClient } from "../../shared/kube/client.ts";
import { failure } from "../../shared/kube/status.ts";
import { memoryLog } from "../../shared/log.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { type AllowEntry, formatAllowEntry, readAllowEntry } from "./allow_entry.ts";
import { TargetConfigMap } from "./config_map.ts";

const NS = "clusternet-system";
const NAME = "clusternet-agent-targets";
const MAPS = "/configmaps";

/** A ConfigMap's API and the one who watches it. */
class Bed implements AsyncDisposable {
  readonly log = memoryLog();
  readonly applied: string[][] = [];
  readonly events: string[] = [];
  readonly #stop = new AbortController();
  readonly list: TargetConfigMap;

  constructor(
    readonly kube = new FakeKube(),
    read?: (text: string) => Promise<AllowEntry[]>,
  ) {
    this.list = new TargetConfigMap({
      client: new KubeClient({ transport: kube.transport, userAgent: "test" }),
      namespace: NS,
      name: NAME,
      apply: (entries) => this.applied.push(entries.map(formatAllowEntry)),
      event: ({ name, uid }, type, reason, message) => {
        assert.equal(name, NAME);
        assert.ok(uid);
        this.events.push(`${type} ${reason} ${message}`);
      },
      ...(read === undefined ? {} : { read }),
      log: this.log,
      random: () => 0.001,
    });
  }

  async start(): Promise<this> {
    this.list.start(this.#stop.signal);
    await this.list.ready(2_000, this.#stop.signal);
    return this;
  }

  put(data: Record<string, string> | string, more: Record<string, unknown> = {}): void {
    this.kube.put(MAPS, {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: NAME, namespace: NS },
      data: typeof data === "string" ? { "targets.yaml": data } : data,
      ...more,
    });
  }

  get entries(): string[] {
    return this.list.entries.map(formatAllowEntry);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let i = 0; i < 1_000 && !condition(); i++) {
      await new Promise((done) => setTimeout(done, 2));
    }
    assert.ok(condition(), `${what}: ${JSON.stringify([this.entries, this.events])}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.list.stopped;
  }
}

Deno.test("TargetConfigMap takes a list, keeps it over a typo, takes the mended one", async () => {
  await using bed = await new Bed().start();
  assert.deepEqual(bed.entries, []);
  bed.put("targets: [http://a.svc]\n");
  await bed.until("the list is in force", () => bed.entries.join() === "http://a.svc");
  bed.put("targets: [http://a.svc, http://b.svc\n");
  await bed.until("the typo is seen", () => bed.list.fault !== undefined);
  assert.match(bed.list.fault!, /^targets\.yaml: line \d+: /);
  assert.deepEqual(bed.entries, ["http://a.svc"]);
  bed.put("targets: [http://b.svc]\n");
  await bed.until("the mended list is in force", () => bed.entries.join() === "http://b.svc");
  assert.equal(bed.list.fault, undefined);
  assert.deepEqual(bed.events.map((line) => line.split(" ", 2).join(" ")), [
    "Normal TargetListAccepted",
    "Warning TargetListRefused",
    "Normal TargetListAccepted",
  ]);
  assert.match(bed.events[1]!, /line \d+.*last good list stays in force: 1 entries/);
  assert.ok(
    bed.log.lines.some(({ level, message }) => level === "error" && /refused/.test(message)),
  );
});

Deno.test("TargetConfigMap removes its entries with the ConfigMap, and after that none is good", async () => {
  const bed0 = new Bed();
  bed0.put("targets: [http://a.svc]\n");
  await using bed = await bed0.start();
  assert.deepEqual(bed.entries, ["http://a.svc"]);
  assert.deepEqual(bed.events, []);
  bed.kube.remove(MAPS, NAME, NS);
  await bed.until("nothing is left", () => bed.entries.length === 0);
  assert.deepEqual(bed.applied.at(-1), []);
  assert.match(bed.events[0]!, /TargetListRemoved/);
  bed.put("targets: {}\n");
  await bed.until("the fault is seen", () => bed.list.fault !== undefined);
  assert.deepEqual(bed.entries, []);
  assert.match(bed.events[1]!, /no earlier list/);
});

Deno.test("TargetConfigMap that starts with a broken list has none", async () => {
  const bed0 = new Bed();
  bed0.put("target: [http://a.svc]\n");
  await using bed = await bed0.start();
  assert.match(bed.list.fault!, /target/);
  assert.deepEqual(bed.applied, []);
  assert.match(bed.events[0]!, /Warning TargetListRefused .*only --allow-target is in force/);
  bed.list.repeatFault();
  assert.equal(bed.events[1], bed.events[0]);
});

Deno.test("TargetConfigMap refuses unknown keys and binaryData; no key is an empty list", async () => {
  await using bed = await new Bed().start();
  bed.put("targets: [http://a.svc]\n");
  await bed.until("the list is in force", () => bed.entries.length === 1);
  bed.put({ "targets.yaml": "targets: []\n", "target.yaml": "" });
  await bed.until("an unknown key", () => /"target.yaml" is unknown/.test(bed.list.fault ?? ""));
  bed.put({}, { binaryData: { "targets.yaml": "" } });
  await bed.until("binaryData", () => /must be text/.test(bed.list.fault ?? ""));
  assert.equal(bed.entries.length, 1);
  bed.put({});
  await bed.until("an emptied ConfigMap allows nothing", () => bed.entries.length === 0);
  assert.equal(bed.list.fault, undefined);
});

Deno.test("TargetConfigMap keeps its list while the API cannot be read, and goes on after", async () => {
  const bed0 = new Bed();
  bed0.put("targets: [http://a.svc]\n");
  await using bed = await bed0.start();
  let down = true;
  bed.kube.interceptors.push(() =>
    down ? Promise.resolve(new Response("down", { status: 500 })) : Promise.resolve(undefined)
  );
  bed.kube.dropWatches();
  bed.put("targets: [http://b.svc]\n");
  await new Promise((done) => setTimeout(done, 50));
  assert.deepEqual(bed.entries, ["http://a.svc"]);
  down = false;
  await bed.until("the list goes on", () => bed.entries.join() === "http://b.svc");
});

Deno.test("TargetConfigMap says that the grant is missing, and does not hold up the agent", async () => {
  const kube = new FakeKube();
  kube.interceptors.push(({ path }) =>
    Promise.resolve(
      path.includes(MAPS) ? Response.json(failure(403, "no"), { status: 403 }) : undefined,
    )
  );
  const bed0 = new Bed(kube);
  await using bed = bed0;
  const stop = new AbortController();
  bed.list.start(stop.signal);
  const started = performance.now();
  await bed.list.ready(50, stop.signal);
  assert.ok(performance.now() - started < 1_000);
  await bed.until("it is said", () => bed.log.lines.some(({ level }) => level === "warn"));
  assert.match(bed.log.lines.find(({ level }) => level === "warn")!.message, /grant get, list/);
  stop.abort();
});

Deno.test("TargetConfigMap does not apply a list that was removed while it was read", async () => {
  const reading = Promise.withResolvers<void>();
  const read = Promise.withResolvers<AllowEntry[]>();
  await using bed = await new Bed(new FakeKube(), () => {
    reading.resolve();
    return read.promise;
  }).start();
  bed.put("targets: [http://a.svc]\n");
  await reading.promise;
  bed.kube.remove(MAPS, NAME, NS);
  await bed.until("the removal is seen", () => bed.applied.length > 0);
  read.resolve([readAllowEntry("http://a.svc")]);
  await new Promise((done) => setTimeout(done, 10));
  assert.deepEqual(bed.applied.at(-1), []);
  assert.deepEqual(bed.entries, []);
});
