/**
 * Reads an HTTP/1.1 head off a socket and leaves the rest there: for the answer to CONNECT, the
 * answer to the WebSocket handshake, and the handshake itself in the relay.
 *
 * @module
 */
import type { Socket } from "node:net";
import { fromRaw, header, type HeaderList } from "../../shared/headers.ts";

/** The first lines of an HTTP message. */
export interface HttpHead {
  /** `HTTP/1.1 101 Switching Protocols`, or a request line. */
  startLine: string;
  headers: HeaderList;
  /** The head as it came, up to and with the empty line. */
  bytes: Uint8Array;
}

/** Largest head, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Largest body of a refusal that is read, in bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** The other side closed, or sent something that is not HTTP. */
export class HttpHeadError extends Error {
  override readonly name = "HttpHeadError";
}

/** Waits until the socket has more bytes, or has none any more. */
function more(socket: Socket): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const chunk = socket.read() as Uint8Array | null;
    if (chunk !== null) return resolve(chunk);
    if (socket.readableEnded || socket.destroyed) return resolve(null);
    const settle = (run: () => void): void => {
      socket.off("readable", onReadable).off("end", onEnd).off("close", onEnd).off(
        "error",
        onError,
      );
      run();
    };
    const onReadable = (): void => {
      const chunk = socket.read() as Uint8Array | null;
      if (chunk !== null) settle(() => resolve(chunk));
    };
    const onEnd = (): void => settle(() => resolve(null));
    const onError = (error: Error): void => settle(() => reject(error));
    socket.on("readable", onReadable).on("end", onEnd).on("close", onEnd).on("error", onError);
  });
}

/**
 * Reads one head. What follows it is put back into the socket, which is left paused.
 *
 * @param socket nobody else may read from it meanwhile
 * @returns the head
 * @throws {HttpHeadError} when the socket ends first, or the head is not one, or is above 64 KiB
 */
export async function readHead(socket: Socket): Promise<HttpHead> {
  let bytes = new Uint8Array(0);
  for (;;) {
    const chunk = await more(socket);
    if (chunk === null) {
      throw new HttpHeadError(
        bytes.length === 0 ? "the connection was closed without an answer" : "the answer broke off",
      );
    }
    const from = Math.max(0, bytes.length - 3);
    bytes = concat(bytes, chunk);
    const end = headEnd(bytes, from);
    if (end > MAX_HEAD_BYTES || (end < 0 && bytes.length > MAX_HEAD_BYTES)) {
      throw new HttpHeadError("the answer's head is above 64 KiB");
    }
    if (end < 0) continue;
    if (end < bytes.length) socket.unshift(bytes.subarray(end));
    return parseHead(bytes.subarray(0, end));
  }
}

/**
 * Reads the status code of a response head.
 *
 * @returns 100 to 599
 * @throws {HttpHeadError} when it is no response
 */
export function statusOf(head: HttpHead): number {
  const match = /^HTTP\/1\.[01] ([1-5]\d\d)(?: |$)/.exec(head.startLine);
  if (match === null) throw new HttpHeadError("the answer is not HTTP/1.1");
  return Number(match[1]);
}

/**
 * Reads the body of a refusal: by its length, its chunks, or to the end of the connection. Best
 * effort: what cannot be read is left out.
 *
 * @param signal ends the reading; what came until then is returned
 * @returns at most 64 KiB, as text
 */
export async function readBody(
  socket: Socket,
  head: HttpHead,
  signal: AbortSignal,
): Promise<string> {
  const chunked = /\bchunked\b/i.test(header(head.headers, "transfer-encoding") ?? "");
  const length = Number(header(head.headers, "content-length") ?? Infinity);
  const wanted = chunked ? MAX_BODY_BYTES : Math.min(length, MAX_BODY_BYTES);
  const aborted = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null);
    signal.addEventListener("abort", () => resolve(null), { once: true });
  });
  let bytes = new Uint8Array(0);
  while (bytes.length < wanted) {
    const chunk = await Promise.race([more(socket).catch(() => null), aborted]);
    if (chunk === null) break;
    bytes = concat(bytes, chunk);
    if (chunked && endsChunked(bytes)) break;
  }
  const body = chunked ? dechunk(bytes) : bytes.subarray(0, wanted);
  return new TextDecoder().decode(body);
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** Where the head ends, or -1. */
function headEnd(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(13, from); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at + 4;
  }
  return -1;
}

const latin1 = new TextDecoder("latin1");

function parseHead(bytes: Uint8Array): HttpHead {
  const [startLine = "", ...lines] = latin1.decode(bytes).slice(0, -4).split("\r\n");
  const raw: string[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon <= 0 || /[\s\0]/.test(line.slice(0, colon))) {
      throw new HttpHeadError("the answer's head has a malformed line");
    }
    raw.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { startLine, headers: fromRaw(raw), bytes };
}

function endsChunked(bytes: Uint8Array): boolean {
  return latin1.decode(bytes.subarray(-7)).endsWith("0\r\n\r\n");
}

function dechunk(bytes: Uint8Array): Uint8Array {
  let body = new Uint8Array(0);
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf(13, at);
    const size = lineEnd < 0 ? NaN : parseInt(latin1.decode(bytes.subarray(at, lineEnd)), 16);
    if (!(size > 0)) return body;
    body = concat(body, bytes.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}
