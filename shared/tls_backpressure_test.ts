import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { PassThrough, type Readable, type Writable } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { boundTlsReading } from "./tls_backpressure.ts";

const LIMIT = 64 * 1024 * 1024;
const UPGRADE = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
const POST = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${2 * LIMIT}\r\n\r\n`;

async function startServer(): Promise<Server> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=test",
    keys,
    signingAlgorithm: algorithm,
  });
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = x509.PemConverter.encode(der, "PRIVATE KEY");
  const server = createServer({ key, cert: cert.toString("pem") });
  server.on("secureConnection", (socket) => {
    socket.on("error", () => {});
    assert.equal(boundTlsReading(socket), true);
    assert.equal(boundTlsReading(socket), true);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function dial(server: Server): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false });
  socket.on("error", () => {});
  await once(socket, "secureConnect");
  return socket;
}

/** Writes until nothing goes out any more for 300 ms. @returns how many bytes went out */
async function fill(sink: Writable): Promise<number> {
  const chunk = new Uint8Array(256 * 1024);
  let sent = 0;
  while (sent < LIMIT) {
    const written = new Promise<boolean>((resolve) => sink.write(chunk, () => resolve(true)));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stuck = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), 300);
    });
    const gone = await Promise.race([written, stuck]);
    clearTimeout(timer);
    if (!gone) return sent;
    sent += chunk.length;
  }
  return sent;
}

/** Reads so many bytes. */
async function read(source: Readable, bytes: number): Promise<void> {
  let read = 0;
  await new Promise<void>((resolve) => {
    source.on("data", (chunk: Uint8Array) => {
      read += chunk.length;
      if (read >= bytes) resolve();
    });
    source.resume();
  });
}

async function check(sink: Writable, source: Readable): Promise<void> {
  source.pause();
  const sent = await fill(sink);
  assert.ok(sent < LIMIT / 2, `${sent} bytes went to a paused reader`);
  // And it goes on, without a loss
  await read(source, sent);
}

async function end(server: Server, ...sockets: TLSSocket[]): Promise<void> {
  for (const socket of sockets) {
    socket.destroy();
    if (!socket.closed) await once(socket, "close");
  }
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

Deno.test("boundTlsReading bounds what an upgraded socket of a server holds", async () => {
  const server = await startServer();
  const client = await dial(server);
  client.write(UPGRADE);
  const [, socket] = await once(server, "upgrade");
  await check(client, socket);
  await end(server, client, socket);
});

Deno.test("boundTlsReading bounds what a server holds of a request's body", async () => {
  const server = await startServer();
  const client = await dial(server);
  client.write(POST);
  const [request] = await once(server, "request");
  await check(client, request);
  await end(server, client);
});

Deno.test("boundTlsReading bounds what a client holds", async () => {
  const server = await startServer();
  const client = await dial(server);
  assert.equal(boundTlsReading(client), true);
  client.write(UPGRADE);
  const [, socket] = await once(server, "upgrade");
  await check(socket, client);
  await end(server, client, socket);
});

Deno.test("boundTlsReading leaves other streams alone", () => {
  assert.equal(boundTlsReading(new PassThrough()), false);
});
