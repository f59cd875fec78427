import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { memoryLog, silentLog } from "../../shared/log.ts";
import { failure, StatusError } from "../../shared/kube/status.ts";
import { ensureApiServiceCaBundle, keepApiServiceCaBundle } from "./apiservice.ts";
import { type CaStore, directoryStore, secretStore } from "./ca_store.ts";
import { CA_LIFE_MS, SERVING_LIFE_MS, servingNames } from "./certificates.ts";
import { parseAnchors } from "./client_cert.ts";
import type { RawKubeClient } from "./kube_api.ts";
import { selfMadeServing, servingFromFiles } from "./serving_cert.ts";
import { TestCa } from "../../shared/testing/test_pki.ts";
import { get, TestFront } from "./test_front.ts";
import { ValueSource } from "./source.ts";

const DAY_MS = 86_400_000;
const NAMES = servingNames("clusternet-system", ["hub.example", "192.0.2.7"]);

/** Objects by path, with resourceVersions and conflicts. */
class FakeObjects implements RawKubeClient {
  readonly objects = new Map<string, { metadata: Record<string, string>; spec?: unknown }>();
  readonly calls: string[] = [];
  #version = 0;

  raw(path: string, init: RequestInit = {}): Promise<Response> {
    const method = init.method ?? "GET";
    this.calls.push(`${method} ${path}`);
    return Promise.resolve(this.#answer(method, path, init.body));
  }

  #answer(method: string, path: string, body: unknown): Response {
    const refuse = (code: number): Response =>
      Response.json(failure(code, `refused ${path}`), { status: code });
    if (method === "GET") {
      const object = this.objects.get(path);
      return object === undefined ? refuse(404) : Response.json(object);
    }
    const object = JSON.parse(String(body));
    const key = method === "POST" ? `${path}/${object.metadata.name}` : path;
    const current = this.objects.get(key);
    if (method === "POST" && current !== undefined) return refuse(409);
    const version = object.metadata.resourceVersion;
    if (method === "PUT" && current?.metadata.resourceVersion !== version) return refuse(409);
    object.metadata.resourceVersion = String(++this.#version);
    this.objects.set(key, object);
    return Response.json(object);
  }
}

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const parent = await Deno.makeTempDir();
  try {
    await work(join(parent, "certs"));
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

function eachStore(name: string, work: (store: () => CaStore) => Promise<void>): void {
  Deno.test(`${name} (directory)`, () =>
    withDirectory((directory) => work(() => directoryStore(directory))));
  Deno.test(`${name} (Secret)`, () => {
    const client = new FakeObjects();
    return work(() => secretStore(client, "clusternet-system"));
  });
}

eachStore("A self-made certificate is good for the names of the hub", async (store) => {
  const { pair, caBundle } = await selfMadeServing({
    store: store(),
    names: NAMES,
    log: silentLog,
  });
  const leaf = new X509Certificate(pair.value.cert);
  const ca = new X509Certificate(caBundle.value!);
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && !leaf.ca && ca.ca);
  for (const name of ["localhost", "clusternet-hub.clusternet-system.svc", "hub.example"]) {
    assert.ok(leaf.subjectAltName?.includes(`DNS:${name}`), name);
  }
  assert.match(leaf.subjectAltName ?? "", /IP Address:127\.0\.0\.1/);
  assert.match(leaf.subjectAltName ?? "", /IP Address:192\.0\.2\.7/);
});

eachStore("Hubs that start at once share one CA, and a restart keeps it", async (store) => {
  const options = { names: NAMES, log: silentLog };
  const hubs = await Promise.all(
    [1, 2, 3].map(() => selfMadeServing({ ...options, store: store() })),
  );
  const later = await selfMadeServing({ ...options, store: store() });
  for (const hub of [...hubs, later]) assert.equal(hub.caBundle.value, later.caBundle.value);
  assert.notEqual(hubs[0]!.pair.value.key, later.pair.value.key);
});

eachStore("Certificate and CA are renewed in time, the old CA stays trusted", async (store) => {
  let now = Date.now();
  const make = (): ReturnType<typeof selfMadeServing> =>
    selfMadeServing({
      store: store(),
      names: NAMES,
      log: silentLog,
      checkMs: 1,
      settleMs: 1,
      now: () => now,
    });
  const hub = await make();
  const stop = new AbortController();
  const running = hub.run(stop.signal);
  const changed = (): Promise<void> =>
    new Promise((resolve) => {
      const unsubscribe = hub.pair.subscribe(() => {
        unsubscribe();
        resolve();
      });
    });
  const first = { cert: hub.pair.value.cert, bundle: hub.caBundle.value! };
  let next = changed();
  now += SERVING_LIFE_MS * 0.7;
  await next;
  assert.notEqual(hub.pair.value.cert, first.cert);
  assert.equal(hub.caBundle.value, first.bundle);
  next = changed();
  now += CA_LIFE_MS - 200 * DAY_MS;
  await next;
  const blocks = hub.caBundle.value!.split("-----BEGIN").length - 1;
  assert.equal(blocks, 2);
  assert.ok(hub.caBundle.value!.endsWith(first.bundle));
  const leaf = new X509Certificate(hub.pair.value.cert);
  assert.ok(leaf.checkIssued(new X509Certificate(hub.caBundle.value!)));
  const standby = await make();
  assert.equal(standby.caBundle.value, hub.caBundle.value);
  next = changed();
  now += 300 * DAY_MS; // The first CA has expired
  await next;
  assert.equal(hub.caBundle.value!.split("-----BEGIN").length - 1, 1);
  stop.abort();
  await running;
});

Deno.test("The CA's file is private, and a broken one is not overwritten", () =>
  withDirectory(async (directory) => {
    const options = { store: directoryStore(directory), names: NAMES, log: silentLog };
    await selfMadeServing(options);
    assert.equal((await Deno.stat(directory)).mode! & 0o777, 0o700);
    const path = join(directory, "serving-ca.pem");
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o600);
    assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["serving-ca.pem"]);
    await Deno.writeTextFile(path, "broken");
    await assert.rejects(selfMadeServing(options), /remove it, and the hub makes a new CA/);
  }));

