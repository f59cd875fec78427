/**
 * Abuse case 20: five hundred clients at once that are slow on purpose. Each is cut at its limit or
 * holds only its own user's share, and nobody else waits for them.
 */
import assert from "node:assert/strict";
import http from "node:http";
import { delay } from "../../shared/backoff.ts";
import { freePorts } from "../cluster/ports.ts";
import { metric } from "../e2e/programs.ts";
import { report } from "../e2e/report.ts";
import { eventually } from "../e2e/wait.ts";
import { KeptConnection, type RawTarget, rawText } from "./raw_http.ts";
import { ALICE, cases, remoteLines, type Scene } from "./scene.ts";
import { SlowClient, type SlowSending } from "./slow_clients.ts";

const [PORT] = freePorts(1) as [number];
const HEADS = 170;
const BODIES = 165;
const READERS = 165;
/** Of the agent's 1,024 streams; 337 of them: all bodies and readers, and 7 more. */
const SHARE_PERCENT = 33;
const MORE = 20;
const MOST = Math.floor(1024 * SHARE_PERCENT / 100);
/** `headersMs` of the hub. */
const HEAD_MS = 10_000;
const RESPONSE_MS = 10_000;
/** Who was answered and goes on sending is cut after 2 s. */
const LINGER_MS = 2_000;
/** What timers, and a machine with other work, may add. */
const LATE_MS = 4_000;
/** What other work on this machine may add to a request. */
const NOISE_MS = 60;

