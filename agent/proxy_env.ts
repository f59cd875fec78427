/**
 * Which HTTP proxy the environment asks for, by the rules of Go's `net/http/httpproxy`, which
 * Kubernetes' own programs follow.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

/** The variables that count; the lower-case names as well. */
export interface ProxyEnvironment {
  HTTPS_PROXY?: string | undefined;
  https_proxy?: string | undefined;
  NO_PROXY?: string | undefined;
  no_proxy?: string | undefined;
}

/**
 * Finds the proxy for an https server.
 *
 * @param server URL of the server
 * @param env the environment
 * @returns what the variable holds; `undefined` when the server is to be reached directly
 *
 * @example
 * ```ts
 * import { proxyFromEnvironment } from "./proxy_env.ts";
 * const env = { HTTPS_PROXY: "http://proxy:3128", NO_PROXY: ".example.com,10.0.0.0/8" };
 * if (proxyFromEnvironment("https://parent.example.com:6443", env) !== undefined) throw new Error();
 * ```
 */
export function proxyFromEnvironment(server: string, env: ProxyEnvironment): string | undefined {
  const proxy = env.HTTPS_PROXY || env.https_proxy;
  if (!proxy) return undefined;
  const url = new URL(server);
  if (url.protocol !== "https:") return undefined;
  const host = url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
  const port = url.port || "443";
  if (isLoopback(host)) return undefined;
  const entries = (env.NO_PROXY || env.no_proxy || "").split(",");
  return entries.some((entry) => matches(entry.trim().toLowerCase(), host, port))
    ? undefined
    : proxy;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function matches(entry: string, host: string, port: string): boolean {
  if (entry === "") return false;
  if (entry === "*") return true;
  if (entry.includes("/")) return inRange(entry, host);
  if (isIP(entry) !== 0) return entry === host;
  const match = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(entry);
  const name = match?.[1] ?? entry;
  if (match?.[2] !== undefined && match[2] !== port) return false;
  if (isIP(name) !== 0) return name === host;
  const suffix = name.replace(/^\*/, "");
  if (suffix.startsWith(".")) return host.endsWith(suffix);
  return host === suffix || host.endsWith(`.${suffix}`);
}

function inRange(entry: string, host: string): boolean {
  const [address = "", length = ""] = entry.split("/");
  const family = isIP(address);
  if (family === 0 || isIP(host) !== family || !/^\d{1,3}$/.test(length)) return false;
  if (Number(length) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const type = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(address, Number(length), type);
  return list.check(host, type);
}
