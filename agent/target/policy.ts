/**
 * What the hub may reach through this agent. The agent decides by itself and does not trust the
 * hub: by default its own kube-apiserver and nothing else, whatever the hub asks for.
 *
 * @module
 */
import { lookup as dnsLookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";
import { DeadlineError, withDeadline } from "../../shared/backoff.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { formatTarget, parseHost, type Target } from "../../shared/sockets_path.ts";
import { canonicalAddress, forbiddenAddress, isOddAddress } from "./addresses.ts";

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
    | { kind: "range"; family: 4 | 6; list: BlockList };
}

/** Where a request goes. */
export type Decision =
  /** The child's own kube-apiserver, with the caller's identity. */
  | { kind: "direct" }
  /** The same server asked for by its address: no identity, no token of the agent. */
  | { kind: "child" }
  /** Another server of the child: exactly these addresses are to be dialled. */
  | {
    kind: "dial";
    scheme: "http" | "https";
    /** Checked IP literals, at least one, in the resolver's order. */
    addresses: string[];
    port: number;
    /** For the `Host` header: as the caller wrote it. */
    host: string;
    /** The name to verify the server's certificate against; an address when it was asked so. */
    servername: string;
  };

/** Resolves a name to all its addresses. */
export type Lookup = (name: string) => Promise<string[]>;

/** Options of {@linkcode TargetPolicy}. */
export interface TargetPolicyOptions {
  /** URL of the child's own kube-apiserver. */
  childServer: string;
  /** Entries as given to `--allow-target`. @default {[]} */
  allow?: readonly string[];
  /** Resolves names. @default {getaddrinfo} */
  lookup?: Lookup;
  /** How long a name may take to resolve, in milliseconds. @default {5_000} */
  lookupMs?: number;
}

const MAX_ADDRESSES = 4;

/**
 * Reads one allow-list entry: `[scheme://]host[:port]`, where host is a name (matched exactly), an
 * IP address, or a CIDR range (`10.1.0.0/16`, `[fd00::/64]`). There are no wildcards: what they
 * would let in cannot be seen from the entry.
 *
 * @returns the entry
 * @throws {RangeError} with what is wrong and an example; a typo must never widen the list
 *
 * @example
 * ```ts
 * import { parseAllowEntry } from "./policy.ts";
 * if (parseAllowEntry("http://10.0.0.5:8080").port !== 8080) throw new Error();
 * ```
 */
export function parseAllowEntry(text: string): AllowEntry {
  const fail = (why: string): never => {
    throw new RangeError(
      `Cannot read ${ALLOW_TARGET_FLAG} ${JSON.stringify(text.slice(0, 120))}: ${why}. ` +
        "Want [scheme://]host[:port], as in http://10.0.0.5:8080, https://grafana.monitoring.svc " +
        "or 10.1.0.0/16:9100",
    );
  };
  const match = /^(?:(https?):\/\/)?(\[[^\]]*\]|[^:[\]]+)(?::([1-9][0-9]{0,4}))?$/.exec(
    text.toLowerCase(),
  );
  if (match === null) return fail("it does not have that form");
  const [, scheme, rawHost, rawPort] = match as unknown as [string, string?, string?, string?];
  const port = rawPort === undefined ? undefined : Number(rawPort);
  if (port !== undefined && port > 65_535) return fail("the port is above 65535");
  const entry = {
    ...(scheme === undefined ? {} : { scheme: scheme as "http" | "https" }),
    ...(port === undefined ? {} : { port }),
  };
  const bare = rawHost!.replace(/^\[|\]$/g, "");
  const [address, length, more] = bare.split("/") as [string, string?, string?];
  const family = isIP(address) as 0 | 4 | 6;
  if (length !== undefined) {
    if (family === 0 || more !== undefined || address.includes("%")) {
      return fail("a slash is only for a CIDR range");
    }
    if (!/^[0-9]{1,3}$/.test(length) || Number(length) > (family === 4 ? 32 : 128)) {
      return fail("the CIDR length is out of range");
    }
    const list = new BlockList();
    list.addSubnet(address, Number(length), family === 4 ? "ipv4" : "ipv6");
    return { ...entry, host: { kind: "range", family, list } };
  }
  if (family !== 0 && !address.includes("%")) {
    return { ...entry, host: { kind: "address", address: canonicalAddress(address) } };
  }
  if (isOddAddress(bare)) return fail("an IP address must be written in full, in decimal");
  if (bare.includes("*")) return fail("there are no wildcards");
  try {
    parseHost(bare);
  } catch {
    return fail("the host is no name and no address");
  }
  return { ...entry, host: { kind: "name", name: bare.replace(/\.$/, "") } };
}

/** Splits `host:port`, as `parseHost` let it through. */
function splitHost(text: string, scheme: "http" | "https"): { host: string; port: number } {
  const colon = text.startsWith("[") ? text.indexOf("]:") + 1 : text.indexOf(":");
  const host = (colon > 0 ? text.slice(0, colon) : text).replace(/^\[|\]$/g, "");
  const port = colon > 0 ? Number(text.slice(colon + 1)) : scheme === "http" ? 80 : 443;
  return { host, port };
}

