/**
 * What the hub may reach through this agent. The agent decides by itself and does not trust the
 * hub: by default its own kube-apiserver and nothing else, whatever the hub asks for.
 *
 * @module
 */
import { lookup as dnsLookup } from "node:dns/promises";
import { isIP } from "node:net";
import { DeadlineError, withDeadline } from "../../shared/backoff.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { formatTarget, type Target } from "../../shared/sockets_path.ts";
import { canonicalAddress, forbiddenAddress, isOddAddress } from "./addresses.ts";
import { ALLOW_TARGET_FLAG, type AllowEntry, parseAllowEntry } from "./allow_entry.ts";

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
  /**
   * Where the entries given to `setListed` come from, for messages: `ConfigMap <namespace>/<name>`.
   * @default {nowhere}
   */
  listName?: string;
  /** Resolves names. @default {getaddrinfo} */
  lookup?: Lookup;
  /** How long a name may take to resolve, in milliseconds. @default {5_000} */
  lookupMs?: number;
}

const MAX_ADDRESSES = 4;

/** Splits `host:port`, as `parseHost` let it through. */
function splitHost(text: string, scheme: "http" | "https"): { host: string; port: number } {
  const colon = text.startsWith("[") ? text.indexOf("]:") + 1 : text.indexOf(":");
  const host = (colon > 0 ? text.slice(0, colon) : text).replace(/^\[|\]$/g, "");
  const port = colon > 0 ? Number(text.slice(colon + 1)) : scheme === "http" ? 80 : 443;
  return { host, port };
}

/** Decides, for each request anew, whether a target may be reached and at which address. */
export class TargetPolicy {
  readonly #flags: readonly AllowEntry[];
  readonly #listName: string | undefined;
  readonly #child: { scheme: string; host: string; port: number };
  readonly #lookup: Lookup;
  readonly #lookupMs: number;
  readonly #listeners = new Set<() => void>();
  #entries: readonly AllowEntry[];

  /**
   * Reads the allow-list.
   *
   * @throws {RangeError} for an entry or URL that cannot be read
   */
  constructor(
    { childServer, allow = [], listName, lookup = systemLookup, lookupMs = 5_000 }:
      TargetPolicyOptions,
  ) {
    this.#entries = this.#flags = allow.map(parseAllowEntry);
    this.#listName = listName;
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

  /** The entries that were given at the start. */
  get flags(): readonly AllowEntry[] {
    return this.#flags;
  }

  /** Takes the list's entries in place of those that it had; the flags' stay. */
  setListed(entries: readonly AllowEntry[]): void {
    this.#entries = [...this.#flags, ...entries];
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * Adds a listener that is called after each change of the allow-list.
   *
   * @returns removes it
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Decides on one target. A name is resolved once, here; the caller must dial what this returns
   * and must not resolve again (CVE-2020-8562). Since the list may change while a name is resolved,
   * and later, {@linkcode TargetPolicy.stillAllows} is to be asked too.
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
    // Over http nothing tells nobody from the agent, and behind it may be `kubectl proxy`
    if (
      scheme === "https" && this.#child.scheme === "https" && port === this.#child.port &&
      canonicalAddress(name) === this.#child.host
    ) return { kind: "child" };
    if (isOddAddress(name)) {
      throw this.#denied(target, "an IP address must be written in full, in decimal");
    }
    const to = { kind: "dial", scheme, port, host: target.host, servername: name } as const;
    if (isIP(name) === 0 && !this.#lists(to)) throw this.#notListed(target);
    const addresses = isIP(name) === 0 ? await this.#resolve(name) : [name];
    this.#check(target, { ...to, addresses });
    return { ...to, addresses: addresses.slice(0, MAX_ADDRESSES) };
  }

  /**
   * Tells whether a decision would be made again by the list of this moment.
   *
   * @returns `false` when what stands by it is to be cut
   */
  stillAllows(decision: Decision): boolean {
    if (decision.kind !== "dial") return true;
    try {
      this.#check({ kind: decision.scheme, host: decision.host }, decision);
      return true;
    } catch {
      return false;
    }
  }

  /** The entries for this scheme and port. */
  #matching({ scheme, port }: Where): AllowEntry[] {
    return this.#entries.filter((entry) =>
      (entry.scheme === undefined || entry.scheme === scheme) &&
      (entry.port ?? (scheme === "http" ? 80 : 443)) === port
    );
  }

  /** Whether the host is in the list as it is asked for, whatever its addresses are. */
  #lists(where: Where): boolean {
    const name = where.servername;
    const family = isIP(name);
    if (family === 0) {
      return this.#matching(where).some(({ host }) => host.kind === "name" && host.name === name);
    }
    return this.#matching(where).some(({ host }) =>
      host.kind === "range" && host.family === family &&
      host.list.check(name, family === 4 ? "ipv4" : "ipv6")
    );
  }

  /** @throws {StatusError} 403 */
  #check(target: Target, dial: Decision & { kind: "dial" }): void {
    const entries = this.#matching(dial);
    const literal = isIP(dial.servername) !== 0;
    if (literal && isNamed(entries, dial.servername)) return;
    if (!literal && !this.#lists(dial)) throw this.#notListed(target);
    for (const address of dial.addresses) {
      const why = forbiddenAddress(address);
      if (why === undefined || isNamed(entries, address)) continue;
      throw this.#denied(
        target,
        literal ? `${address} is ${why}` : `it resolves to ${address}, ${why}`,
      );
    }
    if (literal && !this.#lists(dial)) throw this.#notListed(target);
  }

  #notListed(target: Target): StatusError {
    const url = formatTarget(target).replace("/", "://");
    return StatusError.of(
      403,
      `Cannot reach ${formatTarget(target)}: the agent of this cluster may reach its own ` +
        `kube-apiserver (proxy/direct) and what its allow-list names. To allow it, ${
          this.#listName === undefined ? "" : `list it in ${this.#listName}, or `
        }start the agent with ${ALLOW_TARGET_FLAG} ${url}`,
    );
  }

  #denied(target: Target, why: string): StatusError {
    const list = this.#listName === undefined ? "" : ` or ${this.#listName}`;
    return StatusError.of(
      403,
      `Cannot reach ${formatTarget(target)}: ${why}. The agent dials such an address only when ` +
        `${ALLOW_TARGET_FLAG}${list} names that very address`,
    );
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

/** Of a decision, what the entries are matched with. */
type Where = Pick<Decision & { kind: "dial" }, "scheme" | "port" | "servername">;

/** Whether that very address stands in the allow-list. */
function isNamed(entries: readonly AllowEntry[], address: string): boolean {
  const wanted = canonicalAddress(address);
  return entries.some(({ host }) => host.kind === "address" && host.address === wanted);
}

async function systemLookup(name: string): Promise<string[]> {
  const found = await dnsLookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}
