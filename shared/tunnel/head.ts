/**
 * Request and response heads as header blocks: NUL-separated UTF-8 text, pseudo-headers first
 * (as HTTP/2, RFC 9113 section 8.3), then the caller's header pairs in their order.
 *
 * A block is `name NUL value NUL name NUL value NUL ...`. NUL can occur in no HTTP header, so
 * nothing is escaped, and both ends build and split a block with one string operation. PROTOCOL.md,
 * section 5, has the grammar.
 *
 * @module
 */
import { MAX_HEAD_BYTES } from "./constants.ts";
import { HeadError } from "./errors.ts";

/** Header lines in their order; a name may occur more than once. Never a map. */
export type HeaderPairs = [name: string, value: string][];

/** Who sent the request, as the hub verified it. */
export interface CallerIdentity {
  /** User name; never empty. */
  user: string;
  /** UID, where the authenticator gave one. */
  uid?: string;
  /** Groups in their order. */
  groups: string[];
  /** Extra values; a key occurs once for each of its values. */
  extra: [key: string, value: string][];
}

/** What an OPEN frame carries. */
export interface RequestHead {
  /** HTTP method. */
  method: string;
  /**
   * `direct` (the child's kube-apiserver), `http/host:port`, `https/host:port`, or `agent` (the
   * agent itself: control requests).
   */
  target: string;
  /** Origin form with its query, bytes unchanged; begins with `/`. */
  path: string;
  /** Whether the caller wants to upgrade the connection: after a 101 both directions are raw. */
  upgrade: boolean;
  /** Who asks; absent for the hub's own requests. */
  identity?: CallerIdentity;
  /** End-to-end headers. */
  headers: HeaderPairs;
}

