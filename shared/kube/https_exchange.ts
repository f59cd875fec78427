/**
 * One HTTP exchange with an API server, over `node:https`: trusts the given CA and no other, and
 * verifies the name that is asked for.
 *
 * @module
 */
import type { IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { Readable } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import type { ClusterConfig } from "./cluster_config.ts";
import { type Exchange, parseProxy } from "./exchange.ts";
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

/**
 * Exchanges over `node:https`. `fetch` would also trust the runtime's own roots; here `config.ca`,
 * where it is given, is all that is trusted.
 *
 * @returns the exchange
 * @throws {TypeError} for a proxy that is not `http:`
 */
export function httpsExchange(config: ClusterConfig): Exchange {
  const options = {
    keepAlive: true,
    maxFreeSockets: 8,
    noDelay: true,
    ...(config.ca === undefined ? {} : { ca: [config.ca] }),
    ...(config.clientCert === undefined ? {} : config.clientCert),
  };
  if (config.proxyUrl && parseProxy(config.proxyUrl).url.protocol !== "http:") {
    throw new TypeError("Cannot use the proxy URL with tls-server-name: only http proxies can");
  }
  const agent = config.proxyUrl ? new ProxyAgent(config.proxyUrl, options) : new Agent(options);
  return {
    send({ method, url, headers, body, signal }): Promise<Response> {
      const host = url.hostname.replace(/^\[|\]$/g, "");
      const servername = config.tlsServerName || (isIP(host) === 0 ? host : undefined);
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
    },
    close: () => agent.destroy(),
  };
}
