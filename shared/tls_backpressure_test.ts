import assert from "node:assert/strict";
import { createServer as createHttps, request } from "node:https";
import { once } from "node:events";
import { createHash } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { AddressInfo, Server } from "node:net";
import type { Readable, Writable } from "node:stream";
import { connect, createServer as createTls, type TLSSocket } from "node:tls";
import { TestCa } from "./testing/test_pki.ts";
import { bindReadBackpressure } from "./tls_backpressure.ts";

const BLOCK = new Uint8Array(65_536).map((_, i) => i * 31);
const BLOCKS = 800;
/** What may wait on the way: socket buffers of both ends, and some. */
const BOUND = 16 * 1024 * 1024;

const ca = await TestCa.create("ca");
const pair = await ca.issue({ subject: "CN=h", usage: "server", dnsNames: ["localhost"] });
const to = (server: Server) => ({
  host: "127.0.0.1",
  port: (server.address() as AddressInfo).port,
  servername: "localhost",
  ca: ca.pem,
});

async function listening(server: Server): Promise<Server> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

/** Writes every block; `written` tells how far it is. */
async function fill(sink: Writable, progress: { written: number; hash: string }): Promise<void> {
  const hash = createHash("sha256");
  for (let i = 0; i < BLOCKS; i++) {
    hash.update(BLOCK);
    progress.written += BLOCK.length;
    if (!sink.write(BLOCK)) await once(sink, "drain");
  }
  progress.hash = hash.digest("hex");
  sink.end();
}

async function hashOf(source: Readable): Promise<string> {
  const hash = createHash("sha256");
  let count = 0;
  for await (const chunk of source) {
    hash.update(chunk);
    // Stops and starts in between
    if (++count % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return hash.digest("hex");
}

/** The reader waits, then reads: the writer was held back, and every byte arrives. */
async function check(
  source: Readable,
  filling: Promise<void>,
  progress: { written: number; hash: string },
): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.ok(progress.written < BOUND, `${progress.written} bytes were taken unread`);
  const hash = await hashOf(source);
  await filling;
  assert.equal(progress.written, BLOCKS * BLOCK.length);
  assert.equal(hash, progress.hash);
}

async function closed(server: Server, ...sockets: (TLSSocket | undefined)[]): Promise<void> {
  for (const socket of sockets) {
    if (socket === undefined || socket.closed) continue;
    socket.destroy();
    await once(socket, "close");
  }
  server.close();
  if (server.listening) await once(server, "close");
}

Deno.test("A TLS client that does not read holds its server back", async () => {
  const progress = { written: 0, hash: "" };
  const filling = Promise.withResolvers<void>();
  let accepted: TLSSocket | undefined;
  const server = await listening(createTls(pair, (socket) => {
    accepted = socket;
    socket.on("error", () => {});
    fill(socket, progress).then(filling.resolve, filling.reject);
  }));
  const socket = connect(to(server));
  assert.equal(bindReadBackpressure(socket), true);
  assert.equal(bindReadBackpressure(socket), true);
  await check(socket, filling.promise, progress);
  await closed(server, socket, accepted);
});

Deno.test("A TLS server that does not read holds its client back", async () => {
  const progress = { written: 0, hash: "" };
  const accepted = Promise.withResolvers<TLSSocket>();
  const server = await listening(createTls(pair, (socket) => {
    bindReadBackpressure(socket);
    accepted.resolve(socket);
  }));
  const socket = connect(to(server));
  socket.on("error", () => {});
  const filling = fill(socket, progress);
  await check(await accepted.promise, filling, progress);
  await closed(server, socket, await accepted.promise);
});

Deno.test("An HTTPS server that does not read a body holds its client back", async () => {
  const progress = { written: 0, hash: "" };
  const arrived = Promise.withResolvers<IncomingMessage>();
  const server = createHttps(pair, (req) => arrived.resolve(req));
  server.on("secureConnection", bindReadBackpressure);
  await listening(server);
  const upload = request({ ...to(server), method: "POST", agent: false });
  const answered = once(upload, "response") as Promise<[IncomingMessage]>;
  const filling = fill(upload, progress);
  const req = await arrived.promise;
  await check(req, filling, progress);
  const socket = req.socket as TLSSocket;
  // The connection is as good as before
  socket.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  const [response] = await answered;
  assert.equal(response.statusCode, 200);
  response.resume();
  await closed(server, socket, upload.socket as TLSSocket);
});

Deno.test("An HTTPS client that does not read a body holds its server back", async () => {
  const progress = { written: 0, hash: "" };
  const filling = Promise.withResolvers<void>();
  let accepted: TLSSocket | undefined;
  const server = await listening(createHttps(pair, (req, res) => {
    accepted = req.socket as TLSSocket;
    fill(res, progress).then(filling.resolve, filling.reject);
  }));
  const download = request({ ...to(server), agent: false });
  download.once("socket", (socket) => bindReadBackpressure(socket as TLSSocket));
  download.end();
  const [response] = await once(download, "response") as [IncomingMessage];
  await check(response, filling.promise, progress);
  await closed(server, download.socket as TLSSocket, accepted);
});

Deno.test("A socket without a TCP handle below is left alone", () => {
  assert.equal(bindReadBackpressure({ _handle: null } as unknown as TLSSocket), false);
  assert.equal(bindReadBackpressure({} as unknown as TLSSocket), false);
});
