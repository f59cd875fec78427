/**
 * A small HTTP server without TLS for health and metrics, with bounds: whoever reaches the port
 * must not take the file descriptors or the time that the rest of the process needs.
 *
 * It is `node:http` since `Deno.serve` bounds neither connections nor heads: 3,000 connections with
 * half a head hold 3,000 descriptors for ever.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { ListenAddress } from "./flags.ts";
import { destroyUnparsed } from "./stop_parsing.ts";

/** Connections at a time; when one more comes, the oldest goes, so that no flood keeps a probe out. */
const MAX_CONNECTIONS = 100;
/** For a head, and for a request as a whole. */
const REQUEST_MS = 5_000;
/** Above the minute that scrapers let pass between two requests. */
const KEEP_ALIVE_MS = 90_000;
/** Requests under way on one connection; probes and scrapers wait for each answer. */
const MAX_PIPELINED = 4;

/** Options of {@linkcode servePlain}. */
export interface PlainServerOptions {
  /** Where to listen; port 0 takes a free one. */
  address: ListenAddress;
  /** Gets method and URL, neither headers nor a body. */
  handler: (request: Request) => Promise<Response>;
  /** Told of a handler's fault; the caller reads 500. */
  onError: (error: unknown) => void;
  /** Connections at a time. @default {100} */
  maxConnections?: number;
  /** Until a request is there, in milliseconds. @default {5_000} */
  requestMs?: number;
}

/** A running server; disposing it closes its connections. */
export interface PlainServer extends AsyncDisposable {
  /** Address it listens on. */
  readonly hostname: string;
  /** Port it listens on. */
  readonly port: number;
}

/**
 * Listens and serves.
 *
 * @returns the running server
 * @throws {Deno.errors.AddrInUse} when somebody else listens there; what the system says otherwise
 *
 * @example
 * ```ts
 * import { servePlain } from "./plain_server.ts";
 * await using server = await servePlain({
 *   address: { hostname: "127.0.0.1", port: 0 },
 *   handler: () => Promise.resolve(new Response("ok")),
 *   onError: () => {},
 * });
 * const answer = await fetch(`http://127.0.0.1:${server.port}/livez`);
 * if (await answer.text() !== "ok") throw new Error();
 * ```
 */
export async function servePlain(options: PlainServerOptions): Promise<PlainServer> {
  const { address, maxConnections = MAX_CONNECTIONS, requestMs = REQUEST_MS } = options;
  const underWay = new WeakMap<Socket, number>();
  const server = createServer({
    headersTimeout: requestMs,
    requestTimeout: requestMs,
    connectionsCheckingInterval: Math.min(1_000, requestMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
  }, (req, res) => {
    const { socket } = req;
    if (socket.destroyed) return;
    const count = underWay.get(socket) ?? 0;
    if (count >= MAX_PIPELINED) return void destroyUnparsed(socket);
    underWay.set(socket, count + 1);
    res.once("close", () => underWay.set(socket, (underWay.get(socket) ?? 1) - 1));
    void serve(req, res, options);
  });
  server.on("connect", (_req, socket) => socket.destroy());
  const connections = boundConnections(server, maxConnections);
  await listen(server, address);
  server.on("error", options.onError);
  const { address: hostname, port } = server.address() as AddressInfo;
  return {
    hostname,
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = [...connections].map((socket) =>
        new Promise<void>((resolve) => socket.once("close", () => resolve()))
      );
      const stopped = new Promise((resolve) => server.close(resolve));
      for (const socket of connections) socket.destroy();
      await Promise.all([stopped, ...closed]);
    },
  };
}

/** The oldest connections go first. */
function boundConnections(server: Server, max: number): Set<Socket> {
  const open = new Set<Socket>();
  server.on("connection", (socket) => {
    open.add(socket);
    socket.on("error", () => {}); // A peer that resets is no news
    socket.once("close", () => open.delete(socket));
    if (open.size <= max) return;
    for (const oldest of open) {
      open.delete(oldest);
      oldest.destroy();
      return;
    }
  });
  return open;
}

function listen(server: Server, { hostname, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error & { code?: string }): void => {
      const taken = error.code === "EADDRINUSE";
      // As Deno.serve says it: callers tell this case by its class
      reject(taken ? new Deno.errors.AddrInUse(`Address already in use: port ${port}`) : error);
    };
    server.once("error", onError);
    server.listen(port, hostname, () => {
      server.off("error", onError);
      resolve();
    });
  });
}

async function serve(
  req: IncomingMessage,
  res: ServerResponse,
  { handler, onError }: PlainServerOptions,
): Promise<void> {
  res.on("error", () => {});
  req.on("error", () => {});
  const answer = async (): Promise<[number, [string, string][], Uint8Array]> => {
    try {
      const method = req.method ?? "GET";
      const url = req.url ?? "";
      if (!url.startsWith("/")) return [400, [], new Uint8Array(0)];
      const response = await handler(new Request("http://plain.invalid" + url, { method }));
      return [response.status, [...response.headers], await response.bytes()];
    } catch (error) {
      onError(error);
      const text = new TextEncoder().encode("Internal error\n");
      return [500, [["content-type", "text/plain; charset=utf-8"]], text];
    }
  };
  const [status, headers, body] = await answer();
  if (res.destroyed) return;
  const close: [string, string][] = req.complete ? [] : [["connection", "close"]];
  const length: [string, string] = ["content-length", String(body.length)];
  res.writeHead(status, [...headers, length, ...close].flat());
  res.end(req.method === "HEAD" ? undefined : body);
}
