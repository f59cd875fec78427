/**
 * Opens the network connection to the hub or the parent: TCP, an HTTP proxy where one is asked
 * for, and TLS with a verified certificate.
 *
 * The runtime's own sockets are used, not `node:tls`: they read into a buffer that is used again,
 * where `node:tls` leaves two new ones behind for each read. That made 436 MB of memory and half
 * the throughput out of 72 MB, measured with 512 MiB down one tunnel on Deno 2.9.6.
 *
 * @module
 */
import { getCACertificates } from "node:tls";
import { DialError } from "./dial_error.ts";
import { HeadReader, statusOf } from "./http_head.ts";

/** Options of {@linkcode connectServer}. */
export interface ConnectOptions {
  /** `https:` or `http:`; path and query are not looked at. */
  url: URL;
  /**
   * PEM of the CAs to trust; no others only if `trustGivenCasOnly` of `trust.ts` was called when
   * the process started. @default {the runtime's and the system's roots}
   */
  ca?: string;
  /** Name to verify the certificate against, when it is not the URL's host. */
  tlsServerName?: string;
  /** `http://[user:password@]host:port` of a proxy that knows CONNECT. */
  proxyUrl?: string;
  /** Gives up, and closes what is open. */
  signal: AbortSignal;
}

/** How long a next address of a name waits for the one before, in milliseconds: RFC 8305. */
const NEXT_ADDRESS_MS = 250;

/**
 * Opens a connection with `TCP_NODELAY` set.
 *
 * @returns the connection; after TLS, its handshake is complete
 * @throws {DialError} of stage `connect`, `proxy`, `tls` or `config`; the signal's reason
 */
export async function connectServer(options: ConnectOptions): Promise<Deno.Conn> {
  const { url, proxyUrl, signal } = options;
  signal.throwIfAborted();
  const tcp = proxyUrl === undefined
    ? await dialTcp(url, url.origin, signal)
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

async function dialTcp(url: URL, name: string, signal: AbortSignal): Promise<Deno.TcpConn> {
  try {
    const conn = await Deno.connect({
      hostname: hostOf(url),
      port: portOf(url),
      signal,
      autoSelectFamilyAttemptDelay: NEXT_ADDRESS_MS,
    });
    conn.setNoDelay(true);
    return conn;
  } catch (cause) {
    signal.throwIfAborted();
    throw new DialError("connect", `Cannot reach ${name}: ${reasonOf(cause)}`, { cause });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Waits for work on a connection; the signal closes the connection and so ends the work.
 *
 * @returns what the work returned
 * @throws the signal's reason when it came first; the connection is closed then
 */
export async function abortable<T>(
  work: Promise<T>,
  conn: { close(): void },
  signal: AbortSignal,
): Promise<T> {
  const onAbort = (): void => close(conn);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const result = await work;
    signal.throwIfAborted();
    return result;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Closes a connection; nothing happens when it is closed already. */
export function close(conn: { close(): void }): void {
  try {
    conn.close();
  } catch {
    // Deno throws BadResource at the second close
  }
}

/** Writes all of it. */
export async function writeAll(conn: Deno.Conn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
}

async function dialThroughProxy(
  url: URL,
  proxyUrl: string,
  signal: AbortSignal,
): Promise<Deno.TcpConn> {
  const proxy = parseProxyUrl(proxyUrl);
  const target = `${url.hostname}:${portOf(url)}`;
  const user = decodeURIComponent(proxy.username);
  const password = decodeURIComponent(proxy.password);
  const credentials = new TextEncoder().encode(`${user}:${password}`).toBase64();
  const secrets = [credentials, password, proxy.password];
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (user !== "" || password !== "") lines.push(`Proxy-Authorization: Basic ${credentials}`);
  const conn = await dialTcp(proxy, `proxy ${proxy.origin}`, signal);
  try {
    const reader = new HeadReader(conn);
    const head = await abortable(
      writeAll(conn, lines.join("\r\n") + "\r\n\r\n").then(() => reader.head()),
      conn,
      signal,
    );
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
    // In TLS and in HTTP it is the client who speaks first
    if (reader.rest.length > 0) {
      throw new DialError("proxy", `The proxy ${proxy.origin} sent bytes of its own after CONNECT`);
    }
    return conn;
  } catch (cause) {
    close(conn);
    signal.throwIfAborted();
    if (cause instanceof DialError) throw cause;
    throw new DialError(
      "proxy",
      `The proxy ${proxy.origin} did not answer CONNECT: ${reasonOf(cause)}`,
      { secrets, cause },
    );
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

async function startTls(tcp: Deno.TcpConn, options: ConnectOptions): Promise<Deno.TlsConn> {
  const { url, ca, tlsServerName, signal } = options;
  const name = tlsServerName ?? hostOf(url);
  const fail = (cause: unknown): DialError =>
    new DialError("tls", `Cannot trust ${url.origin}: ${tlsAdvice(reasonOf(cause), name)}`, {
      cause,
    });
  let conn: Deno.TlsConn;
  try {
    // TLS 1.2 is the lowest that the runtime speaks
    conn = await Deno.startTls(tcp, {
      hostname: name,
      caCerts: ca === undefined ? getCACertificates("system") : [ca],
      // The handshake of a WebSocket is HTTP/1.1; with h2 on offer some proxies would take it
      alpnProtocols: ["http/1.1"],
    });
  } catch (cause) {
    close(tcp);
    throw fail(cause);
  }
  try {
    await abortable(conn.handshake(), conn, signal);
    return conn;
  } catch (cause) {
    close(conn);
    signal.throwIfAborted();
    throw fail(cause);
  }
}

/** Says what to do about a certificate that was not accepted. */
function tlsAdvice(text: string, name: string): string {
  if (/UnknownIssuer|BadSignature|CaUsedAsEndEntity/.test(text)) {
    return `its certificate is not signed by a CA that this agent trusts (${text}). ` +
      "Give the parent's CA with --cluster-reg-parent-ca-file";
  }
  if (/NotValidForName|not valid for name/i.test(text)) {
    return `its certificate is not for "${name}" (${text})`;
  }
  return text;
}
