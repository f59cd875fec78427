/**
 * Reads HTTP/1.1 heads off a connection: the answer to CONNECT, the answer to the WebSocket
 * handshake, and the handshake itself in the relay.
 *
 * @module
 */
import { promisedLength } from "../../shared/body_framing.ts";
import { fromRaw, header, type HeaderList } from "../../shared/headers.ts";

/** The first lines of an HTTP message. */
export interface HttpHead {
  /** `HTTP/1.1 101 Switching Protocols`, or a request line. */
  startLine: string;
  headers: HeaderList;
}

/** Largest head, in bytes. */
const MAX_HEAD_BYTES = 64 * 1024;
/** Largest body of a refusal that is read, in bytes. */
const MAX_BODY_BYTES = 64 * 1024;

/** The other side closed, or sent something that is not HTTP. */
export class HttpHeadError extends Error {
  override readonly name = "HttpHeadError";
}

/** Reads heads, and keeps what it read beyond them. */
export class HeadReader {
  readonly #conn: { read(into: Uint8Array): Promise<number | null> };
  #bytes: Uint8Array = new Uint8Array(0);

  /** @param conn nobody else may read from it while this one does */
  constructor(conn: { read(into: Uint8Array): Promise<number | null> }) {
    this.#conn = conn;
  }

  /** What was read and belongs to nothing read so far. */
  get rest(): Uint8Array {
    return this.#bytes;
  }

  /**
   * Reads one head; what follows it stays for the next call, or in `rest`.
   *
   * @returns the head
   * @throws {HttpHeadError} when the connection ends first, or the head is not one, or is above
   * 64 KiB
   */
  async head(): Promise<HttpHead> {
    for (let from = 0;;) {
      const end = headEnd(this.#bytes, from);
      if (end > MAX_HEAD_BYTES || (end < 0 && this.#bytes.length > MAX_HEAD_BYTES)) {
        throw new HttpHeadError("the answer's head is above 64 KiB");
      }
      if (end >= 0) {
        const head = parseHead(this.#bytes.subarray(0, end));
        this.#bytes = this.#bytes.slice(end);
        return head;
      }
      from = Math.max(0, this.#bytes.length - 3);
      if (await this.#more()) continue;
      throw new HttpHeadError(
        this.#bytes.length === 0
          ? "the connection was closed without an answer"
          : "the answer broke off",
      );
    }
  }

  /**
   * Reads the body of a refusal: by its length, its chunks, or to the end of the connection. Best
   * effort: what cannot be read is left out.
   *
   * @param signal ends the wait; what came until then is returned
   * @returns at most 64 KiB, as text
   */
  async body(head: HttpHead, signal: AbortSignal): Promise<string> {
    const chunked = /\bchunked\b/i.test(header(head.headers, "transfer-encoding") ?? "");
    const length = promisedLength(head.headers) ?? Infinity;
    const wanted = chunked ? MAX_BODY_BYTES : Math.min(length, MAX_BODY_BYTES);
    const aborted = Promise.withResolvers<boolean>();
    const onAbort = (): void => aborted.resolve(false);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    while (this.#bytes.length < wanted && !(chunked && endsChunked(this.#bytes))) {
      const more = this.#more().catch(() => false);
      if (!await Promise.race([more, aborted.promise])) break;
    }
    signal.removeEventListener("abort", onAbort);
    const body = chunked ? dechunk(this.#bytes).body : this.#bytes.subarray(0, wanted);
    return new TextDecoder().decode(body);
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(4096);
    const length = await this.#conn.read(buffer);
    if (length === null) return false;
    this.#bytes = concat(this.#bytes, buffer.subarray(0, length));
    return true;
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
    if (colon <= 0 || /[\s\0]/.test(line.slice(0, colon)) || /[\0\r\n]/.test(line)) {
      throw new HttpHeadError("the answer's head has a malformed line");
    }
    raw.push(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return { startLine, headers: fromRaw(raw) };
}

/** Whether the last chunk has come; bytes of a chunk that look like it are told apart. */
function endsChunked(bytes: Uint8Array): boolean {
  return latin1.decode(bytes.subarray(-5)) === "0\r\n\r\n" && dechunk(bytes).ended;
}

/** What stands in the chunks; `ended` at the last one, and where no chunk can be read any more. */
function dechunk(bytes: Uint8Array): { body: Uint8Array; ended: boolean } {
  const body = new Uint8Array(bytes.length);
  let length = 0;
  const result = (ended: boolean): { body: Uint8Array; ended: boolean } => ({
    body: body.subarray(0, length),
    ended,
  });
  for (let at = 0;;) {
    const lineEnd = bytes.indexOf(10, at);
    if (lineEnd < 0) return result(bytes.length - at > MAX_SIZE_LINE);
    const line = latin1.decode(bytes.subarray(at, Math.min(lineEnd, at + MAX_SIZE_LINE)));
    const size = parseInt(/^[0-9a-f]{1,8}(?=[;\s]|$)/i.exec(line)?.[0] ?? "", 16);
    if (!(size > 0)) return result(true);
    const chunk = bytes.subarray(lineEnd + 1, lineEnd + 1 + size);
    body.set(chunk, length);
    length += chunk.length;
    at = lineEnd + 1 + size + 2;
    if (at > bytes.length) return result(false);
  }
}

/** Longest line with a chunk's size, in bytes. */
const MAX_SIZE_LINE = 256;
