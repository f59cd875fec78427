import assert from "node:assert/strict";
import { closeFrame } from "../../shared/websocket_guard.ts";
import { ConnBridge, type ConnBridgeOptions } from "./conn_bridge.ts";
import { close } from "./connect.ts";

/** Two joined connections. */
async function pair(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  return await Promise.all([listener.accept(), Deno.connect({ port: listener.addr.port })]);
}

interface Bench extends AsyncDisposable {
  bridge: ConnBridge;
  /** Where the WebSocket would be. */
  local: Deno.TcpConn;
  /** Where the hub would be. */
  remote: Deno.TcpConn;
}

async function bench(options: Partial<ConnBridgeOptions> = {}): Promise<Bench> {
  const [local, inner] = await pair();
  const [remote, outer] = await pair();
  const bridge = new ConnBridge({ inner, outer, ...options });
  return {
    bridge,
    local,
    remote,
    async [Symbol.asyncDispose](): Promise<void> {
      bridge.destroy();
      await bridge.closed;
      close(local);
      close(remote);
    },
  };
}

async function readAll(conn: Deno.Conn): Promise<number[]> {
  const bytes: number[] = [];
  const buffer = new Uint8Array(65_536);
  for (let length = await conn.read(buffer); length !== null; length = await conn.read(buffer)) {
    bytes.push(...buffer.subarray(0, length));
  }
  return bytes;
}

Deno.test("ConnBridge carries bytes both ways, those first that were read before", async () => {
  await using b = await bench({ first: new Uint8Array([0x82]) });
  let progress = 0;
  b.bridge.onProgress = () => progress++;
  await b.remote.write(new Uint8Array([1, 3]));
  await b.local.write(new Uint8Array([4, 5]));
  await b.remote.closeWrite();
  assert.deepEqual(await readAll(b.local), [0x82, 1, 3]);
  await b.local.closeWrite();
  assert.deepEqual(await readAll(b.remote), [4, 5]);
  await b.bridge.closed;
  assert.ok(progress >= 2);
  assert.equal(b.bridge.bufferedAmount, 0);
});

Deno.test("ConnBridge waits for a slow reader, and counts what waits", async () => {
  await using b = await bench();
  let sent = 0;
  const chunk = new Uint8Array(65_536).fill(7);
  const sending = (async () => {
    for (; sent < 64 * 1024 * 1024; sent += chunk.length) {
      for (let at = 0; at < chunk.length;) at += await b.local.write(chunk.subarray(at));
    }
  })().catch(() => {});
  await new Promise((resolve) => setTimeout(resolve, 200));
  const stuckAt = sent;
  assert.ok(stuckAt < 32 * 1024 * 1024, `${stuckAt}`);
  assert.ok(b.bridge.bufferedAmount > 0 && b.bridge.bufferedAmount <= 65_536);
  const buffer = new Uint8Array(1024 * 1024);
  for (let read = 0; read < stuckAt;) read += (await b.remote.read(buffer))!;
  b.bridge.destroy();
  await b.bridge.closed;
  close(b.local);
  await sending;
});

Deno.test("ConnBridge cuts a hub that breaks a rule, and tells the WebSocket why", async () => {
  const header = [0x82, 127, 0, 0, 0, 0, 6, 64, 0, 0];
  for (const first of [undefined, new Uint8Array(header)]) {
    await using b = await bench(first === undefined ? {} : { first });
    if (first === undefined) {
      for (const byte of [0x82, 1, 5, ...header]) await b.remote.write(new Uint8Array([byte]));
    }
    const reason = "message of 104857600 bytes or more, the limit is 262144";
    const close = [...closeFrame({ code: 4006, reason }, false)];
    // A WebSocket that does not answer gains no time by it
    const since = performance.now();
    await b.bridge.closed;
    assert.ok(performance.now() - since < 1_000);
    assert.deepEqual(await readAll(b.local), first === undefined ? [0x82, 1, 5, ...close] : close);
  }
});

Deno.test("ConnBridge gives the other direction a deadline once one has ended", async () => {
  await using b = await bench({ halfOpenMs: 30 });
  await b.remote.closeWrite();
  assert.deepEqual(await readAll(b.local), []);
  await b.bridge.closed;
  assert.deepEqual(await readAll(b.remote), []);
});

Deno.test("ConnBridge closes both when one breaks", async () => {
  for (const broken of ["local", "remote"] as const) {
    await using b = await bench({ halfOpenMs: 20 });
    b[broken].close();
    await b.bridge.closed;
    assert.deepEqual(await readAll(broken === "local" ? b.remote : b.local), []);
  }
});

Deno.test("ConnBridge can be destroyed more than once", async () => {
  await using b = await bench();
  b.bridge.destroy();
  b.bridge.destroy();
  await b.bridge.closed;
  assert.deepEqual(await readAll(b.local), []);
});
