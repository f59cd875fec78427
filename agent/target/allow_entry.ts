/**
 * One entry of the agent's allow-list, as a flag or the ConfigMap says it.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";
import { parseHost } from "../../shared/sockets_path.ts";
import { canonicalAddress, isOddAddress } from "./addresses.ts";

/** The flag that adds to the allow-list; error messages name it. */
export const ALLOW_TARGET_FLAG = "--allow-target";

/** One entry of the allow-list. */
export interface AllowEntry {
  /** Both when left out. */
  scheme?: "http" | "https";
  /** 1 to 65535; the scheme's own port (80, 443) when left out. */
  port?: number;
  /** What the host of the target must be. */
  host:
    | { kind: "name"; name: string }
    /** Canonical, see {@linkcode canonicalAddress}. */
    | { kind: "address"; address: string }
    /** `network` is canonical. */
    | { kind: "range"; family: 4 | 6; network: string; length: number; list: BlockList };
}

/**
 * Makes an entry of its parts.
 *
 * @param host a name (matched exactly), an IP address, or a CIDR range; IPv6 with or without
 * brackets. There are no wildcards: what they would let in cannot be seen from the entry
 * @param scheme both when left out
 * @param port 1 to 65535; the scheme's own when left out
 * @returns the entry
 * @throws {RangeError} with what is wrong, as the rest of a sentence
 */
export function allowEntry(
  host: string,
  scheme?: "http" | "https",
  port?: number,
): AllowEntry {
  if (port !== undefined && port > 65_535) throw new RangeError("the port is above 65535");
  return {
    ...(scheme === undefined ? {} : { scheme }),
    ...(port === undefined ? {} : { port }),
    host: allowHost(host.toLowerCase()),
  };
}

function allowHost(text: string): AllowEntry["host"] {
  const bare = /^\[.*\]$/.test(text) ? text.slice(1, -1) : text;
  const [address, length, more] = bare.split("/") as [string, string?, string?];
  const family = isIP(address) as 0 | 4 | 6;
  if (length !== undefined) {
    if (family === 0 || more !== undefined || address.includes("%")) {
      throw new RangeError("a slash is only for a CIDR range");
    }
    if (!/^[0-9]{1,3}$/.test(length) || Number(length) > (family === 4 ? 32 : 128)) {
      throw new RangeError("the CIDR length is out of range");
    }
    const list = new BlockList();
    list.addSubnet(address, Number(length), family === 4 ? "ipv4" : "ipv6");
    return {
      kind: "range",
      family,
      network: canonicalAddress(address),
      length: Number(length),
      list,
    };
  }
  if (family !== 0 && !address.includes("%")) {
    return { kind: "address", address: canonicalAddress(address) };
  }
  if (isOddAddress(bare)) throw new RangeError("an IP address must be written in full, in decimal");
  if (bare.includes("*")) throw new RangeError("there are no wildcards");
  try {
    if (text !== bare || bare.includes(":")) throw new RangeError("no name");
    parseHost(bare);
  } catch {
    throw new RangeError("the host is no name and no address");
  }
  return { kind: "name", name: bare.replace(/\.$/, "") };
}

/**
 * Reads an entry in one string, `[scheme://]host[:port]`; IPv6 stands in brackets, of a range too:
 * `[fd00::/64]:9100`.
 *
 * @returns the entry
 * @throws {RangeError} with what is wrong, as the rest of a sentence
 */
export function readAllowEntry(text: string): AllowEntry {
  const match = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:[\]]+)(?::([1-9][0-9]{0,4}))?$/.exec(
    text.toLowerCase(),
  );
  if (match === null) throw new RangeError("it does not have that form");
  const [, scheme, host, port] = match as unknown as [
    string,
    ("http" | "https")?,
    string?,
    string?,
  ];
  return allowEntry(host!, scheme, port === undefined ? undefined : Number(port));
}

/**
 * Reads the value of one `--allow-target`.
 *
 * @returns the entry
 * @throws {RangeError} with what is wrong and an example; a typo must never widen the list
 *
 * @example
 * ```ts
 * import { parseAllowEntry } from "./allow_entry.ts";
 * if (parseAllowEntry("http://10.0.0.5:8080").port !== 8080) throw new Error();
 * ```
 */
export function parseAllowEntry(text: string): AllowEntry {
  try {
    return readAllowEntry(text);
  } catch (error) {
    throw new RangeError(
      `Cannot read ${ALLOW_TARGET_FLAG} ${JSON.stringify(text.slice(0, 120))}: ` +
        `${(error as Error).message}. Want [scheme://]host[:port], as in http://10.0.0.5:8080, ` +
        "https://grafana.monitoring.svc or 10.1.0.0/16:9100",
    );
  }
}

/**
 * Writes an entry; two that let the same in are written the same.
 *
 * @returns `[scheme://]host[:port]`
 */
export function formatAllowEntry({ scheme, host, port }: AllowEntry): string {
  let text: string;
  if (host.kind === "name") text = host.name;
  else {
    text = host.kind === "address" ? host.address : `${host.network}/${host.length}`;
    if (text.includes(":")) text = `[${text}]`;
  }
  return `${scheme === undefined ? "" : `${scheme}://`}${text}${
    port === undefined ? "" : `:${port}`
  }`;
}