Deno.test("The public port serves with a self-made certificate, and with its successor", () =>
  withDirectory(async (directory) => {
    let now = Date.now();
    const made = await selfMadeServing({
      store: directoryStore(directory),
      names: NAMES,
      log: silentLog,
      checkMs: 1,
      now: () => now,
    });
    await using test = await TestFront.start({ serving: made.pair });
    test.serverCa = Object.assign(Object.create(TestCa.prototype), { pem: made.caBundle.value });
    assert.equal((await test.send(get("/livez"), null)).status, 200);
    const stop = new AbortController();
    const renewed = new Promise((resolve) => made.pair.subscribe(resolve));
    const running = made.run(stop.signal);
    now += SERVING_LIFE_MS * 0.7 + 1;
    await renewed;
    stop.abort();
    await running;
  }));

Deno.test("Files are re-read when they change and belong together", () =>
  withDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const certFile = join(directory, "tls.crt");
    const keyFile = join(directory, "tls.key");
    const ca = await TestCa.create("own");
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) => ca.issue({ subject: `CN=${name}`, usage: "server" })),
    );
    await assert.rejects(
      servingFromFiles({ certFile, keyFile, log: silentLog }),
      /Cannot use --tls-cert-file/,
    );
    await Deno.writeTextFile(certFile, one!.cert);
    await Deno.writeTextFile(keyFile, one!.key);
    const log = memoryLog();
    const serving = await servingFromFiles({ certFile, keyFile, log, pollMs: 5 });
    assert.equal(serving.caBundle.value, undefined);
    const stop = new AbortController();
    const running = serving.run(stop.signal);
    const changed = new Promise((resolve) => serving.pair.subscribe(resolve));
    await Deno.writeTextFile(certFile, two!.cert + ca.pem);
    while (log.lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(serving.pair.value.cert, one!.cert);
    await Deno.writeTextFile(keyFile, two!.key);
    await changed;
    assert.equal(serving.pair.value.key, two!.key);
    stop.abort();
    await running;
    assert.equal(String(serving.caBundle.value).trim(), ca.pem.trim());
  }));

const API_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io";

Deno.test("The APIService gets the bundle, and is left alone when it has it", async () => {
  const client = new FakeObjects();
  assert.equal(await ensureApiServiceCaBundle(client, "pem"), "absent");
  client.objects.set(API_SERVICE, {
    metadata: { name: "v1alpha1.proxies.clusternet.io", resourceVersion: "7" },
    spec: { group: "proxies.clusternet.io", insecureSkipTLSVerify: true, versionPriority: 100 },
  });
  assert.equal(await ensureApiServiceCaBundle(client, "pem"), "updated");
  assert.deepEqual(client.objects.get(API_SERVICE)!.spec, {
    group: "proxies.clusternet.io",
    versionPriority: 100,
    caBundle: "cGVt",
  });
  client.calls.length = 0;
  assert.equal(await ensureApiServiceCaBundle(client, "pem"), "unchanged");
  assert.deepEqual(client.calls, [`GET ${API_SERVICE}`]);
});

