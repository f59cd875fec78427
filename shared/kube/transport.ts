/**
 * The way of a request to a Kubernetes API server: TLS, credentials, proxy.
 *
 * @module
 */
import type { ClusterConfig } from "./cluster_config.ts";

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

function proxyOption(proxyUrl: string | undefined): { proxy?: Deno.Proxy } {
  if (proxyUrl === undefined || proxyUrl === "") return {};
  if (!URL.canParse(proxyUrl)) {
    throw new TypeError("Cannot use the proxy URL: write it as http://host:port");
  }
  const url = new URL(proxyUrl);
  if (!["http:", "https:", "socks5:", "socks5h:"].includes(url.protocol)) {
    throw new TypeError(
      `Cannot use a proxy of scheme "${url.protocol}": http, https and socks5 are known`,
    );
  }
  const basicAuth = {
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  url.username = "";
  url.password = "";
  return {
    proxy: { url: url.href, ...(basicAuth.username === "" ? {} : { basicAuth }) },
  };
}

/** What the runtime says, without the URL that it repeats. */
function detailOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/^error sending request(?: for url \([^)]*\))?:?\s*/, "")
    .replace(/^(client error \(\w+\)|error trying to connect): /, "") || "connection failed";
}

/**
 * Opens a transport to a cluster, over the runtime's `fetch` and HTTP/1.1: with HTTP/2 a dead
 * connection would fail every request until TCP gives up (kubernetes/client-go#374); so a request
 * that times out takes its connection with it.
 *
 * A bearer token is asked for at each request. After a 401 it is read afresh and, if it changed,
 * the request is sent once more: a request that was not authenticated was not carried out. A GET
 * whose connection is cut before the head is sent once more as well: that is a pooled connection
 * which the server closed meanwhile. Redirects are never followed.
 *
 * @param config the cluster
 * @returns the transport and its `close`
 * @throws {TypeError} when the configuration cannot be used
 */
export function kubeTransport(config: ClusterConfig): KubeConnection {
  if (config.tlsServerName !== undefined && config.tlsServerName !== "") {
    throw new TypeError(
      `Cannot use tls-server-name "${config.tlsServerName}": this client checks a certificate ` +
        "against the server URL's host only; use a server URL with a name from the certificate",
    );
  }
  const base = serverUrl(config);
  const prefix = base.origin + base.pathname.replace(/\/+$/, "");
  const client = Deno.createHttpClient({
    http2: false,
    poolMaxIdlePerHost: 8,
    poolIdleTimeout: 60_000,
    ...proxyOption(config.proxyUrl),
    ...(config.ca === undefined ? {} : { caCerts: [config.ca] }),
    ...(config.clientCert === undefined ? {} : config.clientCert),
  });
  const closed = new AbortController();

  const send = async (
    request: Request,
    body: Uint8Array<ArrayBuffer> | undefined,
    token: string | undefined,
  ): Promise<Response> => {
    const { pathname, search } = new URL(request.url);
    const headers = new Headers(request.headers);
    if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
    const init: RequestInit & { client: Deno.HttpClient } = {
      method: request.method,
      headers,
      client,
      redirect: "manual",
      signal: AbortSignal.any([request.signal, closed.signal]),
      ...(body === undefined ? {} : { body }),
    };
    try {
      return await fetch(prefix + pathname + search, init);
    } catch (cause) {
      init.signal!.throwIfAborted();
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
    client.close();
  };
  return { transport, close, [Symbol.dispose]: close };
}
