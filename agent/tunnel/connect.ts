/**
 * Opens the network connection to the hub or the parent: TCP, an HTTP proxy where one is asked
 * for, and TLS with a verified certificate.
 *
 * @module
 */
import { connect, isIP, type Socket } from "node:net";
import { connect as tlsConnect, getCACertificates, type TLSSocket } from "node:tls";
import { DialError } from "./dial_error.ts";
import { HttpHeadError, readHead, statusOf } from "./http_head.ts";

/** Options of {@linkcode connectServer}. */
export interface ConnectOptions {
  /** `https:` or `http:`; path and query are not looked at. */
  url: URL;
  /** PEM of the CAs to trust, and no others. @default {the runtime's and the system's roots} */
  ca?: string;
  /** Name to verify the certificate against, when it is not the URL's host. */
  tlsServerName?: string;
  /** `http://[user:password@]host:port` of a proxy that knows CONNECT. */
  proxyUrl?: string;
  /** Gives up, and destroys what is open. */
  signal: AbortSignal;
}

/**
 * Opens a connection with `TCP_NODELAY` set.
 *
 * @returns the socket, paused, without listeners of ours
 * @throws {DialError} of stage `connect`, `proxy`, `tls` or `config`; the signal's reason
 */
export async function connectServer(options: ConnectOptions): Promise<Socket> {
  const { url, proxyUrl, signal } = options;
  signal.throwIfAborted();
  const tcp = proxyUrl === undefined
    ? await dialTcp(hostOf(url), portOf(url), url.origin, signal)
    : await dialThroughProxy(url, proxyUrl, signal);
  return url.protocol === "https:" ? await startTls(tcp, options) : tcp;
}

/** The host without the brackets of an IPv6 address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "");
}

function portOf(url: URL): number {
  return Number(url.port) || (url.protocol === "https:" ? 443 : 80);
}

/** Waits for one event; the socket is destroyed when an error or the signal comes first. */
function untilEvent(
  socket: Socket,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
  wrap: (error: Error) => DialError,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      socket.off(event, onDone).off("error", onError).off("close", onClose);
      signal.removeEventListener("abort", onAbort);
      if (error === undefined) return resolve();
      // A late error has nobody to tell, and must not end the process
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const onDone = (): void => settle();
    const onError = (error: Error): void => settle(wrap(error));
    const onClose = (): void => settle(wrap(new Error("the connection was closed")));
    const onAbort = (): void => settle(signal.reason);
    socket.on(event, onDone).on("error", onError).on("close", onClose);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  });
}

async function dialTcp(
  host: string,
  port: number,
  name: string,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  await untilEvent(
    socket,
    "connect",
    signal,
    (cause) => new DialError("connect", `Cannot reach ${name}: ${reasonOf(cause)}`, { cause }),
  );
  socket.setNoDelay(true);
  return socket;
}

/** `AggregateError` of a name with several addresses has an empty message. */
function reasonOf(error: Error): string {
  const first = error instanceof AggregateError ? error.errors[0] : error;
  return first instanceof Error && first.message !== "" ? first.message : String(first);
}

async function dialThroughProxy(url: URL, proxyUrl: string, signal: AbortSignal): Promise<Socket> {
  const proxy = parseProxyUrl(proxyUrl);
  const target = `${url.hostname}:${portOf(url)}`;
  const user = decodeURIComponent(proxy.username);
  const password = decodeURIComponent(proxy.password);
  const secrets = [password, proxy.password];
  const socket = await dialTcp(hostOf(proxy), portOf(proxy), `proxy ${proxy.origin}`, signal);
  try {
    const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
    if (user !== "" || password !== "") {
      const credentials = new TextEncoder().encode(`${user}:${password}`).toBase64();
      secrets.push(credentials);
      lines.push(`Proxy-Authorization: Basic ${credentials}`);
    }
    socket.write(lines.join("\r\n") + "\r\n\r\n");
    const head = await abortable(readHead(socket), socket, signal);
    const status = statusOf(head);
    if (status < 200 || status > 299) {
      const line = head.startLine.replace(/^\S+ /, "");
      const advice = status === 407 ? "; set user and password in --proxy-url" : "";
      throw new DialError(
        "proxy",
        `The proxy ${proxy.origin} refused to connect to ${target}: ${line}${advice}`,
        { status, secrets },
      );
    }
    return socket;
  } catch (cause) {
    socket.destroy();
    if (cause instanceof DialError || signal.aborted) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const what = cause instanceof HttpHeadError ? "did not answer CONNECT" : "broke off";
    throw new DialError("proxy", `The proxy ${proxy.origin} ${what}: ${reason}`, { secrets });
  }
}

/** Checks `--proxy-url`; the error does not repeat it, since it may hold a password. */
function parseProxyUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "http:" || url.hostname === "") {
    throw new DialError(
      "config",
      "Cannot use --proxy-url: want http://host:port or http://user:password@host:port",
    );
  }
  return url;
}

/**
 * Waits for work on a socket; the signal destroys the socket and so ends the work.
 *
 * @throws the signal's reason when it came first
 */
export async function abortable<T>(
  work: Promise<T>,
  socket: Socket,
  signal: AbortSignal,
): Promise<T> {
  const onError = (): void => {};
  const onAbort = (): void => void socket.destroy();
  socket.on("error", onError);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await work;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    if (!socket.destroyed) socket.off("error", onError);
  }
}

async function startTls(tcp: Socket, options: ConnectOptions): Promise<TLSSocket> {
  const { url, ca, tlsServerName, signal } = options;
  const name = tlsServerName ?? hostOf(url);
  const fail = (cause: Error): DialError =>
    new DialError("tls", `Cannot trust ${url.origin}: ${tlsAdvice(cause, name)}`, { cause });
  let socket: TLSSocket;
  try {
    socket = tlsConnect({
      socket: tcp,
      host: name,
      // RFC 6066: SNI names no addresses
      ...(isIP(name) === 0 ? { servername: name } : {}),
      ca: ca === undefined ? systemRoots() : [ca],
      minVersion: "TLSv1.2",
      // The handshake of a WebSocket is HTTP/1.1; with h2 on offer some proxies would take it
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
    });
  } catch (cause) {
    tcp.destroy();
    throw fail(cause as Error);
  }
  await untilEvent(socket, "secureConnect", signal, fail);
  if (!socket.authorized) {
    socket.destroy();
    throw fail(socket.authorizationError ?? new Error("the certificate was not verified"));
  }
  socket.setNoDelay(true);
  return socket;
}

let roots: string[] | undefined;

/** The runtime's bundled roots and the system's: a company's own CA is in the latter. */
function systemRoots(): string[] {
  return roots ??= [
    ...new Set([...getCACertificates("bundled"), ...getCACertificates("system")]),
  ];
}

/** Says what to do about a certificate that was not accepted. */
function tlsAdvice(error: Error, name: string): string {
  const text = error.message;
  if (/UnknownIssuer|unable to (?:get|verify)|self.signed/i.test(text)) {
    return `its certificate is not signed by a CA that this agent trusts (${text}). ` +
      "Give the parent's CA with --cluster-reg-parent-ca-file";
  }
  if (/NotValidForName|altnames|hostname/i.test(text)) {
    return `its certificate is not for "${name}" (${text})`;
  }
  return text;
}
