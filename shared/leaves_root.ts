/**
 * Whether a path could lead above its root, read as the least careful server reads it.
 *
 * @module
 */

/**
 * How often a path is decoded on its way: by the child's kube-apiserver, by the server behind, and
 * by URL parsers that take `%2e` for a dot in what they are given.
 */
const DECODINGS = 3;
/** One percent-encoded ASCII character: plain, `%u002e`, and the overlong UTF-8 of old servers. */
const ENCODED = /%(?:u00|(?:e0%8|c)([01])%(?=[89ab]))?([0-9a-f]{2})/gi;
// deno-lint-ignore no-control-regex
const VANISHING = /[\x00-\x20\x7f]/g;

/**
 * Tells whether any server could take a path for something above its root. Servers differ, so
 * every reading counts, and the least deep one decides: `%2e` is a dot; `/`, `%2f`, a backslash
 * and `%5c` separate or do not; `..;x` is `..` (path parameters, as Java servers strip them), and
 * so is a `..` before an encoded NUL, `?` or `#`; control characters and spaces may vanish; all of
 * it also after further decodings (`%252e%252e%252f`). Empty segments count for nothing, as in
 * Go's `path.Clean`. Source: RFC 3986 section 5.2.4, the WHATWG URL standard, CVE-2021-41773,
 * CVE-2018-1271.
 *
 * @param path with or without its query, which is not looked at
 * @returns `true` when it must be refused
 *
 * @example
 * ```ts
 * import { leavesRoot } from "./leaves_root.ts";
 * if (leavesRoot("/a/../b") || !leavesRoot("/a/..%252f..;x=1/b")) throw new Error();
 * ```
 */
export function leavesRoot(path: string): boolean {
  const question = path.indexOf("?");
  let depth = 0;
  for (const segment of (question < 0 ? path : path.slice(0, question)).split("/")) {
    const { low, end } = readings(segment).map(wayOf).reduce(least);
    if (depth + low < 0) return true;
    depth += end;
  }
  return false;
}

/** Where a part of a path leads to, from where it begins: the highest point on it, and its end. */
interface Way {
  /** At most 0. */
  low: number;
  end: number;
}

/** A segment as it stands, and decoded again and again. */
function readings(segment: string): string[] {
  const all = [segment];
  for (const vanishing of [false, true]) {
    let reading = segment;
    for (let decoded = 0; decoded < DECODINGS && reading.includes("%"); decoded++) {
      // A character that vanishes can bring the two halves of an escape together
      if (vanishing) reading = reading.replace(VANISHING, "");
      all.push(reading = reading.replace(ENCODED, decodeAscii));
    }
  }
  return all;
}

function wayOf(reading: string): Way {
  return along(
    reading.split("/").map((part) => {
      const name = wayOfName(part);
      return part.includes("\\") ? least(name, along(part.split("\\").map(wayOfName))) : name;
    }),
  );
}

function wayOfName(name: string): Way {
  const end = step(name);
  return { low: Math.min(0, end), end };
}

function along(ways: readonly Way[]): Way {
  const all: Way = { low: 0, end: 0 };
  for (const { low, end } of ways) {
    all.low = Math.min(all.low, all.end + low);
    all.end += end;
  }
  return all;
}

function least(a: Way, b: Way): Way {
  return { low: Math.min(a.low, b.low), end: Math.min(a.end, b.end) };
}

/** How much deeper a name leads, read in the least favourable way: -1, 0 or 1. */
function step(segment: string): number {
  const name = segment.replace(/[;?#][^]*/, "");
  // A NUL ends the name, or vanishes as other control characters do
  const ended = name.replace(/\0[^]*/, "").replace(VANISHING, "");
  return Math.min(stepOf(ended), stepOf(name.replace(VANISHING, "")));
}

function stepOf(name: string): number {
  return name === ".." ? -1 : name === "" || name === "." ? 0 : 1;
}

function decodeAscii(whole: string, high: string | undefined, hex: string): string {
  const byte = parseInt(hex, 16);
  if (high === undefined) return byte < 0x80 ? String.fromCharCode(byte) : whole;
  // A continuation byte carries six bits
  const char = String.fromCharCode(Number(high) << 6 | byte & 0x3f);
  return char === "/" ? "\\" : char; // Separates for some only, as a backslash does
}
