/**
 * Header hygiene on ordered lists of pairs: repeated lines stay separate and in order, since
 * `X-Stream-Protocol-Version` and `X-Remote-Group` mean something else once joined
 * (kubernetes/kubernetes#95733).
 *
 * @module
 */

/** Ordered header lines; names keep the case they came with. */
export type HeaderList = [name: string, value: string][];

/** RFC 9110 section 7.6.1 and RFC 7230 section 6.1, plus the old `Proxy-Connection`. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Turns node's flat `rawHeaders` into pairs.
 *
 * @param raw `[name, value, name, value, ...]`
 * @returns the pairs, in order
 */
export function fromRaw(raw: readonly string[]): HeaderList {
  const list: HeaderList = [];
  for (let i = 0; i + 1 < raw.length; i += 2) list.push([raw[i]!, raw[i + 1]!]);
  return list;
}

/**
 * Turns pairs into the flat list that node's `writeHead` and `request` take.
 *
 * @returns `[name, value, name, value, ...]`
 */
export function toRaw(list: readonly (readonly [string, string])[]): string[] {
  const raw: string[] = [];
  for (const [name, value] of list) raw.push(name, value);
  return raw;
}

/**
 * The first value of a header.
 *
 * @param name case-insensitive
 * @returns the value, or `undefined` when absent
 */
export function header(
  list: readonly (readonly [string, string])[],
  name: string,
): string | undefined {
  const wanted = name.toLowerCase();
  for (const [key, value] of list) if (key.toLowerCase() === wanted) return value;
  return undefined;
}

/**
 * All values of a header, one for each line, never split at commas.
 *
 * @param name case-insensitive
 * @returns the values in order
 */
export function headerValues(
  list: readonly (readonly [string, string])[],
  name: string,
): string[] {
  const wanted = name.toLowerCase();
  const values: string[] = [];
  for (const [key, value] of list) if (key.toLowerCase() === wanted) values.push(value);
  return values;
}

/** The lower-cased tokens of every `Connection` line. */
function connectionTokens(list: readonly (readonly [string, string])[]): Set<string> {
  const tokens = new Set<string>();
  for (const value of headerValues(list, "connection")) {
    for (const token of value.split(",")) {
      const name = token.trim().toLowerCase();
      if (name !== "") tokens.add(name);
    }
  }
  return tokens;
}

/**
 * Tells whether the head asks for an upgrade: `Connection: upgrade` and an `Upgrade` header.
 *
 * @returns `true` when it does
 */
export function isUpgrade(list: readonly (readonly [string, string])[]): boolean {
  return header(list, "upgrade") !== undefined && connectionTokens(list).has("upgrade");
}

/** Options of {@linkcode withoutHopByHop}. */
export interface HopByHopOptions {
  /** Keeps `Upgrade` and adds `Connection: Upgrade`, for a head that is passed on as an upgrade. */
  keepUpgrade?: boolean;
}

/**
 * Drops hop-by-hop headers: those that `Connection` lists, then the standard ones. Do this first,
 * and add identity headers after it, or a client could list them in `Connection` and so remove
 * them (CVE-2021-31999).
 *
 * @returns a new list
 */
export function withoutHopByHop(
  list: readonly (readonly [string, string])[],
  options: HopByHopOptions = {},
): HeaderList {
  const listed = connectionTokens(list);
  const kept: HeaderList = [];
  let upgrade: string | undefined;
  for (const [name, value] of list) {
    const lower = name.toLowerCase();
    if (lower === "upgrade") upgrade ??= value;
    if (HOP_BY_HOP.has(lower) || listed.has(lower)) continue;
    kept.push([name, value]);
  }
  if (options.keepUpgrade === true && upgrade !== undefined) {
    kept.push(["Connection", "Upgrade"], ["Upgrade", upgrade]);
  }
  return kept;
}

/** `true` for a header that says who the caller is; none of them ever passes raw. */
export function isIdentityHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === "authorization" || lower.startsWith("impersonate-") ||
    lower.startsWith("x-remote-");
}

/**
 * Drops every header that speaks of identity: `Authorization`, `Impersonate-*`, `X-Remote-*`.
 *
 * @returns a new list
 */
export function withoutIdentity(list: readonly (readonly [string, string])[]): HeaderList {
  const kept: HeaderList = [];
  for (const [name, value] of list) if (!isIdentityHeader(name)) kept.push([name, value]);
  return kept;
}
