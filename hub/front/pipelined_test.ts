import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { delay } from "../../shared/backoff.ts";
import { createRegistry } from "../../shared/metrics.ts";
import { FrontMetrics } from "./front_metrics.ts";
import type { Refusal } from "./front_types.ts";
import { ALICE, DIRECT, get, TestFront } from "./test_front.ts";
import { MAX_PIPELINED } from "./under_way.ts";

const ONE = `GET ${DIRECT}/x HTTP/1.1\r\nHost: hub\r\n${ALICE.join("\r\n")}\r\n\r\n`;

function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("close", () => resolve()));
}

function secure(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.once("secureConnect", () => resolve()));
}

/** A port whose requests do not end by themselves, and what it counted. */
async function held(): Promise<{
  test: TestFront;
  responses: ServerResponse[];
  refusals: Refusal[];
  cut: () => Promise<number>;
}> {
  const registry = createRegistry();
  const responses: ServerResponse[] = [];
  const refusals: Refusal[] = [];
  const test = await TestFront.start({
    metrics: new FrontMetrics(registry),
    proxyRequest: ({ res }: { res: ServerResponse }) => void responses.push(res),
    onRefused: (refusal) => void refusals.push(refusal),
  });
  const cut = async (): Promise<number> =>
    Number(/limited_total\{reason="pipelined"\} (\d+)/.exec(await registry.metrics())?.[1] ?? 0);
  return { test, responses, refusals, cut };
}

Deno.test("As many requests as may wait on a connection are answered in turn", async () => {
  const { test, responses, cut } = await held();
  await using _ = test;
  const socket = test.connect();
  let text = "";
  socket.on("data", (chunk: string) => text += chunk);
  await secure(socket);
  for (let round = 1; round <= 2; round++) {
    socket.write(ONE.repeat(MAX_PIPELINED));
    while (responses.length < round * MAX_PIPELINED) await delay(5);
    responses.forEach((res, i) => res.end(`answer ${i};`));
    while (!text.includes(`answer ${round * MAX_PIPELINED - 1};`)) await delay(5);
    while (test.front.inFlight > 0) await delay(5);
  }
  assert.equal(await cut(), 0);
});

Deno.test("A connection with one request more is cut once, and nothing of it stays", async () => {
  const { test, responses, refusals, cut } = await held();
  await using _ = test;
  const socket = test.connect();
  const gone = closed(socket);
  await secure(socket);
  socket.write(ONE.repeat(MAX_PIPELINED));
  while (responses.length < MAX_PIPELINED) await delay(5);
  assert.equal(test.front.inFlight, MAX_PIPELINED);
  socket.write(ONE.repeat(500));
  socket.resume();
  await gone;
  while (test.front.inFlight > 0) await delay(5); // Those that waited behind another one too
  assert.equal(responses.length, MAX_PIPELINED);
  assert.equal(await cut(), 1);
  assert.deepEqual(refusals.map(({ code, peer }) => [code, peer]), [[0, "127.0.0.1"]]);
});

Deno.test("A flood of requests on one connection holds nobody else up, read or not", async () => {
  const { test, responses, cut } = await held();
  await using _ = test;
  for (const read of [false, true]) {
    const flood = test.connect(null);
    await secure(flood);
    if (read) flood.resume();
    else flood.pause();
    flood.write("GET /x HTTP/1.1\r\nHost: a\r\n\r\n".repeat(200_000));
    const startedAt = performance.now();
    const answered = test.send(get("/apis", ...ALICE));
    assert.equal((await answered).status, 200);
    assert.ok(performance.now() - startedAt < 2_000, `${performance.now() - startedAt} ms`);
    flood.destroy();
  }
  assert.equal(await cut(), 2);
  assert.equal(responses.length, 0);
});
