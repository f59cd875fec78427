/**
 * The way of a request to a Kubernetes API server: TLS, credentials, proxy.
 *
 * @module
 */
import type { ClusterConfig } from "./cluster_config.ts";
import { type Exchange, fetchExchange, parseProxy } from "./exchange.ts";
import { httpsExchange } from "./https_exchange.ts";

/**
 * Carries one request. The URL's origin means nothing: a real transport puts its server's in
 * place, a handler (embedded API, stub in a test) looks at the path only.
 */
export type Transport = (request: Request) => Promise<Response>;

/** A transport with connections that must be closed. */
export interface KubeConnection extends Disposable {
  /** Hand this to `KubeClient`. */
  transport: Transport;
  /** Aborts what is in flight and closes pooled connections; idempotent. */
  close(): void;
}

/** Thrown when an API server could not be asked: name, TCP, TLS, proxy, or a cut before the head. */
export class TransportError extends Error {
  /** Tells it from other errors where `instanceof` cannot. */
  override readonly name = "TransportError";
}

/**
 * Makes a transport that calls a handler, without any network.
 *
 * @returns the transport
 */
export function handlerTransport(
  handler: (request: Request) => Response | Promise<Response>,
): Transport {
  return async (request) => await handler(request);
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function serverUrl(config: ClusterConfig): URL {
  if (!URL.canParse(config.server)) {
    throw new TypeError(
      `Cannot use server URL "${config.server}": write it as https://host:port/path`,
    );
  }
  const url = new URL(config.server);
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    throw new TypeError(`Cannot use server URL "${config.server}": its scheme must be https`);
  }
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new TypeError(
      `Cannot use server URL of host "${url.host}": user, query and fragment have no meaning in it`,
    );
  }
  const secret = config.token !== undefined || config.clientCert !== undefined;
  if (url.protocol === "http:" && secret && !isLoopback(url.hostname)) {
    throw new TypeError(
      `Cannot use server URL "${config.server}": credentials would travel in clear; use https`,
    );
  }
  return url;
}

/** What the runtime says, without the URL that it repeats. */
function detailOf(error: unknown): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const text = first instanceof Error ? first.message : String(first);
  return text.replace(/^error sending request(?: for url \([^)]*\))?:?\s*/, "")
    .replace(/^(client error \(\w+\)|error trying to connect): /, "") || "connection failed";
}

function chooseExchange(config: ClusterConfig, url: URL): Exchange {
  const strict = url.protocol === "https:" && (config.ca || config.tlsServerName);
  const proxy = config.proxyUrl ? parseProxy(config.proxyUrl).url.protocol : "http:";
  return strict && (proxy === "http:" || config.tlsServerName)
    ? httpsExchange(config)
    : fetchExchange(config);
}

/**
 * Opens a transport to a cluster: over `node:https` where a CA is given, for that CA is then all
 * that is trusted, and over `fetch` otherwise (the runtime's roots, clear text over loopback,
 * `socks5:` and `https:` proxies). HTTP/1.1 with pooled connections.
 *
 * A bearer token is asked for at each request. After a 401 it is read afresh and, if it changed,
 * the request is sent once more: a request that was not authenticated was not carried out. A GET
 * whose connection is cut before the head is sent once more as well: that is a pooled connection
 * which the server closed meanwhile. Nothing else is sent twice: the runtime's own second try, which
 * would repeat a POST, is switched off. Redirects are never followed.
 *
 * @param config the cluster
 * @returns the transport and its `close`
 * @throws {TypeError} when the configuration cannot be used
 *
 * @example
 * ```ts ignore
 * using connection = kubeTransport(await loadKubeConfig({ path }));
 * const client = new KubeClient({ transport: connection.transport });
 * ```
 */
export function kubeTransport(config: ClusterConfig): KubeConnection {
  const base = serverUrl(config);
  const prefix = base.origin + base.pathname.replace(/\/+$/, "");
  const exchange = chooseExchange(config, base);
  const closed = new AbortController();

  const send = async (
    request: Request,
    body: Uint8Array<ArrayBuffer> | undefined,
    token: string | undefined,
  ): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    const signal = AbortSignal.any([request.signal, closed.signal]);
    const url = new URL(prefix + pathname + search);
    try {
      return await exchange.send({ method: request.method, url, headers, body, signal });
    } catch (cause) {
      signal.throwIfAborted();
      throw new TransportError(
        `Cannot reach the Kubernetes API at ${base.origin}: ${detailOf(cause)}`,
        { cause },
      );
    }
  };

  const transport: Transport = async (request) => {
    closed.signal.throwIfAborted();
    const body = request.body === null ? undefined : new Uint8Array(await request.arrayBuffer());
    const token = await config.token?.();
    let response: Response;
    try {
      response = await send(request, body, token);
    } catch (error) {
      if (!(error instanceof TransportError) || request.method !== "GET") throw error;
      response = await send(request, body, token);
    }
    if (response.status !== 401 || config.token === undefined) return response;
    const fresh = await config.token({ fresh: true });
    if (fresh === undefined || fresh === token) return response;
    await response.body?.cancel();
    return await send(request, body, fresh);
  };

  const close = (): void => {
    if (closed.signal.aborted) return;
    closed.abort(new TransportError(`The connection to ${base.origin} was closed`));
    exchange.close();
  };
  return { transport, close, [Symbol.dispose]: close };
}