/** Decides, for each request anew, whether a target may be reached and at which address. */
export class TargetPolicy {
  readonly #entries: readonly AllowEntry[];
  readonly #child: { scheme: string; host: string; port: number };
  readonly #lookup: Lookup;
  readonly #lookupMs: number;

  /**
   * Reads the allow-list.
   *
   * @throws {RangeError} for an entry or URL that cannot be read
   */
  constructor(
    { childServer, allow = [], lookup = systemLookup, lookupMs = 5_000 }: TargetPolicyOptions,
  ) {
    this.#entries = allow.map(parseAllowEntry);
    const url = URL.parse(childServer);
    const scheme = url?.protocol.slice(0, -1);
    if (url === null || (scheme !== "http" && scheme !== "https")) {
      throw new RangeError(`Cannot read the kube-apiserver's URL ${JSON.stringify(childServer)}`);
    }
    const { host, port } = splitHost(url.host, scheme);
    this.#child = { scheme, host: canonicalAddress(host), port };
    this.#lookup = lookup;
    this.#lookupMs = lookupMs;
  }

  /**
   * Decides on one target. A name is resolved once, here; the caller must dial what this returns
   * and must not resolve again (CVE-2020-8562).
   *
   * @param target as the hub asks for it
   * @returns where to go
   * @throws {StatusError} 403 when it is not allowed, naming the flag; 502 when the name does not
   * resolve
   */
  async decide(target: Target): Promise<Decision> {
    if (target.kind === "direct") return { kind: "direct" };
    const scheme = target.kind;
    const { host: written, port } = splitHost(target.host, scheme);
    const name = written.replace(/\.$/, "");
    if (
      scheme === this.#child.scheme && port === this.#child.port &&
      canonicalAddress(name) === this.#child.host
    ) return { kind: "child" };
    if (isOddAddress(name)) {
      throw denied(target, "an IP address must be written in full, in decimal");
    }
    const entries = this.#entries.filter((entry) =>
      (entry.scheme === undefined || entry.scheme === scheme) &&
      (entry.port ?? (scheme === "http" ? 80 : 443)) === port
    );
    const to = { kind: "dial", scheme, port, host: target.host, servername: name } as const;
    if (isIP(name) !== 0) {
      this.#checkAddress(entries, target, name);
      return { ...to, addresses: [name] };
    }
    const listed = entries.some(({ host }) => host.kind === "name" && host.name === name);
    if (!listed) throw notListed(target);
    const addresses = await this.#resolve(name);
    for (const address of addresses) {
      const why = forbiddenAddress(address);
      if (why !== undefined && !isNamed(entries, address)) {
        throw denied(target, `it resolves to ${address}, ${why}`);
      }
    }
    return { ...to, addresses: addresses.slice(0, MAX_ADDRESSES) };
  }

  #checkAddress(entries: readonly AllowEntry[], target: Target, address: string): void {
    if (isNamed(entries, address)) return;
    const why = forbiddenAddress(address);
    if (why !== undefined) throw denied(target, `${address} is ${why}`);
    const family = isIP(address);
    const inRange = entries.some(({ host }) =>
      host.kind === "range" && host.family === family &&
      host.list.check(address, family === 4 ? "ipv4" : "ipv6")
    );
    if (!inRange) throw notListed(target);
  }

  async #resolve(name: string): Promise<string[]> {
    try {
      const addresses = await withDeadline(
        this.#lookupMs,
        `resolve ${name}`,
        () => this.#lookup(name),
      );
      if (addresses.length > 0) return addresses;
      throw new Error("the name has no address");
    } catch (cause) {
      const why = cause instanceof DeadlineError || !(cause instanceof Error)
        ? `no answer within ${this.#lookupMs / 1000} s`
        : (cause as { code?: string }).code ?? cause.message;
      throw StatusError.of(
        502,
        `Cannot resolve ${name} in the child cluster (${why}): check the name, and the DNS that ` +
          "the agent's pod uses",
      );
    }
  }
}

/** Whether that very address stands in the allow-list. */
function isNamed(entries: readonly AllowEntry[], address: string): boolean {
  const wanted = canonicalAddress(address);
  return entries.some(({ host }) => host.kind === "address" && host.address === wanted);
}

function notListed(target: Target): StatusError {
  const url = formatTarget(target).replace("/", "://");
  return StatusError.of(
    403,
    `Cannot reach ${formatTarget(target)}: the agent of this cluster may reach its own ` +
      `kube-apiserver (proxy/direct) and what its allow-list names. To allow it, start the agent ` +
      `with ${ALLOW_TARGET_FLAG} ${url}`,
  );
}

function denied(target: Target, why: string): StatusError {
  return StatusError.of(
    403,
    `Cannot reach ${formatTarget(target)}: ${why}. The agent dials such an address only when ` +
      `${ALLOW_TARGET_FLAG} names that very address`,
  );
}

async function systemLookup(name: string): Promise<string[]> {
  const found = await dnsLookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
