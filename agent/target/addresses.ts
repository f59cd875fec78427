/**
 * Which IP addresses the agent never dials on someone else's word, and the parsing that keeps odd
 * spellings of them out.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

const HIDES_IPV4 = "an IPv6 form that hides an IPv4 address";

/**
 * Forbidden unless named one by one in the allow-list. Private ranges (RFC 1918, `fc00::/7`) are
 * not here: an allow-listed service of the child lives there.
 */
const FORBIDDEN: readonly (readonly [what: string, ranges: readonly string[]])[] = [
  ["an unspecified address", ["0.0.0.0/8", "::/128"]],
  ["a loopback address", ["127.0.0.0/8", "::1/128"]],
  ["a link-local address, where clouds serve credentials", ["169.254.0.0/16", "fe80::/10"]],
  // Alibaba, Azure's wire server, Oracle, then over IPv6 AWS, Google, Oracle, Scaleway
  ["a cloud metadata address", [
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
    "fd00:ec2::/32",
    "fd20:ce::254/128",
    "fd00:c1::a9fe:a9fe/128",
    "fd00:42::42/128",
  ]],
  ["a multicast, reserved or broadcast address", ["224.0.0.0/4", "240.0.0.0/4", "ff00::/8"]],
  // Deprecated site-local, and forms that carry an IPv4 address within: mapped, compatible,
  // translated (RFC 2765), NAT64 (RFC 6052, RFC 8215), 6to4, Teredo
  [HIDES_IPV4, [
    "::ffff:0:0/96",
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "2002::/16",
    "2001::/32",
    "fec0::/10",
  ]],
];

const LISTS: readonly (readonly [string, ReturnType<typeof blockList>])[] = FORBIDDEN.map((
  [what, ranges],
) => [what, blockList(ranges)]);

function blockList(ranges: readonly string[]): { v4: BlockList; v6: BlockList } {
  // Two lists: node's BlockList also matches an IPv4-mapped address against IPv4 rules
  const lists = { v4: new BlockList(), v6: new BlockList() };
  for (const range of ranges) {
    const [net, length] = range.split("/") as [string, string];
    if (isIP(net) === 4) lists.v4.addSubnet(net, Number(length), "ipv4");
    else lists.v6.addSubnet(net, Number(length), "ipv6");
  }
  return lists;
}

/**
 * Says why an address is not to be dialled.
 *
 * @param address a canonical or not canonical IPv4 or IPv6 literal, without brackets
 * @returns the reason as a noun phrase, or `undefined` when the address is fine
 */
export function forbiddenAddress(address: string): string | undefined {
  const family = isIP(address);
  if (family === 0 || address.includes("%")) return "not a plain IP address";
  for (const [what, lists] of LISTS) {
    if (family === 4 ? lists.v4.check(address) : lists.v6.check(address, "ipv6")) return what;
  }
  return family === 6 && ISATAP.test(canonicalAddress(address)) ? HIDES_IPV4 : undefined;
}

/** Within any prefix, an interface identifier that holds an IPv4 address (RFC 5214 section 6.1). */
const ISATAP = /^(?:[0-9a-f]+:){4}(?:0|200):5efe:/;

/**
 * One spelling for each address, so that two spellings of one address compare equal.
 *
 * @param address an IPv4 or IPv6 literal, without brackets
 * @returns IPv4 as it is (node accepts canonical dotted decimal only), IPv6 as eight groups in
 * lower case without leading zeros
 */
export function canonicalAddress(address: string): string {
  // A zone is part of the address: "::1%eth0" is not "::1"
  if (isIP(address) !== 6 || address.includes("%")) return address;
  const [head = "", tail] = address.toLowerCase().split("::") as [string, string?];
  const left = groups(head);
  if (tail === undefined) return left.join(":");
  const right = groups(tail);
  const zeros = new Array<string>(8 - left.length - right.length).fill("0");
  return [...left, ...zeros, ...right].join(":");
}

/** The 16-bit groups of a part of an IPv6 address; a dotted IPv4 tail becomes two. */
function groups(part: string): string[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16).toString(16)];
    const [a, b, c, d] = group.split(".").map(Number) as [number, number, number, number];
    return [((a << 8) | b).toString(16), ((c << 8) | d).toString(16)];
  });
}

/**
 * Tells whether a host that is no IP literal would still be read as one by `getaddrinfo`:
 * `2130706433`, `0x7f.1`, `0177.0.0.1`, `127.1` (the "ends in a number" rule of the WHATWG URL
 * standard).
 *
 * @param host lower case, without brackets and port
 * @returns `true` when the host must be refused
 */
export function isOddAddress(host: string): boolean {
  if (isIP(host) !== 0) return false;
  const last = host.replace(/\.$/, "").split(".").at(-1)!;
  return /^([0-9]+|0x[0-9a-f]*)$/.test(last);
}
