import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { closeFrame, type GuardViolation } from "../../shared/websocket_guard.ts";
import { type SpliceOptions, TunnelSplice } from "./tunnel_splice.ts";

async function pair(): Promise<[Socket, Socket]> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const accepted = once(server, "connection");
  const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [socket] = await accepted;
  if (client.connecting) await once(client, "connect");
  server.close();
  for (const end of [client, socket]) end.on("error", () => {});
  return [client, socket];
}

interface Bench extends AsyncDisposable {
  splice: TunnelSplice;
  /** Where the WebSocket would be. */
  local: Socket;
  /** Where the agent would be. */
  remote: Socket;
}

async function bench(options: Partial<SpliceOptions> = {}): Promise<Bench> {
  const [local, inner] = await pair();
  const [remote, outer] = await pair();
  const splice = new TunnelSplice({ inner, outer, ...options });
  return {
    splice,
    local,
    remote,
    async [Symbol.asyncDispose](): Promise<void> {
      splice.destroy();
      await splice.closed;
      for (const socket of [local, remote]) {
        socket.destroy();
        if (!socket.closed) await once(socket, "close");
      }
    },
  };
}

async function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  socket.on("data", (chunk: Buffer) => chunks.push(chunk));
  await Promise.race([once(socket, "end"), once(socket, "close")]);
  return Buffer.concat(chunks);
}

/** A masked binary message, as an agent's. */
function message(length: number): Uint8Array {
  const bytes = new Uint8Array(14 + length).map((_, i) => i * 7);
  bytes.set([0x82, 0x80 | 127, 0, 0, 0, 0, 0, 0, 0, 0]);
  new DataView(bytes.buffer).setUint32(6, length);
  return bytes;
}

Deno.test("TunnelSplice carries bytes both ways and passes a half-close on", async () => {
  await using b = await bench();
  let progress = 0;
  b.splice.onProgress = () => progress++;
  const large = Buffer.concat([message(200_000), message(100_000)]);
  b.remote.write(Buffer.from(large));
  b.local.write(new Uint8Array([4, 5]));
  b.remote.end();
  assert.ok((await readAll(b.local)).equals(large));
  b.local.end();
  assert.deepEqual([...await readAll(b.remote)], [4, 5]);
  await b.splice.closed;
  assert.ok(progress > 0);
  assert.equal(b.splice.bufferedAmount, 0);
});

Deno.test("TunnelSplice holds a bounded amount for a slow reader", async () => {
  for (const slow of ["local", "remote"] as const) {
    await using b = await bench();
    const fast = slow === "local" ? b.remote : b.local;
    b[slow].pause();
    const chunk = slow === "local" ? message(65_536) : new Uint8Array(65_536);
    let sent = 0;
    const send = (): void => {
      fast.write(chunk, (error) => {
        if (error || sent >= 64 * 1024 * 1024) return;
        sent += chunk.length;
        send();
      });
    };
    send();
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(sent < 32 * 1024 * 1024, `${sent} bytes to a paused reader`);
    assert.ok(b.splice.bufferedAmount <= 256 * 1024);
  }
});

Deno.test("TunnelSplice cuts a peer that breaks a rule, and tells the WebSocket why", async () => {
  const told: GuardViolation[] = [];
  await using b = await bench({ onViolation: (violation) => void told.push(violation) });
  const good = message(70_000);
  const bad = new Uint8Array([0x82, 0xff, 0, 0, 0, 0, 6, 64, 0, 0, 1, 1, 1, 1, 9, 9, 9]);
  b.remote.write(good);
  for (const byte of bad) b.remote.write(new Uint8Array([byte]));
  const read = await readAll(b.local);
  const reason = "message of 104857600 bytes or more, the limit is 262144";
  assert.deepEqual(told, [{ code: 4006, reason }]);
  assert.ok(read.subarray(0, good.length).equals(good));
  assert.deepEqual([...read.subarray(good.length)], [...closeFrame(told[0]!, true)]);
  // A WebSocket that does not answer gains no time by it
  const since = performance.now();
  await b.splice.closed;
  assert.ok(performance.now() - since < 1_000);
});

Deno.test("TunnelSplice gives the other direction a deadline once one has ended", async () => {
  await using b = await bench({ halfOpenMs: 30 });
  b.remote.end();
  b.local.resume();
  await b.splice.closed;
});

Deno.test("TunnelSplice destroys both when one breaks", async () => {
  for (const broken of ["local", "remote"] as const) {
    await using b = await bench();
    b[broken].resetAndDestroy();
    b[broken === "local" ? "remote" : "local"].resume();
    await b.splice.closed;
  }
});

Deno.test("TunnelSplice destroys at once a pair of which one is gone already", async () => {
  const [local, inner] = await pair();
  const [remote, outer] = await pair();
  inner.destroy();
  const splice = new TunnelSplice({ inner, outer });
  await splice.closed;
  local.destroy();
  remote.destroy();
  await Promise.all([local, remote].map((s) => s.closed ? undefined : once(s, "close")));
});
