/**
 * Header hygiene on ordered lists of pairs: repeated lines stay separate and in order, since
 * `X-Stream-Protocol-Version` and `X-Remote-Group` mean something else once joined
 * (kubernetes/kubernetes#95733).
 *
 * @module
 */

/** Ordered header lines; names keep the case they came with. */
export type HeaderList = [name: string, value: string][];

/** RFC 9110 section 7.6.1, RFC 7230 section 6.1, RFC 7540 section 3.2.1, and the old `Proxy-Connection`. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "http2-settings",
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

/**
 * Name of a header as servers read it that fold names to variables (CGI, WSGI, PHP): whatever is
 * no letter or digit is the same as `-`, so `X_Remote_User` is `x-remote-user`.
 */
function folded(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9-]/g, "-");
}

/**
 * Tells whether a 101 switches to what was asked for (RFC 9110 section 7.8): a server that switches
 * to something else, or does not say to what, must not be spliced to the client.
 *
 * @param asked head of the request
 * @param answered head of the answer
 * @returns `true` when it names exactly one protocol, of those that were asked for
 */
export function switchesAsAsked(
  asked: readonly (readonly [string, string])[],
  answered: readonly (readonly [string, string])[],
): boolean {
  if (!isUpgrade(answered)) return false;
  const [protocol, ...more] = headerValues(answered, "upgrade");
  const wanted = headerValues(asked, "upgrade").flatMap((value) => value.split(","));
  return more.length === 0 &&
    wanted.some((one) => one.trim().toLowerCase() === protocol!.trim().toLowerCase());
}

/** Options of {@linkcode withoutHopByHop}. */
export interface HopByHopOptions {
  /** Keeps `Upgrade` and adds `Connection: Upgrade`, for a head that is passed on as an upgrade. */
  keepUpgrade?: boolean;
}

/** Say what a message is and who gets it: `Connection` cannot take them off. */
const END_TO_END: ReadonlySet<string> = new Set(["content-length", "host"]);
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Would end a line. */
const NOT_IN_VALUE = /[\0\r\n]/;

/**
 * Drops hop-by-hop headers: those that `Connection` lists, then the standard ones, also where they
 * are spelled with `_` for `-`; and what could not stand in a head. Do this first, and add identity
 * headers after it, or a client could list them in `Connection` and so remove them
 * (CVE-2021-31999).
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
    if (lower === "upgrade" && !NOT_IN_VALUE.test(value)) upgrade ??= value;
    if (HOP_BY_HOP.has(folded(name)) || (listed.has(lower) && !END_TO_END.has(lower))) continue;
    if (!TOKEN.test(name) || NOT_IN_VALUE.test(value)) continue;
    kept.push([name, value]);
  }
  if (options.keepUpgrade === true && upgrade !== undefined) {
    kept.push(["Connection", "Upgrade"], ["Upgrade", upgrade]);
  }
  return kept;
}

/**
 * By which proxies tell the servers behind them who calls: kube-apiserver's own, oauth2-proxy,
 * Authelia, Grafana's auth proxy, Envoy.
 */
const IDENTITY = new RegExp(
  "^(authorization|proxy-authorization|impersonate-.*|x-remote-.*|remote-(user|groups|name|email)" +
    "|x-forwarded-(user|groups|email|preferred-username|access-token|client-cert)" +
    "|x-auth-request-.*|x-webauth-.*)$",
);

/** Another verb or path than the request line's, or another proxy (CVE-2016-5385, CVE-2018-14773). */
const OVERRIDES: ReadonlySet<string> = new Set([
  "x-http-method-override",
  "x-http-method",
  "x-method-override",
  "x-original-url",
  "x-rewrite-url",
  "proxy",
]);

/**
 * `true` for a header that says who the caller is; none of them ever passes raw.
 *
 * @param name in any case, with any of `-`, `_` and `.` between its words
 */
export function isIdentityHeader(name: string): boolean {
  return IDENTITY.test(folded(name));
}

/**
 * `true` for a header by which some servers do something else than the request line says: the verb
 * and the path that were authorised must be those that arrive.
 *
 * @param name in any case, with any of `-`, `_` and `.` between its words
 */
export function isOverrideHeader(name: string): boolean {
  return OVERRIDES.has(folded(name));
}

/**
 * Drops every header that speaks of identity ({@linkcode isIdentityHeader}), and every one that
 * speaks of another verb or path ({@linkcode isOverrideHeader}).
 *
 * `Forwarded` and the `X-Forwarded-*` of addresses, hosts and paths pass as they are: the parent's
 * kube-apiserver writes them, the child's audit log shows them, and no right hangs on them.
 *
 * @returns a new list
 */
export function withoutIdentity(list: readonly (readonly [string, string])[]): HeaderList {
  const kept: HeaderList = [];
  for (const [name, value] of list) {
    if (!isIdentityHeader(name) && !isOverrideHeader(name)) kept.push([name, value]);
  }
  return kept;
}
