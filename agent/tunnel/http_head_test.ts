import assert from "node:assert/strict";
import { Duplex } from "node:stream";
import type { Socket } from "node:net";
import fc from "fast-check";
import { HttpHeadError, readBody, readHead, statusOf } from "./http_head.ts";

/** A socket that gives these chunks, then its end. */
function socketOf(chunks: Uint8Array[]): Socket {
  const left = [...chunks];
  const duplex = new Duplex({
    read(): void {
      this.push(left.shift() ?? null);
    },
    write: (_chunk, _encoding, done) => done(),
  });
  return duplex as unknown as Socket;
}

/** Cuts bytes at the given places. */
function cut(bytes: Uint8Array, places: number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let from = 0;
  for (const place of [...new Set(places)].sort((a, b) => a - b)) {
    if (place <= from || place >= bytes.length) continue;
    chunks.push(bytes.subarray(from, place));
    from = place;
  }
  chunks.push(bytes.subarray(from));
  return chunks;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("readHead reads a head however it is cut, and puts back what follows", async () => {
  const head = "HTTP/1.1 101 Switching Protocols\r\nA: b\r\nA:  c \r\nempty:\r\n\r\n";
  const bytes = encode(head + "\r\n\r\nrest");
  const places = fc.array(fc.nat(bytes.length));
  await fc.assert(fc.asyncProperty(places, async (places) => {
    const socket = socketOf(cut(bytes, places));
    const read = await readHead(socket);
    assert.equal(statusOf(read), 101);
    assert.deepEqual(read.headers, [["A", "b"], ["A", "c"], ["empty", ""]]);
    assert.equal(read.bytes.length, head.length);
    const rest = [];
    for await (const chunk of socket) rest.push(...chunk as Uint8Array);
    assert.deepEqual(rest, [...encode("\r\n\r\nrest")]);
  }));
});

Deno.test("readBody reads chunks however they are cut", async () => {
  const head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
  const bytes = encode(head + "5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n");
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (places) => {
    const socket = socketOf(cut(bytes, places));
    const read = await readHead(socket);
    const body = await readBody(socket, read, new AbortController().signal);
    assert.equal(body, "hello 0123456789");
  }));
});

Deno.test("readBody stops at its length, at 64 KiB and with its signal", async () => {
  const signal = new AbortController().signal;
  const sized = socketOf([encode("HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nhi there")]);
  assert.equal(await readBody(sized, await readHead(sized), signal), "hi");
  const large = socketOf([encode("HTTP/1.1 404 X\r\n\r\n"), encode("a".repeat(70_000))]);
  assert.equal((await readBody(large, await readHead(large), signal)).length, 65_536);
  const open = new Duplex({ read(): void {} }) as unknown as Socket;
  (open as unknown as Duplex).push(encode("HTTP/1.1 404 X\r\n\r\nhalf"));
  assert.equal(await readBody(open, await readHead(open), AbortSignal.timeout(20)), "half");
});

Deno.test("statusOf refuses what is no HTTP/1 answer", async () => {
  for (const line of ["HTTP/2 200 OK", "HTTP/1.1 99 X", "HTTP/1.1 1000 X", "GET / HTTP/1.1"]) {
    const head = await readHead(socketOf([encode(`${line}\r\n\r\n`)]));
    assert.throws(() => statusOf(head), HttpHeadError);
  }
});

Deno.test("readHead refuses folded and malformed lines", async () => {
  for (const lines of ["A: b\r\n c: d", "A b: c", ": x", "nothing", "A\0: b"]) {
    const socket = socketOf([encode(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`)]);
    await assert.rejects(readHead(socket), HttpHeadError);
  }
});
