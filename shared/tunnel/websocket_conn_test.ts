import assert from "node:assert/strict";
import type { CloseInfo, MessageConn } from "./message_conn.ts";
import { type ConnPair, messageConnSuite } from "./message_conn_suite.ts";
import { type Underlay, webSocketConn, type WebSocketConnOptions } from "./websocket_conn.ts";

/** Both ends of a WebSocket on this machine. */
interface Sockets {
  client: WebSocket;
  server: WebSocket;
  /** Made as soon as the server's end exists. */
  conn: MessageConn;
  cleanup(): Promise<void>;
}

async function sockets(options: WebSocketConnOptions = {}): Promise<Sockets> {
  const accepted = Promise.withResolvers<{ server: WebSocket; conn: MessageConn }>();
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket: server, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    const conn = webSocketConn(server, options);
    server.addEventListener("open", () => accepted.resolve({ server, conn }), { once: true });
    return response;
  });
  const client = new WebSocket(`ws://127.0.0.1:${http.addr.port}/`);
  await new Promise((resolve) => client.addEventListener("open", resolve, { once: true }));
  return { client, ...await accepted.promise, cleanup: () => http.shutdown() };
}

function follow(conn: MessageConn): { end: Promise<CloseInfo>; messages: Uint8Array[] } {
  const end = Promise.withResolvers<CloseInfo>();
  const messages: Uint8Array[] = [];
  conn.start({ message: (data) => messages.push(data), close: end.resolve });
  return { end: end.promise, messages };
}

messageConnSuite("webSocketConn", async (): Promise<ConnPair> => {
  const { client, conn, cleanup } = await sockets();
  return { pair: [webSocketConn(client), conn], cleanup };
});

Deno.test("webSocketConn keeps what is sent while it connects", async () => {
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => socket.send(data);
    return response;
  });
  const conn = webSocketConn(new WebSocket(`ws://127.0.0.1:${http.addr.port}/`));
  const { end, messages } = follow(conn);
  const buffer = new Uint8Array([1, 2]);
  conn.send(buffer);
  buffer.fill(9);
  conn.send(new Uint8Array(3));
  assert.equal(conn.bufferedAmount, 5);
  while (messages.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(messages.map((message) => [...message]), [[1, 2], [0, 0, 0]]);
  conn.close(1000, "");
  await end;
  await http.shutdown();
});

Deno.test("webSocketConn reports a connection that never opened", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const conn = webSocketConn(new WebSocket(`ws://127.0.0.1:${port}/`));
  conn.send(new Uint8Array(1));
  const { end } = follow(conn);
  const { code, clean } = await end;
  assert.deepEqual({ code, clean }, { code: 1006, clean: false });
});

Deno.test("webSocketConn reports one that had ended before", async () => {
  const { client, server, conn, cleanup } = await sockets();
  const first = follow(conn);
  client.close(1000, "bye");
  await first.end;
  while (server.readyState !== WebSocket.CLOSED) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  const again = webSocketConn(server);
  const { end } = follow(again);
  assert.equal((await end).clean, false);
  again.send(new Uint8Array(1));
  await again.drained();
  await cleanup();
});

Deno.test("webSocketConn ends at a text message", async () => {
  const { client, conn, cleanup } = await sockets();
  const { end, messages } = follow(conn);
  const closed = new Promise<CloseEvent>((resolve) => client.onclose = resolve);
  client.send("hello");
  client.send(new Uint8Array(1));
  assert.deepEqual(await end, {
    code: 4001,
    reason: "text messages are not part of the protocol",
    clean: true,
  });
  assert.equal((await closed).code, 4001);
  assert.equal(messages.length, 0);
  await cleanup();
});

Deno.test("webSocketConn ends when too much comes before its start", async () => {
  for (const [count, size] of [[3, 256 * 1024], [300, 0]] as const) {
    const { client, conn, cleanup } = await sockets();
    const closed = new Promise<CloseEvent>((resolve) => client.onclose = resolve);
    for (let i = 0; i < count; i++) client.send(new Uint8Array(size));
    await closed;
    const { end, messages } = follow(conn);
    assert.equal((await end).code, 4011);
    assert.equal(messages.length, 0);
    await cleanup();
  }
});

Deno.test("webSocketConn destroys its underlay when the peer does not answer a close", async () => {
  const accepted = Promise.withResolvers<MessageConn>();
  const underlay: Underlay = { bufferedAmount: 0, onProgress: undefined, destroy: () => {} };
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    accepted.resolve(webSocketConn(socket, { underlay, closeMs: 20 }));
    return response;
  });
  const deaf = await Deno.connect({ port: http.addr.port });
  let destroyed = 0;
  underlay.destroy = (): void => {
    if (destroyed++ === 0) deaf.close();
  };
  await deaf.write(new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: hub\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  ));
  await deaf.read(new Uint8Array(1024));
  const conn = await accepted.promise;
  const { end } = follow(conn);
  conn.close(4000, "bye");
  assert.deepEqual(await end, {
    code: 1006,
    reason: "the peer did not answer the close within 0.02 s",
    clean: false,
  });
  assert.ok(destroyed > 0);
  assert.equal(underlay.onProgress, undefined);
  await http.shutdown();
});

Deno.test("webSocketConn sends what waits and closes, when closed while it connects", async () => {
  const accepted = Promise.withResolvers<MessageConn>();
  const http = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
    accepted.resolve(webSocketConn(socket));
    return response;
  });
  const conn = webSocketConn(new WebSocket(`ws://127.0.0.1:${http.addr.port}/`));
  conn.send(new Uint8Array([7]));
  conn.close(4000, "bye");
  const there = follow(await accepted.promise);
  assert.deepEqual(await follow(conn).end, { code: 4000, reason: "bye", clean: true });
  assert.deepEqual(await there.end, { code: 4000, reason: "bye", clean: true });
  assert.deepEqual(there.messages.map((message) => [...message]), [[7]]);
  await http.shutdown();
});

Deno.test("webSocketConn asks its underlay what waits, and goes on when that says so", async () => {
  const underlay: Underlay & { bufferedAmount: number } = {
    bufferedAmount: 0,
    onProgress: undefined,
    destroy: () => {},
  };
  const { client, conn, cleanup } = await sockets({ underlay });
  const { end } = follow(conn);
  underlay.bufferedAmount = 200_000;
  assert.equal(conn.bufferedAmount, 200_000);
  let drained = false;
  const wait = conn.drained().then(() => drained = true);
  underlay.bufferedAmount = 150_000;
  underlay.onProgress?.();
  await Promise.resolve();
  assert.equal(drained, false);
  underlay.bufferedAmount = 100_000;
  underlay.onProgress?.();
  await wait;
  client.close(1000, "");
  await end;
  await cleanup();
});
