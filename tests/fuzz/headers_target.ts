/**
 * Header lines: what passes names nobody, overrides nothing, ends no line and frames one body; and
 * the agent's reader of HTTP heads.
 *
 * Input: one byte (which of the two, upgrade), then lines `name: value` that end with LF (0x01
 * stands for an LF inside a value), or the bytes that a server sends.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { headForChild } from "../../agent/target/forward.ts";
import { IdentityMapper } from "../../agent/target/identity.ts";
import type { Route } from "../../agent/target/upstream.ts";
import { remoteIdentity } from "../../hub/front/identity.ts";
import { type ProxyContext, requestHead } from "../../hub/tunnels/context.ts";
import { bodyFraming, promisedLength } from "../../shared/body_framing.ts";
import { type HeaderList, isUpgrade, toRaw } from "../../shared/headers.ts";
import { StatusError } from "../../shared/kube/status.ts";
import { HeadError } from "../../shared/tunnel/errors.ts";
import {
  type CallerIdentity,
  decodeRequestHead,
  encodeRequestHead,
  type RequestHead,
} from "../../shared/tunnel/head.ts";
import type { TunnelStream } from "../../shared/tunnel/stream.ts";
import { readHead } from "./head_reading.ts";
import type { Random } from "./random.ts";
import { type FuzzTarget, Input, join, latin1, words } from "./target.ts";

const NAMES = [
  ...["Connection", "Keep-Alive", "TE", "Trailer", "Transfer-Encoding", "Transfer_Encoding"],
  ...["Upgrade", "HTTP2-Settings", "Proxy", "Proxy-Authorization", "Proxy-Connection", "Host"],
  ...[
    "Content-Length",
    "Content_Length",
    "Expect",
    "Authorization",
    "X-Remote-User",
    "X_Remote_User",
  ],
  ...[
    "X-Remote-Group",
    "X-Remote-Uid",
    "X-Remote-Extra-a%2fB",
    "Impersonate-User",
    "IMPERSONATE_GROUP",
  ],
  ...[
    "X-HTTP-Method-Override",
    "x_http_method",
    "X-Original-URL",
    "X-Rewrite-URL",
    "X-Forwarded-For",
  ],
  ...[
    "Accept",
    "X-Stream-Protocol-Version",
    "Sec-WebSocket-Protocol",
    "Cookie",
    "",
    " ",
    "a b",
    "\0",
  ],
];
const VALUES = [
  ...[
    "",
    "close",
    "upgrade",
    "Upgrade, X-Remote-User",
    "content-length, host",
    "chunked",
    "gzip, chunked",
  ],
  ...[
    "0",
    "1",
    "+1",
    "-1",
    "1, 1",
    "0x10",
    "99999999999999999999",
    "1e3",
    " 7 ",
    "websocket",
    "h2c",
  ],
  ...[
    "system:masters",
    "Bearer abc",
    "DELETE",
    "/admin",
    "\xc3\xa9",
    "\xff",
    "\0",
    "\r",
    "a\x01X: y",
  ],
  ...["%00", "%zz", "%ed%a0%80", "a=b", "=", "x".repeat(300)],
];
const HEAD_PIECES = [
  ...[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.1 407 X\r\n",
    "HTTP/2 200\r\n",
  ],
  ...[
    "\r\n",
    "\r\n\r\n",
    "\n\n",
    "\r",
    "\n",
    ": ",
    ":",
    " folded",
    "\t",
    "\0",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
  ],
  ...[
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: -1\r\n",
    "ffffffff\r\n",
  ],
  ...["Content-Length: 1e9\r\n", "-5\r\n", "7fffffffffffffff\r\n", "Retry-After: 5\r\n"],
];

const SETTINGS = {
  usernameHeaders: ["X-Remote-User"],
  groupHeaders: ["X-Remote-Group"],
  extraHeaderPrefixes: ["X-Remote-Extra-"],
  uidHeaders: ["X-Remote-Uid"],
};
const CALLER: CallerIdentity = { user: "ann", groups: ["dev"], extra: [] };
const ROUTE = {
  hostHeader: "child",
  identity: [["Authorization", "Bearer agent"], ["Impersonate-User", "ann"]],
} as unknown as Route;
const OURS = new Set(["Host: child", "Authorization: Bearer agent", "Impersonate-User: ann"]);

function parseLines(text: string): HeaderList {
  const list: HeaderList = [];
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon < 0) continue;
    list.push([line.slice(0, colon), line.slice(colon + 1).trim().replaceAll("\x01", "\n")]);
  }
  return list;
}

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "-");
const NEVER =
  /^(keep-alive|te|trailer|transfer-encoding|http2-settings|proxy|proxy-authenticate|proxy-authorization|proxy-connection|authorization|impersonate-.*|x-remote-.*|x-http-method(-override)?|x-method-override|x-original-url|x-rewrite-url)$/;

/** The whole way of a request's lines: hub, wire, agent. */
function checkWay(lines: HeaderList, upgrade: boolean): void {
  const context = {
    req: { method: "GET", rawHeaders: toRaw(lines) } as IncomingMessage,
    path: { kind: "proxy", clusterId: "c", alias: false, target: { kind: "direct" }, path: "/" },
    identity: CALLER,
  } as ProxyContext;
  const sent = requestHead(context, upgrade);
  let arrived: RequestHead;
  try {
    arrived = decodeRequestHead(encodeRequestHead(sent));
  } catch (error) {
    assert.ok(error instanceof HeadError, String(error));
    assert.match(error.message, /at most/, "Only the size may be refused: all else was taken off");
    return;
  }
  // What is no Unicode text cannot travel unchanged; node's lines are Latin-1
  assert.deepEqual(arrived, { ...sent, headers: arrived.headers });
  assert.deepEqual(arrived.headers, sent.headers);
  const passed = headForChild({ head: arrived } as TunnelStream, ROUTE, upgrade);
  let connections = 0;
  for (const [name, value] of passed) {
    assert.ok(!/[\0\r\n]/.test(name + value), JSON.stringify([name, value]));
    if (OURS.has(`${name}: ${value}`)) continue;
    assert.doesNotMatch(plain(name), NEVER);
    if (plain(name) === "connection") connections++;
    assert.ok(upgrade || !/^(connection|upgrade)$/.test(plain(name)), name);
    assert.doesNotMatch(name, /^host$/i);
  }
  assert.ok(connections <= 1);
  assert.equal(passed.filter(([name]) => /^(host|authorization)$/i.test(name)).length, 2);
  // The same message at both ends, unless it is refused
  const [before, after] = [bodyFraming(lines), bodyFraming(arrived.headers)];
  if (before?.kind === "known" || before?.kind === "none") assert.deepEqual(after, before);
}

