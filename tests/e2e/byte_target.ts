/**
 * A server "in the child" whose bytes can be checked, and a client that reaches it over the full
 * chain or over the hub's own port.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import https from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { boundTlsReading } from "../../shared/tls_backpressure.ts";

/** Its length is prime, so that a lost or doubled piece never goes unseen. */
const PATTERN = crypto.getRandomValues(new Uint8Array(65_521));

/** @returns piece `index` of the endless pattern, `size` bytes at most */
function piece(offset: number, size: number): Uint8Array {
  const start = offset % PATTERN.length;
  return PATTERN.subarray(start, Math.min(start + size, PATTERN.length));
}

/** @returns SHA-256 in hex of the first `size` bytes that `GET /bytes/<size>` sends */
export function patternHash(size: number): string {
  const hash = createHash("sha256");
  for (let offset = 0; offset < size;) {
    const chunk = piece(offset, size - offset);
    hash.update(chunk);
    offset += chunk.length;
  }
  return hash.digest("hex");
}

/** The server. */
export interface ByteTarget extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
}

/**
 * Starts it: `GET /bytes/<size>` sends the pattern; `POST /hash` answers with the SHA-256 of the
 * body; an upgrade to `echo` sends back every byte and ends when the client has.
 *
 * @returns the server, on a free port
 */
export async function startByteTarget(): Promise<ByteTarget> {
  const server = http.createServer((req, res) => void serve(req, res).catch(() => res.destroy()));
  server.on("upgrade", (_req: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    (socket as Socket).allowHalfOpen = true;
    socket.on("error", () => socket.destroy());
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    socket.write(head);
    socket.pipe(socket);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose](): Promise<void> {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const size = /^\/bytes\/(\d+)$/.exec(req.url ?? "")?.[1];
  if (req.method === "POST") {
    const hash = createHash("sha256");
    for await (const chunk of req) hash.update(chunk);
    res.end(hash.digest("hex"));
    return;
  }
  if (size === undefined) {
    res.writeHead(404).end();
    return;
  }
  const total = Number(size);
  res.writeHead(200, { "Content-Length": total });
  for (let offset = 0; offset < total && !res.destroyed;) {
    const chunk = piece(offset, total - offset);
    offset += chunk.length;
    if (!res.write(chunk)) await drained(res);
  }
  res.end();
}

function drained(res: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      res.off("drain", done).off("close", done);
      resolve();
    };
    res.on("drain", done).on("close", done);
  });
}

/** Where requests go and as whom. */
export interface ByteClientOptions {
  /** `https://host:port`. */
  server: string;
  ca: string;
  /** Path of the target below the server. */
  base: string;
  clientCert?: { cert: string; key: string };
  token?: string;
  maxSockets?: number;
}

/** What a read ended with. */
export interface ReadResult {
  status: number;
  bytes: number;
  sha256: string;
}

/** Sends requests to a {@linkcode ByteTarget} and hashes what comes. */
export class ByteClient implements Disposable {
  readonly #options: ByteClientOptions;
  readonly #agent: https.Agent;

  constructor(options: ByteClientOptions) {
    this.#options = options;
    this.#agent = new https.Agent({
      keepAlive: true,
      maxSockets: options.maxSockets ?? 1000,
      ca: options.ca,
      ...options.clientCert,
    });
  }

  /** Starts a request. */
  request(method: string, path: string, headers: Record<string, string> = {}): http.ClientRequest {
    const { server, base, token } = this.#options;
    const request = https.request(`${server}${base}${path}`, {
      method,
      agent: this.#agent,
      headers: { ...headers, ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }) },
    });
    // Or a client that stops reading would not: Deno goes on behind its back
    return request.once("socket", boundOnceSecure);
  }

  /** @returns the response's head */
  static response(request: http.ClientRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      request.on("response", resolve);
      request.on("error", reject);
    });
  }

  /**
   * Reads `GET /bytes/<size>`.
   *
   * @param abortAfter destroys the connection after so many bytes
   * @returns what came; an abort is no error
   */
  async get(size: number, abortAfter?: number): Promise<ReadResult> {
    const request = this.request("GET", `/bytes/${size}`);
    const answer = ByteClient.response(request);
    request.end();
    return await hashBody(await answer, abortAfter);
  }

  /** @returns the SHA-256 that the target saw of a body of `size` pattern bytes */
  async post(size: number, abortAfter?: number): Promise<{ status: number; text: string }> {
    const request = this.request("POST", "/hash", { "Content-Length": String(size) });
    const answer = ByteClient.response(request);
    answer.catch(() => {});
    for (let offset = 0; offset < size;) {
      const chunk = piece(offset, size - offset);
      offset += chunk.length;
      if (!request.write(chunk)) await new Promise<void>((resolve) => drain(request, resolve));
      if (abortAfter !== undefined && offset >= abortAfter) {
        request.destroy();
        return { status: 0, text: "aborted" };
      }
    }
    request.end();
    const response = await answer;
    let text = "";
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode ?? 0, text };
  }

  /**
   * Upgrades to `echo`, sends `size` pattern bytes, half-closes and reads to the end.
   *
   * @param abortAfter destroys the connection instead, after so many bytes came back
   * @returns what came back
   */
  async echo(size: number, abortAfter?: number): Promise<ReadResult> {
    const request = this.request("GET", "/echo", { Connection: "Upgrade", Upgrade: "echo" });
    const upgraded = new Promise<[Duplex, Uint8Array]>((resolve, reject) => {
      request.on("upgrade", (_res, socket, head) => resolve([socket, head]));
      request.on("response", (res) => reject(new Error(`not upgraded: ${res.statusCode}`)));
      request.on("error", reject);
    });
    request.end();
    const [socket, head] = await upgraded;
    const hash = createHash("sha256").update(head);
    let bytes = head.length;
    const read = new Promise<void>((resolve, reject) => {
      socket.on("data", (chunk: Uint8Array) => {
        hash.update(chunk);
        bytes += chunk.length;
        if (abortAfter !== undefined && bytes >= abortAfter) socket.destroy();
      });
      socket.on("end", () => resolve());
      socket.on("close", () => resolve());
      socket.on("error", abortAfter === undefined ? reject : () => resolve());
    });
    for (let offset = 0; offset < size && !socket.destroyed;) {
      const chunk = piece(offset, size - offset);
      offset += chunk.length;
      if (!socket.write(chunk)) await new Promise<void>((resolve) => drain(socket, resolve));
    }
    if (!socket.destroyed) socket.end();
    await read;
    socket.destroy();
    return { status: 101, bytes, sha256: hash.digest("hex") };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function drain(stream: http.ClientRequest | Duplex, done: () => void): void {
  stream.once("drain", done).once("close", done);
}

/** Reads a body to its end, or to `abortAfter` bytes. */
export async function hashBody(
  response: IncomingMessage,
  abortAfter?: number,
): Promise<ReadResult> {
  const hash: Hash = createHash("sha256");
  let bytes = 0;
  try {
    for await (const chunk of response) {
      hash.update(chunk);
      bytes += chunk.length;
      if (abortAfter !== undefined && bytes >= abortAfter) {
        response.destroy();
        break;
      }
    }
  } catch (error) {
    if (abortAfter === undefined) throw error;
  }
  return { status: response.statusCode ?? 0, bytes, sha256: hash.digest("hex") };
}

/** Connections that were bound when they were new; a kept one comes again with each request. */
const bound = new WeakSet<Socket>();

function boundOnceSecure(socket: Socket): void {
  if (bound.has(socket)) return;
  bound.add(socket);
  socket.once("secureConnect", () => boundTlsReading(socket));
}
