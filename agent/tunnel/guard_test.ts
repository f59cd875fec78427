import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { SUBPROTOCOL } from "../../shared/tunnel/constants.ts";
import type { CloseInfo, MessageConn } from "../../shared/tunnel/message_conn.ts";
import { close, writeAll } from "./connect.ts";
import { dialTunnel } from "./dial.ts";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** Takes the next handshake like a hub; gives the bare connection. */
async function shake(listener: Deno.TcpListener): Promise<Deno.TcpConn> {
  const conn = await listener.accept();
  const buffer = new Uint8Array(8_192);
  let head = "";
  while (!head.includes("\r\n\r\n")) {
    head += new TextDecoder().decode(buffer.subarray(0, (await conn.read(buffer))!));
  }
  const key = /sec-websocket-key: (\S+)/i.exec(head)![1];
  const accept = createHash("sha1").update(key + GUID).digest("base64");
  const answer =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL}\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
  await writeAll(conn, answer);
  return conn;
}

/** Sends zeros until the connection is gone or 60 MiB are out; gives how many were taken. */
async function pour(conn: Deno.TcpConn): Promise<number> {
  const zeros = new Uint8Array(65_536);
  let taken = 0;
  try {
    while (taken < 62_914_560) taken += await conn.write(zeros);
  } catch {
    // Cut, as it should be
  }
  return taken;
}

Deno.test("dialTunnel cuts a hub that announces 60 MiB, and holds none of it", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const url = `http://127.0.0.1:${listener.addr.port}/attach`;
  const pairs: [MessageConn, Deno.TcpConn][] = [];
  for (let i = 0; i < 4; i++) pairs.push(await Promise.all([dialTunnel({ url }), shake(listener)]));
  const before = Deno.memoryUsage().rss;
  const since = performance.now();
  const done = pairs.map(async ([conn, hub]) => {
    const end = new Promise<CloseInfo>((resolve) =>
      conn.start({ message: () => assert.fail("a message"), close: resolve })
    );
    await hub.write(new Uint8Array([0x82, 127, 0, 0, 0, 0, 3, 192, 0, 0]));
    const poured = await pour(hub);
    return { poured, end: await end };
  });
  const results = await Promise.all(done);
  const ms = performance.now() - since;
  const grown = Deno.memoryUsage().rss - before;
  for (const [, hub] of pairs) close(hub);
  assert.ok(ms < 1_000, `${ms} ms`);
  assert.ok(grown < 64 * 1024 * 1024, `${grown} bytes more`);
  for (const { poured, end } of results) {
    assert.ok(poured < 16 * 1024 * 1024, `${poured}`);
    assert.equal(end.code, 4006);
    assert.match(end.reason, /62914560 bytes or more, the limit is 262144/);
  }
});
