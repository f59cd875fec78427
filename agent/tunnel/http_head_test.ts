import assert from "node:assert/strict";
import fc from "fast-check";
import { HeadReader, HttpHeadError, statusOf } from "./http_head.ts";

/** A reader of a connection that gives these chunks, then its end. */
function readerOf(chunks: Uint8Array[]): HeadReader {
  let left = chunks;
  return new HeadReader({
    read(into: Uint8Array): Promise<number | null> {
      const [chunk, ...others] = left;
      if (chunk === undefined) return Promise.resolve(null);
      const length = Math.min(chunk.length, into.length);
      into.set(chunk.subarray(0, length));
      left = length < chunk.length ? [chunk.subarray(length), ...others] : others;
      return Promise.resolve(length);
    },
  });
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

Deno.test("readHead reads a head however it is cut, and keeps what follows", async () => {
  const head = "HTTP/1.1 101 Switching Protocols\r\nA: b\r\nA:  c \r\nempty:\r\n\r\n";
  const bytes = encode(head + "\r\n\r\nrest");
  const places = fc.array(fc.nat(bytes.length));
  await fc.assert(fc.asyncProperty(places, async (places) => {
    const reader = readerOf(cut(bytes, places));
    const read = await reader.head();
    assert.equal(statusOf(read), 101);
    assert.deepEqual(read.headers, [["A", "b"], ["A", "c"], ["empty", ""]]);
    const rest = new TextDecoder().decode(reader.rest);
    assert.ok("\r\n\r\nrest".startsWith(rest));
  }));
});

Deno.test("readBody reads chunks however they are cut", async () => {
  const head = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n";
  const bytes = encode(head + "5;x=y\r\nhello\r\n1\r\n \r\nA\r\n0123456789\r\n0\r\n\r\n");
  await fc.assert(fc.asyncProperty(fc.array(fc.nat(bytes.length)), async (places) => {
    const reader = readerOf(cut(bytes, places));
    const body = await reader.body(await reader.head(), new AbortController().signal);
    assert.equal(body, "hello 0123456789");
  }));
});

Deno.test("readBody stops at its length, at 64 KiB and with its signal", async () => {
  const signal = new AbortController().signal;
  const sized = readerOf([encode("HTTP/1.1 404 X\r\nContent-Length: 2\r\n\r\nhi there")]);
  assert.equal(await sized.body(await sized.head(), signal), "hi");
  const large = readerOf([encode("HTTP/1.1 404 X\r\n\r\n"), encode("a".repeat(70_000))]);
  assert.equal((await large.body(await large.head(), signal)).length, 65_536);
  const first = encode("HTTP/1.1 404 X\r\n\r\nhalf");
  let reads = 0;
  const open = new HeadReader({
    read(into: Uint8Array): Promise<number | null> {
      into.set(first);
      return reads++ === 0 ? Promise.resolve(first.length) : new Promise(() => {});
    },
  });
  const limit = new AbortController();
  setTimeout(() => limit.abort(), 10);
  assert.equal(await open.body(await open.head(), limit.signal), "half");
});

Deno.test("statusOf refuses what is no HTTP/1 answer", async () => {
  for (const line of ["HTTP/2 200 OK", "HTTP/1.1 99 X", "HTTP/1.1 1000 X", "GET / HTTP/1.1"]) {
    const head = await readerOf([encode(`${line}\r\n\r\n`)]).head();
    assert.throws(() => statusOf(head), HttpHeadError);
  }
});

Deno.test("readHead refuses folded and malformed lines", async () => {
  for (const lines of ["A: b\r\n c: d", "A b: c", ": x", "nothing", "A\0: b"]) {
    const reader = readerOf([encode(`HTTP/1.1 200 OK\r\n${lines}\r\n\r\n`)]);
    await assert.rejects(reader.head(), HttpHeadError);
  }
});

Deno.test("a body is read whole, also where a chunk looks like the last one", async () => {
  const read = async (text: string, piece: number): Promise<string> => {
    const bytes = new TextEncoder().encode(text);
    let at = 0;
    const reader = new HeadReader({
      read(into: Uint8Array): Promise<number | null> {
        if (at >= bytes.length) return Promise.resolve(null);
        const part = bytes.subarray(at, at + Math.min(piece, into.length));
        into.set(part);
        at += part.length;
        return Promise.resolve(part.length);
      },
    });
    return await reader.body(await reader.head(), new AbortController().signal);
  };
  const chunked = "HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "5\r\n0\r\n\r\n\r\n3;x=y\r\nabc\r\n0\r\n\r\n";
  const negative = "HTTP/1.1 403 X\r\nContent-Length: -1\r\n\r\nall of it";
  const huge = "HTTP/1.1 403 X\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffff\r\nabc";
  for (const piece of [1, 3, 7, 4096]) {
    assert.equal(await read(chunked, piece), "0\r\n\r\nabc");
    assert.equal(await read(negative, piece), "all of it");
    assert.equal(await read(huge, piece), "");
  }
});
