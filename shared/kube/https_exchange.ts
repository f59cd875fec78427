/**
 * One HTTP exchange with an API server, over `node:https`: trusts the given CA and no other, and
 * verifies the name that is asked for.
 *
 * @module
 */
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, type AgentOptions, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import type { ClusterConfig } from "./cluster_config.ts";
import { type Exchange, type ExchangeRequest, parseProxy } from "./exchange.ts";
import { connectThroughProxy } from "./proxy_connect.ts";

/** A connection through a proxy must stand within it, in milliseconds. */
const CONNECT_MS = 15_000;

/** Opens connections through an HTTP proxy. */
class ProxyAgent extends Agent {
  readonly #proxyUrl: string;
  readonly #pending = new AbortController();

  constructor(proxyUrl: string, options: ConstructorParameters<typeof Agent>[0]) {
    super(options);
    this.#proxyUrl = proxyUrl;
  }

  // deno-lint-ignore explicit-function-return-type -- node's own type allows several
  override createConnection(
    options: { host?: string; port?: number | string; servername?: string; ca?: string[] },
    callback?: (error: Error | null, socket: never) => void,
  ) {
    const done = callback as unknown as (error: Error | null, socket?: unknown) => void;
    const { host = "", port = 443 } = options;
    const signal = AbortSignal.any([this.#pending.signal, AbortSignal.timeout(CONNECT_MS)]);
    connectThroughProxy({ proxyUrl: this.#proxyUrl, host, port: Number(port), signal }).then(
      (socket) => {
        const secure = tlsConnect({ ...options, port: Number(port), socket, host });
        const onAbort = (): void => void secure.destroy(signal.reason);
        const onError = (error: Error): void => {
          signal.removeEventListener("abort", onAbort);
          done(error);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        secure.once("error", onError);
        secure.once("secureConnect", () => {
          signal.removeEventListener("abort", onAbort);
          secure.off("error", onError);
          done(null, secure);
        });
      },
      (error) => done(error),
    );
    return undefined as never; // The callback brings it
  }

  override destroy(): void {
    this.#pending.abort(new DOMException("The connection pool was closed", "AbortError"));
    super.destroy();
  }
}

function toHeaders(raw: readonly string[]): Headers {
  const headers = new Headers();
  for (let i = 0; i + 1 < raw.length; i += 2) headers.append(raw[i]!, raw[i + 1]!);
  return headers;
}

function toResponse(message: IncomingMessage): Response {
  const status = message.statusCode ?? 500;
  const init = {
    status,
    statusText: message.statusMessage ?? "",
    headers: toHeaders(message.rawHeaders),
  };
  if (status === 204 || status === 205 || status === 304) {
    message.resume();
    return new Response(null, init);
  }
  return new Response(Readable.toWeb(message) as ReadableStream<Uint8Array<ArrayBuffer>>, init);
}

/** The server's certificate leads to no trusted CA: nothing was sent yet. */
function isUntrusted(error: unknown): boolean {
  return error instanceof Error &&
    /UnknownIssuer|BadSignature|unable to (get|verify)|self.signed|UNABLE_TO_/i.test(error.message);
}

/** The pool of one CA bundle. */
class Pool {
  readonly agent: Agent;

  constructor(
    readonly ca: string | undefined,
    proxyUrl: string | undefined,
    options: AgentOptions,
  ) {
    const all = { ...options, ...(ca === undefined ? {} : { ca: [ca] }) };
    this.agent = proxyUrl ? new ProxyAgent(proxyUrl, all) : new Agent(all);
  }

  get busy(): boolean {
    return Object.keys(this.agent.sockets).length > 0;
  }

  /** Takes no part in what comes; requests under way go on. */
  retire(): void {
    this.agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.agent.freeSockets)) {
      for (const socket of [...sockets ?? []]) socket.destroy();
    }
  }
}

/**
 * Exchanges over `node:https`. `fetch` would also trust the runtime's own roots; here `config.ca`,
 * where it is given, is all that is trusted. With `config.readCa` new connections trust the CA as it
 * is then, and requests under way on old ones are not cut; a server that it does not vouch for makes
 * it look again at once.
 *
 * @returns the exchange
 * @throws {TypeError} for a proxy that is not `http:`
 */
export function httpsExchange(config: ClusterConfig): Exchange {
  const options = {
    keepAlive: true,
    maxFreeSockets: 8,
    noDelay: true,
    ...(config.clientCert === undefined ? {} : config.clientCert),
  };
  if (config.proxyUrl && parseProxy(config.proxyUrl).url.protocol !== "http:") {
    throw new TypeError("Cannot use the proxy URL with tls-server-name: only http proxies can");
  }
  const { proxyUrl, readCa } = config;
  let pool = new Pool(config.ca, proxyUrl, options);
  let retired: Pool[] = [];
  const trust = async (fresh: boolean): Promise<Pool> => {
    const ca = await readCa?.({ fresh });
    if (ca === undefined || ca === pool.ca) return pool;
    pool.retire();
    retired = [...retired, pool].filter(({ busy }) => busy);
    return pool = new Pool(ca, proxyUrl, options);
  };
  return {
    async send(request: ExchangeRequest): Promise<Response> {
      const used = await trust(false);
      try {
        return await exchange(used.agent, config, request);
      } catch (error) {
        if (readCa === undefined || !isUntrusted(error)) throw error;
        const fresh = await trust(true);
        if (fresh === used) throw error;
        return await exchange(fresh.agent, config, request);
      }
    },
    close(): void {
      for (const { agent } of [pool, ...retired]) agent.destroy();
    },
  };
}

function exchange(
  agent: Agent,
  { tlsServerName }: ClusterConfig,
  { method, url, headers, body, signal }: ExchangeRequest,
): Promise<Response> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const servername = tlsServerName || (isIP(host) === 0 ? host : undefined);
  const outgoing: OutgoingHttpHeaders = Object.fromEntries(headers);
  if (body !== undefined) outgoing["content-length"] = body.byteLength;
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const request = httpsRequest({
    agent,
    method,
    host,
    port: url.port || 443,
    path: url.pathname + url.search,
    headers: outgoing,
    ...(servername === undefined ? {} : { servername }),
  });
  // On a kept connection that breaks Deno 2.9.6 sends the request again, a POST as well
  request.once("socket", () => void (request.reusedSocket = false));
  const onAbort = (): void => void request.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  request.once("close", () => signal.removeEventListener("abort", onAbort));
  request.on("error", reject); // Stays: a late error has nobody to tell
  request.once("response", (message) => {
    // Without a listener an error of the body would end the process
    message.on("error", () => {});
    resolve(toResponse(message));
  });
  if (signal.aborted) onAbort();
  request.end(body);
  return promise;
}