function checkFraming(lines: HeaderList): void {
  const count = (wanted: string): number =>
    lines.filter(([name]) => name.toLowerCase() === wanted).length;
  const framing = bodyFraming(lines);
  if (framing?.kind === "known") {
    assert.ok(Number.isSafeInteger(framing.length) && framing.length > 0);
    assert.equal(count("transfer-encoding"), 0);
  }
  if (framing?.kind === "chunked") assert.equal(count("content-length"), 0);
  const promised = promisedLength(lines);
  assert.ok(promised === undefined || (Number.isSafeInteger(promised) && promised >= 0));
  isUpgrade(lines);
}

/** Users and groups whose name is a power by itself, in any cluster. */
const POWER = /^Impersonate-(User|Group)(system|kubeadm):/;

/** The caller as the front proxy names it, and what becomes of it in the child. */
function checkIdentity(lines: HeaderList): void {
  try {
    const identity = remoteIdentity(lines, SETTINGS);
    if (identity === undefined) return;
    const users = lines.filter(([name, value]) => /^x-remote-user$/i.test(name) && value !== "");
    assert.ok(users.length > 0 && identity.user !== "");
    const { via: _, ...caller } = identity;
    const mapped = new IdentityMapper({ forwardExtras: ["a/b"] }).map(caller);
    assert.ok(mapped.kind === "impersonate");
    for (const [name, value] of mapped.headers) {
      assert.match(name, /^Impersonate-(User|Uid|Group|Extra-[!-~]+)$/);
      assert.match(value, /^[\x20-\x7e]+$/);
      assert.ok(!POWER.test(name + value), "A name with power of its own passes");
    }
    const head = { method: "GET", target: "direct", path: "/", upgrade: false, headers: [] };
    const decoded = decodeRequestHead(encodeRequestHead({ ...head, identity: caller }));
    assert.deepEqual(decoded.identity, caller);
  } catch (error) {
    assert.ok(
      (error instanceof StatusError && [400, 403].includes(error.status.code)) ||
        error instanceof HeadError,
      String(error),
    );
  }
}

/** See the module text. */
export const headers: FuzzTarget = {
  name: "headers",
  maxBytes: 96 * 1024,
  dictionary: words(...NAMES, ...VALUES, ...HEAD_PIECES, "\n"),
  generate(random: Random): Uint8Array {
    const flags = random.below(256);
    if ((flags & 1) === 0) {
      let text = "";
      for (let count = random.size(14); count > 0; count--) {
        text += `${random.pick(NAMES)}: ${random.pick(VALUES)}\n`;
      }
      return join([Uint8Array.of(flags), ...words(text)]);
    }
    const parts = [random.pick(HEAD_PIECES)];
    for (let count = random.size(14); count > 0; count--) {
      parts.push(random.oneIn(2) ? `${random.pick(NAMES)}: x\r\n` : random.pick(HEAD_PIECES));
    }
    return join([Uint8Array.of(flags), ...words(parts.join(""))]);
  },
  async run(bytes: Uint8Array): Promise<void> {
    const input = new Input(bytes);
    const flags = input.byte();
    if ((flags & 1) === 0) {
      const lines = parseLines(latin1(input.rest()));
      checkFraming(lines);
      checkIdentity(lines);
      checkWay(lines, (flags & 2) !== 0);
      return;
    }
    const sent = input.rest();
    const whole = await readHead(sent, 4096);
    if (sent.length <= 4096) assert.deepEqual(await readHead(sent, 1 + (flags >> 1) % 7), whole);
  },
};
