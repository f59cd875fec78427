import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { delay } from "./backoff.ts";
import { type PlainServer, servePlain } from "./plain_server.ts";

const HALF = "GET /x HTTP/1.1\r\nHost: a\r\nX-A: ";

interface Client {
  socket: Socket;
  /** What came, once the connection is closed. */
  got: Promise<string>;
}

function open(port: number, text: string): Client {
  const socket = connect(port, "127.0.0.1", () => socket.write(text));
  let got = "";
  socket.on("error", () => {});
  socket.on("data", (chunk) => got += chunk);
  return { socket, got: new Promise((resolve) => socket.once("close", () => resolve(got))) };
}

function start(
  options: { maxConnections?: number; requestMs?: number; onError?: (error: unknown) => void } = {},
): Promise<PlainServer> {
  return servePlain({
    address: { hostname: "127.0.0.1", port: 0 },
    handler: async (request) => {
      const { pathname, search } = new URL(request.url);
      if (pathname === "/fault") throw new Error("secret detail");
      if (pathname === "/slow") await delay(50);
      const headers = { "X-A": "b" };
      return new Response(`${request.method} ${pathname}${search}`, { status: 201, headers });
    },
    onError: () => {},
    ...options,
  });
}

Deno.test("servePlain gives the handler's answer, and 500 for its fault", async () => {
  const faults: unknown[] = [];
  await using server = await start({ onError: (error) => void faults.push(error) });
  const base = `http://127.0.0.1:${server.port}`;
  const answer = await fetch(`${base}/x?verbose`, { method: "POST", body: "unread" });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get("x-a"), "b");
  assert.equal(await answer.text(), "POST /x?verbose");
  const head = await fetch(`${base}/x`, { method: "HEAD" });
  assert.equal(await head.text(), "");
  assert.equal(head.headers.get("content-length"), "7");
  const fault = await fetch(`${base}/fault`);
  assert.equal(fault.status, 500);
  assert.equal(await fault.text(), "Internal error\n");
  assert.equal(faults.length, 1);
});

Deno.test("servePlain ends heads that do not come, and whoever holds many gets no more", async () => {
  await using server = await start({ maxConnections: 10, requestMs: 2_000 });
  const started = performance.now();
  const half = Array.from({ length: 30 }, () => open(server.port, HALF));
  const url = `http://127.0.0.1:${server.port}/x`;
  await Promise.all(half.slice(0, 20).map(({ got }) => got)); // 20 of them at once
  assert.ok(performance.now() - started < 1_800, "thrown out, not timed out");
  assert.equal(await (await fetch(url)).text(), "GET /x");
  await Promise.all(half.map(({ got }) => got));
  assert.ok(performance.now() - started < 8_000);
});

Deno.test("servePlain cuts who does not wait for answers, and serves others", async () => {
  await using server = await start();
  const flood = open(server.port, "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5_000));
  assert.equal(await flood.got, "");
  const text = await open(server.port, "GET /x HTTP/1.0\r\nHost: a\r\n\r\n").got;
  assert.match(text, /^HTTP\/1\.1 201 [^]*GET \/x$/);
  assert.equal(await open(server.port, "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n").got, "");
  const absolute = "GET http://b/x HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n";
  assert.match(await open(server.port, absolute).got, /^HTTP\/1\.1 400 /);
  await delay(100); // The handlers of those who were cut
});

Deno.test("servePlain tells of a taken port, and closes what is open at its end", async () => {
  let client: Client;
  {
    await using server = await start();
    const address = { hostname: "127.0.0.1", port: server.port };
    const again = servePlain({
      address,
      handler: () => Promise.resolve(new Response("")),
      onError: () => {},
    });
    await assert.rejects(again, Deno.errors.AddrInUse);
    client = open(server.port, HALF);
    await delay(50);
  }
  assert.equal(await client.got, "");
});
