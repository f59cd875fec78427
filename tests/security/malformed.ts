/**
 * Requests that two servers could read in two ways, and requests that nobody should read at all.
 *
 * @module
 */

/** What an attacker would write, and where. */
export interface MalformedOptions {
  /** Request target of the request. */
  path: string;
  /** Lines that say who calls, with their line ends. */
  identity: string;
  /** A whole request that must never be served by itself. */
  hidden: string;
}

/** One of them. */
export interface Malformed {
  what: string;
  bytes: string;
  /** 0: the connection is cut without an answer. */
  statuses: readonly number[];
}

const MIB = 1024 * 1024;

/** @returns all of them */
export function malformed({ path, identity, hidden }: MalformedOptions): Malformed[] {
  const head = (lines: string, method = "POST"): string =>
    `${method} ${path} HTTP/1.1\r\nHost: x\r\n${identity}${lines}\r\n`;
  const body = (what: string, lines: string, rest: string, statuses = [400]): Malformed => ({
    what,
    bytes: head(lines) + rest + hidden,
    statuses,
  });
  const bare = (what: string, bytes: string, statuses = [400]): Malformed => ({
    what,
    bytes,
    statuses,
  });
  const CHUNKED = "Transfer-Encoding: chunked\r\n";
  const line = (what: string, text: string, statuses = [400]): Malformed =>
    bare(what, head(text, "GET"), statuses);
  return [
    // How long is the body?
    body("length and chunks", `Content-Length: 4\r\n${CHUNKED}`, "0\r\n\r\n"),
    body("chunks and length", `${CHUNKED}Content-Length: 4\r\n`, "0\r\n\r\n"),
    body("length 0 and chunks", `Content-Length: 0\r\n${CHUNKED}`, "0\r\n\r\n"),
    body("two lengths", "Content-Length: 0\r\nContent-Length: 5\r\n", ""),
    body("a list of lengths", "Content-Length: 5, 6\r\n", "hello"),
    ...["-5", "+5", "0x5", "5 5", "5,", "5e0", "", "99999999999999999999999"].map((value) =>
      body(`length ${value}`, `Content-Length: ${value}\r\n`, "hello")
    ),
    bare("coding gzip", head("Transfer-Encoding: gzip, chunked\r\n") + "0\r\n\r\n", [400]),
    ...[
      "chunked, identity",
      "xchunked",
      "chunked\x0b",
      '"chunked"',
      "identity",
      "chunked, chunked",
    ].map((value) =>
      body(`coding ${value}`, `Transfer-Encoding: ${value}\r\n`, "0\r\n\r\n", [400, 0])
    ),
    body("two codings", `${CHUNKED}Transfer-Encoding: identity\r\n`, "0\r\n\r\n"),
    body("a coding before a space", "Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
    body("a coding in a fold", "X: 1\r\n Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    // Chunks: the request may be on its way when they come, so the connection may just end
    ...[
      "zz\r\n",
      "-5\r\nhello\r\n",
      "0x5\r\nhello\r\n",
      " 5\r\nhello\r\n",
      "5\nhello\r\n",
      "5\r\nhelloXX0\r\n\r\n",
      "5\r\nhell\r\n0\r\n\r\n",
      "FFFFFFFFFFFFFFFFFF\r\nx",
      `5;${"x".repeat(200_000)}\r\nhello\r\n`,
      "5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
    ].map((chunks) =>
      body(`chunks ${JSON.stringify(chunks.slice(0, 20))}`, CHUNKED, chunks, [
        400,
        431,
        0,
      ])
    ),
    // Lines
    bare("line feeds alone", head("", "GET").replaceAll("\r\n", "\n")),
    line("a line feed alone", "X: 1\nY: 2\r\n"),
    line("a carriage return alone", "X: 1\rY: 2\r\n"),
    line("a carriage return at the end", "X: 1\r\r\n"),
    line("NUL in a value", "X: 1\x002\r\n"),
    line("NUL in a name", "X\x00: 1\r\n"),
    line("a control character in a value", "X: 1\x012\r\n"),
    line("DEL in a value", "X: 1\x7f\r\n"),
    line("a fold", "X: 1\r\n 2\r\n"),
    line("a fold of a tab", "X: 1\r\n\t2\r\n"),
    line("a space before the colon", "X : 1\r\n"),
    line("a space in a name", "X Y: 1\r\n"),
    line("a name that is no token", "X@: 1\r\n"),
    line("no colon", "X\r\n"),
    line("no name", ": 1\r\n"),
    // Whose request?
    bare("two hosts", head("Host: y\r\n", "GET"), [400]),
    bare("the same host twice", head("Host: x\r\n", "GET"), [400]),
    bare("no host", head("", "GET").replace("Host: x\r\n", ""), [400]),
    bare("HTTP/1.0", head("", "GET").replace("HTTP/1.1", "HTTP/1.0")),
    bare("HTTP/0.9", `GET ${path}\r\n\r\n`),
    bare("HTTP/2.0", head("", "GET").replace("HTTP/1.1", "HTTP/2.0")),
    bare("HTTP/1.9", head("", "GET").replace("HTTP/1.1", "HTTP/1.9")),
    bare("http/1.1", head("", "GET").replace("HTTP/1.1", "http/1.1")),
    bare("a word more", head("", "GET").replace(" HTTP/1.1", " x HTTP/1.1")),
    bare("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    bare("CONNECT", `CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: x\r\n${identity}\r\n`, [405]),
    bare("TRACE", head("", "TRACE"), [405]),
    bare("an unknown method", head("", "PROPFIND"), [405]),
    bare("no method", head("", "FOO")),
    bare("a method in lower case", head("", "get")),
    bare("bytes of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    // How much? Who still sends may miss the answer
    line("a header of 1 MiB", `X: ${"x".repeat(MIB)}\r\n`, [431, 0]),
    line("a name of 1 MiB", `${"x".repeat(MIB)}: 1\r\n`, [431, 0]),
    bare("a target of 1 MiB", head("", "GET").replace(path, path + "x".repeat(MIB)), [431, 0]),
    ...[1_500, 5_000].map((count) =>
      bare(
        `${count} headers`,
        head(Array.from({ length: count }, () => "X: 1\r\n").join(""), "GET"),
        [431],
      )
    ),
  ];
}
