/**
 * HTTP/1.1 written by hand: what no honest client would send has to be sent here.
 *
 * @module
 */
import type { KeyPair } from "../cluster/pki.ts";

/** Where to send, and as whom. */
export interface RawTarget {
  /** Port on 127.0.0.1. */
  port: number;
  /** PEM of the CA that signed the server. */
  ca: string;
  /** Client certificate; none is shown when left out. */
  cert?: KeyPair;
}

/** A request, put together byte for byte as it stands here. */
export interface RawRequest {
  /** @default {"GET"} */
  method?: string;
  /** Request target, neither encoded nor normalised. */
  path: string;
  /** Lines after `Host` and `Connection: close`; each name and value as it is. */
  headers?: readonly (readonly [string, string])[];
  /** Adds `Content-Length`. */
  body?: string;
  /** Leaves `Connection: close` out. @default {false} */
  keepAlive?: boolean;
}

/** An answer. */
export interface RawAnswer {
  /** 0 when the connection ended without one. */
  status: number;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** Without chunk lengths. */
  body: string;
  /** All bytes as text, for a search. */
  text: string;
}

const latin1 = new TextDecoder("latin1");

/** Bytes of a text, one for each character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (char) => char.charCodeAt(0) & 0xff);
}

/** Opens a TLS connection that offers HTTP/1.1 alone. */
export async function rawConnect({ port, ca, cert }: RawTarget): Promise<Deno.TlsConn> {
  return await Deno.connectTls({
    hostname: "127.0.0.1",
    port,
    caCerts: [ca],
    alpnProtocols: ["http/1.1"],
    ...cert,
  });
}

/** The text of a request. */
export function rawText(
  { method = "GET", path, headers = [], body, keepAlive = false }: RawRequest,
): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    ...(keepAlive ? [] : ["Connection: close"]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body ?? ""}`;
}

/** The text of a request that asks for an upgrade to WebSocket; its connection is kept. */
export function upgradeText({ method = "GET", path, headers = [] }: RawRequest): string {
  const lines = [
    `${method} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/**
 * Sends bytes on a new connection and reads until the server closes it.
 *
 * @param deadlineMs then the connection is closed, and what came so far is the answer
 * @returns the answer; status 0 when none came
 */
export async function rawExchange(
  target: RawTarget,
  bytes: string | Uint8Array<ArrayBuffer>,
  deadlineMs = 15_000,
): Promise<RawAnswer> {
  using conn = await rawConnect(target);
  let open = true;
  const timer = setTimeout(() => {
    open = false;
    conn.close();
  }, deadlineMs);
  try {
    return parseAnswer(await converse(conn, typeof bytes === "string" ? bytesOf(bytes) : bytes));
  } finally {
    clearTimeout(timer);
    if (!open) Object.defineProperty(conn, Symbol.dispose, { value: () => {} });
  }
}

async function converse(conn: Deno.TlsConn, bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  let text = "";
  const writing = (async () => {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  })().catch(() => {}); // A server that refuses early stops reading
  const buffer = new Uint8Array(64 * 1024);
  while (true) {
    const length = await conn.read(buffer).catch(() => null);
    if (length === null) break;
    text += latin1.decode(buffer.subarray(0, length));
  }
  await writing;
  return text;
}

/** Sends one request and reads its answer. */
export async function rawAsk(target: RawTarget, request: RawRequest): Promise<RawAnswer> {
  return await rawExchange(target, rawText(request));
}

/** One connection for several requests, one after the other. */
export class KeptConnection implements Disposable {
  readonly #conn: Deno.TlsConn;
  #open = true;

  private constructor(conn: Deno.TlsConn) {
    this.#conn = conn;
  }

  /** @returns a connection that stands */
  static async open(target: RawTarget): Promise<KeptConnection> {
    const conn = await rawConnect(target);
    await conn.handshake();
    return new KeptConnection(conn);
  }

  /** `false` once either side closed it. */
  get isOpen(): boolean {
    return this.#open;
  }

  /**
   * Sends one request and reads its answer.
   *
   * @returns the answer; status 0 when the server closed the connection instead
   */
  async ask(request: RawRequest, deadlineMs = 15_000): Promise<RawAnswer> {
    const timer = setTimeout(() => this[Symbol.dispose](), deadlineMs);
    try {
      const bytes = bytesOf(rawText({ ...request, keepAlive: true }));
      for (let at = 0; at < bytes.length;) at += await this.#conn.write(bytes.subarray(at));
      let text = "";
      const buffer = new Uint8Array(64 * 1024);
      while (!isWhole(text)) {
        const length = await this.#conn.read(buffer);
        if (length === null) break;
        text += latin1.decode(buffer.subarray(0, length));
      }
      if (!isWhole(text)) this[Symbol.dispose]();
      return parseAnswer(text);
    } catch {
      this[Symbol.dispose]();
      return parseAnswer("");
    } finally {
      clearTimeout(timer);
    }
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#conn.close();
    this.#open = false;
  }
}

/** Whether an answer to anything but HEAD has come to its end. */
function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const answer = parseAnswer(text);
  const length = valuesOf(answer, "content-length")[0];
  if (length !== undefined) return text.length - end - 4 >= Number(length);
  if (valuesOf(answer, "transfer-encoding").length === 0) return answer.status === 204;
  return text.endsWith("\r\n0\r\n\r\n");
}

/** Reads the first answer out of the text of a connection. */
export function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  const [line = "", ...lines] = text.slice(0, Math.max(0, end)).split("\r\n");
  const headers = lines.map((one): [string, string] => {
    const colon = one.indexOf(":");
    return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()];
  });
  const chunked = headers.some(([name, value]) =>
    name === "transfer-encoding" && value.toLowerCase() === "chunked"
  );
  const rest = end < 0 ? "" : text.slice(end + 4);
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(line)?.[1] ?? 0);
  return { status, headers, body: chunked ? withoutChunks(rest) : rest, text };
}

function withoutChunks(text: string): string {
  let body = "";
  for (let at = 0; at < text.length;) {
    const end = text.indexOf("\r\n", at);
    const length = Number.parseInt(text.slice(at, end), 16);
    if (end < 0 || !(length > 0)) break;
    body += text.slice(end + 2, end + 2 + length);
    at = end + 2 + length + 2;
  }
  return body;
}

/** The values of one header of an answer. */
export function valuesOf(answer: RawAnswer, name: string): string[] {
  return answer.headers.filter(([key]) => key === name).map(([, value]) => value);
}
