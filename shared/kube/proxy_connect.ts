/**
 * A TCP connection through an HTTP proxy (CONNECT, RFC 9110 section 9.3.6).
 *
 * @module
 */
import { connect, type Socket } from "node:net";
import { parseProxy } from "./exchange.ts";

/** Options of {@linkcode connectThroughProxy}. */
export interface ProxyConnectOptions {
  /** `http://[user:password@]host:port` */
  proxyUrl: string;
  /** Where to go; an IPv6 address without brackets. */
  host: string;
  port: number;
  /** Gives up and closes what is open. */
  signal: AbortSignal;
}

const MAX_HEAD_BYTES = 16 * 1024;
const decoder = new TextDecoder("latin1");

/**
 * Connects through a proxy.
 *
 * @returns the socket; the next byte is the target's
 * @throws {Error} says what the proxy answered, never its password; the signal's reason
 */
export async function connectThroughProxy(options: ProxyConnectOptions): Promise<Socket> {
  const { host, port, signal } = options;
  const { url, username, password } = parseProxy(options.proxyUrl);
  signal.throwIfAborted();
  const target = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`];
  if (username !== "") {
    const credentials = new TextEncoder().encode(`${username}:${password}`).toBase64();
    lines.push(`Proxy-Authorization: Basic ${credentials}`);
  }
  const socket = connect({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port) || 80,
    noDelay: true,
  });
  const onAbort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const head = await new Promise<string>((resolve, reject) => {
      let seen = new Uint8Array();
      socket.on("error", (cause) => {
        reject(
          signal.aborted
            ? signal.reason
            : new Error(`Cannot reach the proxy ${url.host}: ${cause.message}`, { cause }),
        );
      });
      socket.once("close", () => reject(new Error(`The proxy ${url.host} closed the connection`)));
      socket.once("connect", () => void socket.write(lines.join("\r\n") + "\r\n\r\n"));
      const onData = (chunk: Uint8Array): void => {
        const joined = new Uint8Array(seen.length + chunk.length);
        joined.set(seen);
        joined.set(chunk, seen.length);
        seen = joined;
        const text = decoder.decode(seen);
        const end = text.indexOf("\r\n\r\n");
        if (end === -1 && seen.length <= MAX_HEAD_BYTES) return;
        socket.off("data", onData);
        socket.pause();
        if (end === -1) return reject(new Error(`The proxy ${url.host} answered without an end`));
        // The target speaks second in TLS: what came early is not lost, but unlikely
        if (seen.length > end + 4) socket.unshift(joined.slice(end + 4));
        resolve(text.slice(0, end));
      };
      socket.on("data", onData);
    });
    const status = /^HTTP\/1\.[01] (\d{3})[^\r]*/.exec(head);
    if (status?.[1]?.startsWith("2")) return socket;
    throw new Error(`The proxy ${url.host} refused to connect to ${target}: ${status?.[0] ?? ""}`);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