/** What a HEAD frame carries. */
export interface ResponseHead {
  /** 101, or 200 to 599: other informational answers do not travel. */
  status: number;
  /** Reason phrase; may be empty. */
  statusText: string;
  /** End-to-end headers. */
  headers: HeaderPairs;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** What no name and no value may hold: they would end a header line or a block's field. */
const FORBIDDEN = /[\0\r\n]/;

/**
 * Writes name-value pairs as one block. HELLO uses it too.
 *
 * @returns UTF-8, empty for no pairs
 * @throws {HeadError} when a text holds NUL, CR or LF, or the block would be above 64 KiB
 */
export function encodePairs(pairs: Iterable<readonly [string, string]>): Uint8Array {
  let text = "";
  for (const [name, value] of pairs) {
    if (name === "" || FORBIDDEN.test(name) || FORBIDDEN.test(value)) {
      throw new HeadError(
        `Cannot send the header "${
          printable(name)
        }": a name or value holds NUL, CR or LF, or the name is empty`,
      );
    }
    text += name + "\0" + value + "\0";
  }
  if (text.length > MAX_HEAD_BYTES) throw tooLarge(text.length);
  const block = encoder.encode(text);
  if (block.length > MAX_HEAD_BYTES) throw tooLarge(block.length);
  return block;
}

/**
 * Reads a block written by {@linkcode encodePairs}.
 *
 * @throws {HeadError} when it is not UTF-8, does not end with NUL, has an odd number of fields, an
 * empty name, or holds CR or LF
 */
export function decodePairs(block: Uint8Array): HeaderPairs {
  if (block.length === 0) return [];
  if (block.length > MAX_HEAD_BYTES) throw tooLarge(block.length);
  let text: string;
  try {
    text = decoder.decode(block);
  } catch {
    throw new HeadError("Cannot read a header block: it is not UTF-8");
  }
  if (text.includes("\r") || text.includes("\n")) {
    throw new HeadError("Cannot read a header block: it holds CR or LF");
  }
  if (text.charCodeAt(text.length - 1) !== 0) {
    throw new HeadError("Cannot read a header block: it does not end with NUL");
  }
  const fields = text.split("\0");
  const count = fields.length - 1;
  if (count % 2 !== 0) {
    throw new HeadError("Cannot read a header block: a name has no value");
  }
  const pairs: HeaderPairs = [];
  for (let i = 0; i < count; i += 2) {
    const name = fields[i] ?? "";
    if (name === "") throw new HeadError("Cannot read a header block: a name is empty");
    pairs.push([name, fields[i + 1] ?? ""]);
  }
  return pairs;
}

/**
 * Writes the payload of an OPEN frame.
 *
 * @returns the header block, at most 64 KiB
 * @throws {HeadError} when a text holds NUL, CR or LF, a header name is no HTTP token, a required
 * field is missing, or the block is too large
 */
export function encodeRequestHead(head: RequestHead): Uint8Array {
  checkRequest(head);
  const pairs: HeaderPairs = [
    [":method", head.method],
    [":target", head.target],
    [":path", head.path],
  ];
  if (head.upgrade) pairs.push([":upgrade", "1"]);
  const { identity } = head;
  if (identity !== undefined) {
    pairs.push([":user", identity.user]);
    if (identity.uid !== undefined) pairs.push([":uid", identity.uid]);
    for (const group of identity.groups) pairs.push([":group", group]);
    for (const [key, value] of identity.extra) {
      pairs.push([":extra", `${encodeURIComponent(key)}=${value}`]);
    }
  }
  return encodePairs(withHeaders(pairs, head.headers));
}

/**
 * Reads the payload of an OPEN frame. Unknown pseudo-headers are skipped, so that a newer peer can
 * add some; a change of meaning needs a feature in HELLO.
 *
 * @throws {HeadError} when the block is no request head
 */
export function decodeRequestHead(block: Uint8Array): RequestHead {
  const head: RequestHead = { method: "", target: "", path: "", upgrade: false, headers: [] };
  const identity: CallerIdentity = { user: "", groups: [], extra: [] };
  const seen = new Set<string>();
  head.headers = splitPseudo(decodePairs(block), (name, value) => {
    if (name === ":group") return void identity.groups.push(value);
    if (name === ":extra") {
      const at = value.indexOf("=");
      if (at < 1) throw new HeadError("Cannot read a request head: an :extra has no key");
      return void identity.extra.push([decodeKey(value.slice(0, at)), value.slice(at + 1)]);
    }
    if (seen.has(name)) throw new HeadError(`Cannot read a request head: ${name} occurs twice`);
    seen.add(name);
    if (name === ":method") head.method = value;
    else if (name === ":target") head.target = value;
    else if (name === ":path") head.path = value;
    else if (name === ":upgrade") head.upgrade = value === "1";
    else if (name === ":user") identity.user = value;
    else if (name === ":uid") identity.uid = value;
  });
  if (seen.has(":user")) head.identity = identity;
  else if (seen.has(":uid") || identity.groups.length > 0 || identity.extra.length > 0) {
    throw new HeadError("Cannot read a request head: it has groups, a UID or extras, but no user");
  }
  checkRequest(head);
  return head;
}

/**
 * Writes the payload of a HEAD frame.
 *
 * @throws {HeadError} as {@linkcode encodeRequestHead}, or when the status is not 101 or 200 to 599
 */
export function encodeResponseHead(head: ResponseHead): Uint8Array {
  checkStatus(head.status);
  const pairs: HeaderPairs = [[":status", String(head.status)]];
  if (head.statusText !== "") pairs.push([":status-text", head.statusText]);
  return encodePairs(withHeaders(pairs, head.headers));
}

/**
 * Reads the payload of a HEAD frame.
 *
 * @throws {HeadError} when the block is no response head
 */
export function decodeResponseHead(block: Uint8Array): ResponseHead {
  const head: ResponseHead = { status: 0, statusText: "", headers: [] };
  const seen = new Set<string>();
  head.headers = splitPseudo(decodePairs(block), (name, value) => {
    if (seen.has(name)) throw new HeadError(`Cannot read a response head: ${name} occurs twice`);
    seen.add(name);
    if (name === ":status") head.status = /^[1-5]\d\d$/.test(value) ? Number(value) : 0;
    else if (name === ":status-text") head.statusText = value;
  });
  checkStatus(head.status);
  return head;
}

/** Keys of extras are percent-encoded (they may hold "="), as in X-Remote-Extra-*. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HeadError("Cannot read a request head: an :extra key is not percent-encoded UTF-8");
  }
}

function withHeaders(pairs: HeaderPairs, headers: HeaderPairs): HeaderPairs {
  for (const [name, value] of headers) {
    checkName(name);
    pairs.push([name, value]);
  }
  return pairs;
}

/** Hands pseudo-headers to `pseudo` and returns the rest; a late pseudo-header is an error. */
function splitPseudo(
  pairs: HeaderPairs,
  pseudo: (name: string, value: string) => void,
): HeaderPairs {
  let i = 0;
  for (; i < pairs.length; i++) {
    const pair = pairs[i];
    if (pair === undefined || pair[0].charCodeAt(0) !== 0x3a) break;
    pseudo(pair[0], pair[1]);
  }
  const headers = pairs.slice(i);
  for (const [name] of headers) checkName(name);
  return headers;
}

function checkName(name: string): void {
  if (!TOKEN.test(name)) {
    throw new HeadError(`The header name "${printable(name)}" is no HTTP token`);
  }
}

function checkRequest({ method, target, path, identity }: RequestHead): void {
  if (!TOKEN.test(method)) {
    throw new HeadError(`The request method "${printable(method)}" is no HTTP token`);
  }
  if (target === "") throw new HeadError("A request head has no target");
  if (!path.startsWith("/")) {
    throw new HeadError(`The request path "${printable(path)}" does not begin with a slash`);
  }
  if (identity === undefined) return;
  if (identity.user === "") throw new HeadError("The caller's user name is empty");
  for (const [key] of identity.extra) {
    if (key === "") throw new HeadError("A key of the caller's extras is empty");
  }
}

function checkStatus(status: number): void {
  if (status !== 101 && !(Number.isInteger(status) && status >= 200 && status <= 599)) {
    throw new HeadError(`The response status ${status} is neither 101 nor 200 to 599`);
  }
}

function tooLarge(length: number): HeadError {
  return new HeadError(
    `The header block has ${length} bytes; at most ${MAX_HEAD_BYTES} are allowed. Send fewer or shorter headers`,
  );
}

/** A text from outside, fit for an error message. */
function printable(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.slice(0, 64).replace(/[\x00-\x1f\x7f]/g, "?");
}
