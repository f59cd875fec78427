/**
 * The agent's reader of HTTP heads, fed with a server's bytes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { HeadReader, HttpHeadError, statusOf } from "../../agent/tunnel/http_head.ts";

const NEVER_ABORTED = new AbortController().signal;

/** A connection that gives bytes in pieces. */
function source(bytes: Uint8Array, piece: number): { read(p: Uint8Array): Promise<number | null> } {
  let at = 0;
  return {
    read(into: Uint8Array): Promise<number | null> {
      if (at >= bytes.length) return Promise.resolve(null);
      const part = bytes.subarray(at, at + Math.min(piece, into.length));
      into.set(part);
      at += part.length;
      return Promise.resolve(part.length);
    },
  };
}

/**
 * Reads a head and its body, given in pieces, and checks what came.
 *
 * @returns what was read, or the message of the error
 */
export async function readHead(bytes: Uint8Array, piece: number): Promise<unknown> {
  const reader = new HeadReader(source(bytes, piece));
  try {
    const head = await reader.head();
    for (const [name, value] of head.headers) {
      assert.ok(name !== "" && !/[\0\r\n]/.test(name + value) && !/\s/.test(name));
    }
    const status = /^HTTP\/1\.[01] [1-5]\d\d( |$)/.test(head.startLine) ? statusOf(head) : 0;
    const body = await reader.body(head, NEVER_ABORTED);
    assert.ok(body.length <= 64 * 1024);
    assert.ok(reader.rest.length <= 2 * 64 * 1024 + 4096);
    return { head, status, body };
  } catch (error) {
    assert.ok(error instanceof HttpHeadError, String(error));
    return error.message;
  }
}