Deno.test("The bundle is put back when it is lost, and follows a new CA", async () => {
  const client = new FakeObjects();
  const bundle = new ValueSource<string | undefined>("one");
  const stop = new AbortController();
  const keeping = keepApiServiceCaBundle({
    client,
    caBundle: bundle,
    signal: stop.signal,
    log: silentLog,
    everyMs: 5,
  });
  const until = async (wanted: string): Promise<void> => {
    const encoded = btoa(wanted);
    const spec = (): { caBundle?: string } | undefined =>
      client.objects.get(API_SERVICE)?.spec as { caBundle?: string } | undefined;
    while (spec()?.caBundle !== encoded) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  const fresh = { metadata: { name: "x", resourceVersion: "1" }, spec: {} };
  client.objects.set(API_SERVICE, structuredClone(fresh));
  await until("one");
  client.objects.set(API_SERVICE, structuredClone(fresh));
  await until("one");
  bundle.set("two");
  await until("two");
  stop.abort();
  await keeping;
});

Deno.test("A standby adds its CA to the bundle, and takes the leader's from it no more", async () => {
  const [mine, others] = await Promise.all([TestCa.create("mine"), TestCa.create("other")]);
  const client = new FakeObjects();
  const bundle = new ValueSource<string | undefined>(mine!.pem);
  const stop = new AbortController();
  const everyMs = 5;
  const { signal } = stop;
  const keeping = keepApiServiceCaBundle({
    client,
    caBundle: bundle,
    signal,
    log: silentLog,
    everyMs,
  });
  const put = (pem: string): void => {
    const metadata = { name: "x", resourceVersion: String(Math.random()) };
    client.objects.set(API_SERVICE, { metadata, spec: { caBundle: btoa(pem) } });
  };
  const has = (): string =>
    atob((client.objects.get(API_SERVICE)?.spec as { caBundle?: string })?.caBundle ?? "");
  const looks = async (): Promise<void> => {
    const gets = (): number => client.calls.filter((call) => call.startsWith("GET")).length;
    const before = gets();
    while (gets() < before + 3) await new Promise((resolve) => setTimeout(resolve, 2));
  };
  put("what was applied");
  await looks();
  assert.equal(has(), mine!.pem);
  put(others!.pem + mine!.pem);
  await looks();
  assert.equal(has(), others!.pem + mine!.pem);
  put(others!.pem);
  await looks();
  assert.deepEqual(has().split("-----BEGIN").length - 1, 2);
  bundle.set(mine!.pem + "\n"); // A change of its own: exactly its own
  await looks();
  assert.equal(has(), mine!.pem + "\n");
  stop.abort();
  await keeping;
});

Deno.test("A new CA is in the bundle before it serves, and the former one for a while after", () =>
  withDirectory(async (directory) => {
    await Deno.mkdir(directory);
    const certFile = join(directory, "tls.crt");
    const keyFile = join(directory, "tls.key");
    const [one, two] = await Promise.all([TestCa.create("one"), TestCa.create("two")]);
    const write = async (ca: TestCa): Promise<void> => {
      const leaf = await ca.issue({ subject: "CN=hub", usage: "server" });
      await Deno.writeTextFile(certFile, leaf.cert + ca.pem);
      await Deno.writeTextFile(keyFile, leaf.key);
    };
    await write(one!);
    let now = 0;
    const times = { pollMs: 5, settleMs: 30, formerMs: 1_000, now: () => now };
    const serving = await servingFromFiles({ certFile, keyFile, log: silentLog, ...times });
    const stop = new AbortController();
    const running = serving.run(stop.signal);
    const seen: string[] = [];
    const names = (): string =>
      parseAnchors(serving.caBundle.value ?? "").certificates
        .map(({ subject }) => subject).join(" ");
    const issuer = (): string => new X509Certificate(serving.pair.value.cert).issuer;
    const note = (): void => void seen.push(`${issuer()} trusted: ${names()}`);
    serving.caBundle.subscribe(note);
    serving.pair.subscribe(note);
    const until = async (count: number): Promise<void> => {
      while (seen.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await write(two!);
    await until(2);
    now = 1_000;
    await until(3);
    stop.abort();
    await running;
    assert.deepEqual(seen, [
      "CN=one trusted: CN=two CN=one",
      "CN=two trusted: CN=two CN=one",
      "CN=two trusted: CN=two",
    ]);
  }));

Deno.test("A refusal of the parent is passed on", async () => {
  const client: RawKubeClient = {
    raw: () => Promise.resolve(Response.json(failure(403, "no"), { status: 403 })),
  };
  await assert.rejects(
    ensureApiServiceCaBundle(client, "pem"),
    (error) => error instanceof StatusError && error.code === 403,
  );
});
