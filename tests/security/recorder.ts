/**
 * An HTTP/1.1 server "in the child", written on plain TCP: it shows the very bytes that arrive, on
 * which connection, and answers with any bytes that a hostile server would.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** A request that arrived. */
export interface RecordedRequest {
  /** As it came: `GET /x HTTP/1.1`. */
  line: string;
  /** Method of the line. */
  method: string;
  /** Request target of the line. */
  path: string;
  /** Names in lower case. */
  headers: [name: string, value: string][];
  /** Without chunk lengths. */
  body: string;
  /** Counts connections from 1. */
  connection: number;
  /** Address that was dialled. */
  dialled: string;
}

/** What to answer with. */
export interface RecorderAnswer {
  /** The answer, byte for byte. */
  bytes: string;
  /** Closes the connection behind it. @default {false} */
  end?: boolean;
  /** What comes on this connection from here on is no HTTP: noted in `raw`. @default {false} */
  raw?: boolean;
}

/** Makes an answer whose length is told. */
export function plainAnswer(
  body: string,
  head = "HTTP/1.1 200 OK",
  headers: readonly string[] = [],
): RecorderAnswer {
  const lines = [head, ...headers, "Content-Type: text/plain", `Content-Length: ${body.length}`];
  return { bytes: `${lines.join("\r\n")}\r\n\r\n${body}` };
}

/** Where it listens. */
export interface RecorderOptions {
  /** @default {a free one} */
  port?: number;
  /** @default {"127.0.0.1"} */
  host?: string;
  /** @default {200 with the body `recorded`} */
  answer?: (request: RecordedRequest) => RecorderAnswer;
}

/** See the module text. */
export class Recorder implements AsyncDisposable {
  /** All requests, in the order in which they were complete. */
  readonly requests: RecordedRequest[] = [];
  /** Bytes behind an answer with `raw`, by connection. */
  readonly raw = new Map<number, string>();
  /** Connections that the other side, or an error, has ended. */
  readonly closed = new Set<number>();
  /** Decides on the answers; may be changed. */
  answer: (request: RecordedRequest) => RecorderAnswer;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;

  private constructor({ answer = () => plainAnswer("recorded") }: RecorderOptions) {
    this.answer = answer;
    this.#server = createServer((socket) => this.#serve(socket));
  }

  /** Starts one. */
  static async start(options: RecorderOptions = {}): Promise<Recorder> {
    const recorder = new Recorder(options);
    const { port = 0, host = "127.0.0.1" } = options;
    await new Promise<void>((resolve, reject) => {
      recorder.#server.once("error", reject).listen(port, host, resolve);
    });
    return recorder;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections so far. */
  get connections(): number {
    return this.#connections;
  }

  /** Request targets so far. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  /** Forgets what was seen. */
  clear(): void {
    this.requests.length = 0;
    this.raw.clear();
  }

  #serve(socket: Socket): void {
    const connection = ++this.#connections;
    this.#sockets.add(socket);
    let text = "";
    let raw = false;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#sockets.delete(socket);
      this.closed.add(connection);
    });
    socket.on("data", (chunk: Uint8Array) => {
      text += String.fromCharCode(...chunk);
      for (;;) {
        if (raw) {
          this.raw.set(connection, (this.raw.get(connection) ?? "") + text);
          text = "";
          return;
        }
        const read = readRequest(text);
        if (read === undefined) return;
        text = read.rest;
        const dialled = (socket.localAddress ?? "").replace("::ffff:", "");
        const request = { ...read.request, connection, dialled };
        this.requests.push(request);
        const answer = this.answer(request);
        socket.write(answer.bytes, "latin1");
        if (answer.end === true) socket.end();
        raw = answer.raw === true;
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** Reads the first request out of a text; `undefined` while it is not complete. */
function readRequest(
  text: string,
): { request: Omit<RecordedRequest, "connection" | "dialled">; rest: string } | undefined {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [line = "", ...lines] = text.slice(0, end).split("\r\n");
  const headers = lines.map((one): [string, string] => {
    const colon = one.indexOf(":");
    return [one.slice(0, colon).toLowerCase(), one.slice(colon + 1).trim()];
  });
  const value = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1];
  const [method = "", path = ""] = line.split(" ");
  const request = { line, method, path, headers };
  let at = end + 4;
  if (value("transfer-encoding") !== undefined) {
    let body = "";
    for (;;) {
      const eol = text.indexOf("\r\n", at);
      if (eol < 0) return undefined;
      const length = Number.parseInt(text.slice(at, eol), 16);
      const next = eol + 2 + length + 2;
      if (Number.isNaN(length) || text.length < next) return undefined;
      body += text.slice(eol + 2, eol + 2 + length);
      at = next;
      if (length === 0) return { request: { ...request, body }, rest: text.slice(at) };
    }
  }
  const length = Number(value("content-length") ?? 0);
  if (text.length < at + length) return undefined;
  const body = text.slice(at, at + length);
  return { request: { ...request, body }, rest: text.slice(at + length) };
}
