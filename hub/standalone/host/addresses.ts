/**
 * The names by which a standalone hub is reached.
 *
 * @module
 */

/** A network interface, as `Deno.networkInterfaces` gives it. */
export interface InterfaceAddress {
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
}

/** What the machine and the flags say. */
export interface AddressOptions {
  /** `--bind-address`. */
  bindAddress: string;
  /** `--advertise-url`. */
  advertiseUrl?: string | undefined;
  /** Name of the machine. */
  hostname: string;
  /** Addresses of the machine. */
  interfaces: readonly InterfaceAddress[];
}

const ANY = new Set(["0.0.0.0", "::"]);

function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

function isLinkLocal(address: string): boolean {
  return address.startsWith("169.254.") || address.toLowerCase().startsWith("fe80:");
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

function reachable({ bindAddress, interfaces }: AddressOptions): string[] {
  if (!ANY.has(bindAddress)) return [bindAddress];
  return interfaces.filter(({ address }) => !isLinkLocal(address) && !isLoopback(address))
    .toSorted((a, b) => a.family.localeCompare(b.family)) // IPv4 first
    .map(({ address }) => address);
}

/**
 * The names that the serving certificate is for.
 *
 * @returns DNS names and addresses, without duplicates
 */
export function hostNames(options: AddressOptions): string[] {
  const { advertiseUrl, hostname } = options;
  const advertised = advertiseUrl === undefined
    ? []
    : [new URL(advertiseUrl).hostname.replace(/^\[(.*)\]$/, "$1")];
  const names = ["localhost", "127.0.0.1", "::1", hostname, ...reachable(options), ...advertised];
  return [...new Set(names.filter((name) => name !== ""))];
}

/**
 * The URL that agents and users on other machines are given.
 *
 * @param port where it listens
 * @returns `--advertise-url`, or the first address of the machine that is not loopback
 */
export function advertisedUrl(options: AddressOptions, port: number): string {
  if (options.advertiseUrl !== undefined) return options.advertiseUrl.replace(/\/+$/, "");
  return `https://${bracketed(reachable(options)[0] ?? "127.0.0.1")}:${port}`;
}

/**
 * The URL for programs on this machine.
 *
 * @param port where it listens
 * @returns over loopback, unless the hub listens elsewhere
 */
export function localUrl({ bindAddress }: AddressOptions, port: number): string {
  const host = ANY.has(bindAddress) ? "127.0.0.1" : bindAddress;
  return `https://${bracketed(host)}:${port}`;
}
