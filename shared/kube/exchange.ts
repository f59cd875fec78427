/**
 * One HTTP exchange with an API server, over the runtime's `fetch`.
 *
 * @module
 */
import type { ClusterConfig } from "./cluster_config.ts";

/** A request as it goes on the wire. */
export interface ExchangeRequest {
  method: string;
  url: URL;
  headers: Headers;
  body: Uint8Array<ArrayBuffer> | undefined;
  signal: AbortSignal;
}

/** Sends requests over pooled connections. */
export interface Exchange {
  /** Resolves with the head; the body is live. */
  send(request: ExchangeRequest): Promise<Response>;
  /** Closes pooled connections. */
  close(): void;
}

/** A proxy's URL, apart. */
export interface ProxyAddress {
  /** Without user and password. */
  url: URL;
  username: string;
  password: string;
}

/**
 * Reads a proxy's URL. The error does not repeat it: it may hold a password.
 *
 * @throws {TypeError} when it cannot be used
 */
export function parseProxy(text: string): ProxyAddress {
  const url = URL.parse(text);
  if (url === null || url.hostname === "") {
    throw new TypeError("Cannot use the proxy URL: write it as http://host:port");
  }
  if (!["http:", "https:", "socks5:", "socks5h:"].includes(url.protocol)) {
    throw new TypeError(
      `Cannot use a proxy of scheme "${url.protocol}": http, https and socks5 are known`,
    );
  }
  const username = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  url.username = "";
  url.password = "";
  return { url, username, password };
}

/**
 * Exchanges over `fetch`. It trusts the runtime's own roots beside `config.ca` (measured on Deno
 * 2.9.6: `caCerts` are additional), so it serves where no CA is given, for clear text over
 * loopback, and for proxies that only `fetch` knows.
 *
 * HTTP/1.1 only: over HTTP/2 a dead connection would fail every request until TCP gives up
 * (kubernetes/client-go#374); so a request that times out takes its connection with it.
 *
 * @returns the exchange
 */
export function fetchExchange(config: ClusterConfig): Exchange {
  const proxy = config.proxyUrl ? parseProxy(config.proxyUrl) : undefined;
  const basicAuth = proxy?.username
    ? { basicAuth: { username: proxy.username, password: proxy.password } }
    : {};
  const client = Deno.createHttpClient({
    http2: false,
    poolMaxIdlePerHost: 8,
    poolIdleTimeout: 60_000,
    ...(proxy === undefined ? {} : { proxy: { url: proxy.url.href, ...basicAuth } }),
    ...(config.ca === undefined ? {} : { caCerts: [config.ca] }),
    ...(config.clientCert === undefined ? {} : config.clientCert),
  });
  return {
    async send({ method, url, headers, body, signal }): Promise<Response> {
      const init: RequestInit & { client: Deno.HttpClient } = {
        method,
        headers,
        client,
        redirect: "manual",
        signal,
        // On a kept connection that breaks Deno 2.9.6 sends a request again, a POST as well, unless
        // its body is a stream
        ...(body === undefined ? {} : { body: ReadableStream.from([body]) }),
      };
      return await fetch(url, init);
    },
    close: () => client.close(),
  };
}
