import assert from "node:assert/strict";
import { createHash, type Hash } from "node:crypto";
import { ResetCode, StreamError } from "./errors.ts";
import { GET, type SessionPair, sessionPair, turns } from "./testing.ts";
import type { TunnelStream } from "./stream.ts";
import { WindowBudget } from "./window.ts";

/** Small, fast, and the same in every run (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Writes so many pseudo-random bytes in chunks of any size. */
async function pour(stream: TunnelStream, size: number, random: () => number): Promise<string> {
  const hash = createHash("sha1");
  for (let left = size; left > 0;) {
    const chunk = new Uint8Array(Math.min(left, 1 + Math.floor(random() ** 3 * 90_000)));
    const step = 1 + Math.floor(random() * 250);
    for (let i = 0; i < chunk.length; i++) chunk[i] = i * step;
    hash.update(chunk);
    left -= chunk.length;
    const wait = stream.write(chunk);
    if (wait !== undefined) await wait;
    if (random() < 0.1) await turns(1);
  }
  return hash.digest("hex");
}

/** Reads to the end, sometimes slowly. */
async function drain(stream: TunnelStream, random: () => number): Promise<string> {
  const hash: Hash = createHash("sha1");
  for (;;) {
    let chunk = stream.readSync();
    if (chunk === undefined) chunk = await stream.read();
    if (chunk === null) return hash.digest("hex");
    hash.update(chunk);
    if (random() < 0.05) await turns(3);
  }
}

/** One stream's life: what kind, how much each way. */
interface Life {
  kind: "whole" | "early-answer" | "abort-by-opener" | "abort-by-acceptor";
  up: number;
  down: number;
}

async function serve(stream: TunnelStream, random: () => number): Promise<void> {
  const { kind, down }: Life = JSON.parse(decodeURIComponent(stream.head.path.slice(1)));
  try {
    if (kind === "abort-by-acceptor") {
      stream.sendHead({ status: 200, statusText: "", headers: [] });
      await pour(stream, Math.floor(down / 2), random);
      return stream.reset(ResetCode.CONNECT_ERROR, "the child went away");
    }
    if (kind === "early-answer") {
      stream.sendHead({ status: 413, statusText: "", headers: [] });
      await pour(stream, down, random);
      stream.end();
      return stream.reset(ResetCode.NO_ERROR, "");
    }
    const up = drain(stream, random);
    up.catch(() => {});
    stream.sendHead({ status: 200, statusText: "", headers: [] });
    // The last bytes carry the hash of what was sent
    const sum = await pour(stream, down, random);
    const trailer = new TextEncoder().encode(sum + (await up));
    await stream.write(trailer);
    stream.end();
  } catch (error) {
    assert.ok(error instanceof StreamError, String(error));
    assert.equal(kind, "abort-by-opener");
  }
}

async function use({ hub, agent }: SessionPair, n: number, random: () => number): Promise<void> {
  const kinds = ["whole", "whole", "early-answer", "abort-by-opener", "abort-by-acceptor"] as const;
  const life: Life = {
    kind: kinds[n % kinds.length]!,
    up: Math.floor(random() ** 4 * 600_000),
    down: Math.floor(random() ** 4 * 600_000),
  };
  const stream = (n % 3 === 0 ? agent : hub).open({
    ...GET,
    path: "/" + encodeURIComponent(JSON.stringify(life)),
  });
  if (life.kind === "abort-by-opener") {
    const pouring = pour(stream, life.up, random);
    pouring.catch(() => {});
    await turns(Math.floor(random() * 20));
    stream.reset(ResetCode.CANCEL, "enough");
    await stream.closed;
    await pouring.catch(() => {});
    return;
  }
  const pouring = pour(stream, life.up, random).then((sum) => {
    stream.end();
    return sum;
  });
  pouring.catch(() => {});
  const chunks: Uint8Array[] = [];
  try {
    for (let chunk; (chunk = await stream.read()) !== null;) chunks.push(chunk);
  } catch (error) {
    assert.equal(life.kind, "abort-by-acceptor");
    assert.equal((error as StreamError).code, ResetCode.CONNECT_ERROR);
    await stream.closed;
    return;
  }
  assert.notEqual(life.kind, "abort-by-acceptor", "a cut stream looks complete");
  const { status } = await stream.responseHead;
  const got = chunks.flatMap((chunk) => [...chunk]);
  if (life.kind === "early-answer") {
    assert.equal(status, 413);
    assert.equal(got.length, life.down);
    await pouring.catch((error) => assert.equal(error.code, ResetCode.NO_ERROR));
    await stream.closed;
    return;
  }
  const body = new Uint8Array(got.slice(0, life.down));
  const trailer = new TextDecoder().decode(new Uint8Array(got.slice(life.down)));
  assert.equal(trailer.length, 80);
  assert.equal(createHash("sha1").update(body).digest("hex"), trailer.slice(0, 40));
  assert.equal(await pouring, trailer.slice(40));
  await stream.closed;
}

for (
  const [name, conn] of [
    ["in memory", {}],
    ["with latency and little bandwidth", { latencyMs: 1, bandwidth: 80_000_000 }],
  ] as const
) {
  Deno.test(`200 streams at once keep every byte, ${name}`, async () => {
    const random = seeded(42);
    const budget = new WindowBudget(2 * 1024 * 1024);
    const served: Promise<void>[] = [];
    const onStream = (stream: TunnelStream): void => void served.push(serve(stream, random));
    // SYNC and the giving back of windows happen in the midst of it
    const config = { syncIntervalMs: 50, syncsPerMinute: 100_000, idleWindowMs: 50 };
    const pair = await sessionPair({
      conn,
      hub: { onStream, budget, config },
      agent: { onStream, budget, config },
    });
    await Promise.all(Array.from({ length: 200 }, (_, n) => use(pair, n, random)));
    await Promise.all(served);
    await Promise.all([pair.hub.drained(), pair.agent.drained()]);
    for (const session of [pair.hub, pair.agent]) {
      assert.equal(session.usable, true);
      assert.equal(session.streamCount, 0);
      const { unread, queued } = session.stats();
      assert.equal(unread + queued, 0);
    }
    await pair.close();
    assert.equal(budget.used, 0);
  });
}