/** `GET /long` sends for ever, as fast as it is read; a body is answered when it is whole. */
class Target implements AsyncDisposable {
  /** Requests whose connection is open. */
  readonly open = { long: 0, body: 0 };
  /** Bytes of all long answers that were taken. */
  sent = 0;
  readonly #server = http.createServer((req, res) => {
    const kind = req.url === "/long" ? "long" : "body";
    this.open[kind]++;
    res.once("close", () => this.open[kind]--);
    req.on("error", () => {});
    res.on("error", () => {});
    if (kind === "long") return this.#pour(res);
    req.resume().once("end", () => res.end("whole"));
  });

  static async start(): Promise<Target> {
    const target = new Target();
    target.#server.requestTimeout = 0; // The limits of the hub are what is tested here
    await new Promise<void>((resolve) => target.#server.listen(PORT, "127.0.0.1", resolve));
    return target;
  }

  #pour(res: http.ServerResponse): void {
    const chunk = new Uint8Array(64 * 1024);
    const more = (): void => {
      for (let full = false; !full && !res.destroyed; this.sent += chunk.length) {
        full = !res.write(chunk);
      }
    };
    res.on("drain", more);
    more();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** What the hub holds. */
interface Held {
  fds: number;
  connections: number;
  streams: number;
  inFlight: number;
}

async function heldBy({ fleet: { hub } }: Scene): Promise<Held> {
  const value = async (name: string): Promise<number> =>
    await metric(hub.healthPort, `clusternet_${name}`) ?? NaN;
  return {
    fds: [...Deno.readDirSync(`/proc/${hub.process.pid}/fd`)].length,
    connections: await value("front_connections"),
    streams: await value("hub_tunnel_streams"),
    inFlight: await value("hub_proxy_requests_in_flight"),
  };
}

/** @returns bytes that the hub has got from the agent */
async function receivedBy({ fleet: { hub } }: Scene): Promise<number> {
  return await metric(hub.healthPort, "clusternet_hub_tunnel_live_received_bytes") ?? NaN;
}

/** Asks again and again, one request at a time. @returns how long each took, in milliseconds */
async function askUntil(scene: Scene, done: AbortSignal): Promise<number[]> {
  using conn = await KeptConnection.open(
    scene.hubTarget(scene.parent.pki.frontProxyClient),
  );
  const request = { path: scene.at("/proxy/direct/version"), headers: remoteLines(ALICE) };
  const times: number[] = [];
  while (!done.aborted) {
    const since = performance.now();
    const { status, text } = await conn.ask(request);
    times.push(performance.now() - since);
    assert.equal(status, 200, `alice's request ${times.length}: ${text}`);
    await delay(10, done).catch(() => {});
  }
  return times.toSorted((a, b) => a - b);
}

function share(sorted: readonly number[], part: number): number {
  return sorted[Math.ceil(sorted.length * part) - 1] ?? NaN;
}

function figures(sorted: readonly number[]): string {
  const ms = (part: number): string => share(sorted, part).toFixed(1);
  return `p50 ${ms(0.5)}, p99 ${ms(0.99)}, most ${ms(1)} ms of ${sorted.length}`;
}

/** Opens one for each, at most 200 a second: handshakes are load as any. */
async function openAll(target: RawTarget, all: readonly SlowSending[]): Promise<SlowClient[]> {
  const clients: SlowClient[] = [];
  let next = 0;
  const opening = Array.from({ length: 4 }, async () => {
    for (let index = next++; index < all.length; index = next++) {
      clients[index] = await SlowClient.open(target, all[index]!);
      await delay(20);
    }
  });
  const failed = (await Promise.allSettled(opening)).find(({ status }) => status === "rejected");
  if (failed === undefined) return clients;
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  throw (failed as PromiseRejectedResult).reason;
}

/** A user with a token of the parent who may reach the child, as every other. @returns a header */
async function grantMallory({ parent, secrets }: Scene): Promise<readonly [string, string]> {
  await parent.kubectlOk(["create", "serviceaccount", "mallory"]);
  await parent.kubectlOk([
    ...["create", "clusterrolebinding", "mallory", "--clusterrole=clusternet-user"],
    "--serviceaccount=default:mallory",
  ]);
  const token = (await parent.kubectlOk(["create", "token", "mallory"])).trim();
  return ["Authorization", `Bearer ${secrets.add("mallory's token", token)}`];
}

const OPTIONS = {
  hub: {
    args: [`--response-timeout=${RESPONSE_MS / 1000}s`, `--max-user-share=${SHARE_PERCENT}`],
  },
  agent: { args: [`--allow-target=http://127.0.0.1:${PORT}`] },
};

cases("slow clients", OPTIONS, async (step, scene) => {
  await step("20. five hundred slow clients: cut at their limits, nobody else waits", async () => {
    await using target = await Target.start();
    await using stack = new AsyncDisposableStack();
    const mallory = await grantMallory(scene);
    const hub = scene.hubTarget();
    const at = (path: string): string => scene.at(`/proxy/http/127.0.0.1:${PORT}${path}`);
    await eventually("the grant is known", 10_000, async () => {
      const { status } = await scene.ask(hub, { path: at("/small"), headers: [mallory] });
      assert.equal(status, 200);
    }, 500);

    const before = await askUntil(scene, AbortSignal.timeout(6_000));
    const base = await heldBy(scene);
    const rss = await scene.fleet.hub.process.rssBytes();

    const head = (index: number): SlowSending =>
      index % 2 === 0
        ? { first: "G", pieces: [...rawText({ path: at("/") }).slice(1)], everyMs: 200 }
        : { first: `GET ${at("/")} HTTP/1.1\r\nHost: x\r\n`, pieces: `X-${index}: a\r\n` };
    const body = (index: number): SlowSending => {
      const method = index % 3 === 0 ? "PUT" : "POST";
      const path = at(`/body/${index}`);
      return index % 2 === 0
        ? {
          first: rawText({ method, path, headers: [mallory, ["Content-Length", "1000000"]] }),
          pieces: "x",
        }
        : {
          first: rawText({ method, path, headers: [mallory, ["Transfer-Encoding", "chunked"]] }),
          pieces: "1\r\nx\r\n",
        };
    };
    const reader: SlowSending = {
      first: rawText({ path: at("/long"), headers: [mallory] }),
      stopsReading: true,
    };
    const open = async (all: readonly SlowSending[]): Promise<SlowClient[]> => {
      const clients = await openAll(hub, all);
      for (const client of clients) stack.use(client);
      return clients;
    };

    // What the sockets of four processes take of answers that nobody reads (4 MB each, and more)
    // is load, no waiting: it is over before alice is measured
    const filling = new AbortController();
    const askingFirst = askUntil(scene, filling.signal);
    askingFirst.catch(() => {});
    stack.defer(() => filling.abort());
    const readers = await open(Array.from({ length: READERS }, () => reader));
    await eventually("answers that nobody reads are held up", 120_000, async () => {
      const [{ sent }, received] = [target, await receivedBy(scene)];
      await delay(2_000);
      assert.equal(target.sent, sent);
      assert.ok(await receivedBy(scene) - received < READERS * 4096); // alice's answers
    });
    filling.abort();
    const whileFilling = await askingFirst;

    const attack = new AbortController();
    const asking = askUntil(scene, attack.signal);
    asking.catch(() => {});
    stack.defer(() => attack.abort());
    const clients = await open([
      ...Array.from({ length: BODIES }, (_, index) => body(index)),
      ...Array.from({ length: HEADS }, (_, index) => head(index)),
    ]);
    const [bodies, heads] = [clients.slice(0, BODIES), clients.slice(BODIES)];
    await eventually("all are served at once", 5_000, () => {
      assert.deepEqual(target.open, { long: READERS, body: BODIES });
    });
    assert.ok([...readers, ...clients].every(({ closedMs }) => closedMs === undefined));

    // What they hold is their own user's, and bounded
    const more = await open(Array.from({ length: MORE }, (_, index) => body(BODIES + index)));
    const refused = (): SlowClient[] => more.filter(({ answeredMs }) => answeredMs !== undefined);
    await eventually("those beyond the share are refused", 5_000, () => {
      assert.deepEqual(target.open, { long: READERS, body: MOST - READERS });
      assert.equal(refused().length, MORE - (MOST - READERS - BODIES));
    });
    for (const { answer: { status, text } } of refused()) {
      assert.equal(status, 429, text);
      assert.match(text, /holds 337 of the 1024.*--max-user-share/);
    }
    bodies.push(...more.filter((client) => !refused().includes(client)));
    const most = await heldBy(scene);
    assert.ok(most.inFlight === MOST || most.inFlight === MOST + 1); // alice's

    const limit = { heads: HEAD_MS, bodies: RESPONSE_MS };
    await eventually("heads and bodies are cut", HEAD_MS + LINGER_MS + 2 * LATE_MS, () => {
      const open = [...heads, ...bodies].filter(({ closedMs }) => closedMs === undefined);
      assert.equal(open.length, 0);
    });
    attack.abort();
    const during = await asking;
    const rssDuring = await scene.fleet.hub.process.rssBytes();

    for (const { closedMs, answer } of heads) {
      assert.equal(answer.status, 408, answer.text);
      assert.ok(closedMs! > limit.heads - 1_000, `a head was cut after ${closedMs} ms`);
      assert.ok(closedMs! < limit.heads + LATE_MS, `a head was cut after ${closedMs} ms`);
    }
    for (const { answeredMs, closedMs, answer } of bodies) {
      assert.equal(answer.status, 504, answer.text);
      assert.ok(answeredMs! > limit.bodies - 1_000, `a body was answered after ${answeredMs} ms`);
      assert.ok(answeredMs! < limit.bodies + LATE_MS, `a body was answered after ${answeredMs} ms`);
      assert.ok(closedMs! < answeredMs! + LINGER_MS + LATE_MS, `a body went on for ${closedMs} ms`);
    }
    // Readers stay: a watch, too, is read when its client likes
    assert.deepEqual(target.open, { long: READERS, body: 0 });
    assert.ok(readers.every(({ closedMs }) => closedMs === undefined));

    const [p99, p99Before] = [share(during, 0.99), share(before, 0.99)];
    const mb = (bytes: number): string => (bytes / 1_000_000).toFixed(0);
    const cut = (all: SlowClient[]): string =>
      `${Math.min(...all.map(({ closedMs }) => closedMs!)).toFixed(0)} to ` +
      `${Math.max(...all.map(({ closedMs }) => closedMs!)).toFixed(0)} ms`;
    report(
      `alice before: ${figures(before)}; while sockets fill: ` +
        `${figures(whileFilling)}; with 500 held: ${figures(during)}; heads cut after ${
          cut(heads)
        }, bodies after ${cut(bodies)}; ` +
        `hub ${mb(rss)} MB before, ${mb(rssDuring)} MB with ${READERS} readers held up ` +
        `(${mb(target.sent)} MB left the server); ${JSON.stringify({ base, most })}`,
    );
    assert.ok(p99 <= 2 * p99Before + NOISE_MS, `alice waits: ${p99} ms, before ${p99Before} ms`);

    // What was cut is given back, and so is what leaves
    const again = await open([reader]);
    await eventually("mallory is served again", 5_000, () => {
      assert.equal(again[0]!.answer.status, 200, again[0]!.answer.text);
    });
    await stack.disposeAsync();
    await eventually("all is given back", 15_000, async () => {
      assert.deepEqual(target.open, { long: 0, body: 0 });
      const now = await heldBy(scene);
      const spare = { ...base, fds: base.fds + 4, connections: base.connections + 2 };
      for (const name of Object.keys(spare) as (keyof Held)[]) {
        assert.ok(now[name] <= spare[name], `${name}: ${now[name]}, before ${base[name]}`);
      }
    }, 500);
  });
});
