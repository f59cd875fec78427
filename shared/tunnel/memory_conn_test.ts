import assert from "node:assert/strict";
import { memoryConnPair } from "./memory_conn.ts";
import { messageConnSuite } from "./message_conn_suite.ts";

messageConnSuite("memoryConnPair()", () => ({ pair: memoryConnPair(), cleanup: () => {} }));

messageConnSuite("memoryConnPair() with latency and bandwidth", () => ({
  pair: memoryConnPair({ latencyMs: 2, bandwidth: 200_000_000 }),
  cleanup: () => {},
}));

Deno.test("memoryConnPair() delays by latency and bandwidth", async () => {
  const [a, b] = memoryConnPair({ latencyMs: 20, bandwidth: 1_000_000 });
  const start = performance.now();
  const arrived = new Promise<number>((resolve) =>
    b.start({ message: () => resolve(performance.now() - start), close: () => {} })
  );
  a.start({ message: () => {}, close: () => {} });
  a.send(new Uint8Array(30_000));
  assert.ok(await arrived >= 49);
  a.abort("");
  await new Promise((resolve) => setTimeout(resolve, 5));
});

Deno.test("memoryConnPair() breaks when too much comes before start", async () => {
  const [a, b] = memoryConnPair({ maxBuffered: 1000 });
  const closed = new Promise<number>((resolve) =>
    a.start({ message: () => {}, close: ({ code }) => resolve(code) })
  );
  a.send(new Uint8Array(1001));
  assert.equal(await closed, 1006);
  b.start({ message: () => {}, close: () => {} });
  await new Promise((resolve) => setTimeout(resolve, 5));
});
