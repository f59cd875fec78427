/**
 * Request targets: no spelling reaches another cluster, another server or another verb than the one
 * that was authorised.
 *
 * Input: one byte (method, upgrade, embedded), then the request target, a char for each byte.
 *
 * @module
 */
import assert from "node:assert/strict";
import { routeOf } from "../../hub/front/routes.ts";
import { StatusError } from "../../shared/kube/status.ts";
import {
  formatTarget,
  leavesRoot,
  parseHost,
  parseSocketsPath,
  parseTarget,
  SOCKETS_PREFIX,
  SocketsPathError,
} from "../../shared/sockets_path.ts";
import { escapesAnyReading } from "../../shared/testing/path_readings.ts";
import type { Random } from "./random.ts";
import { type FuzzTarget, Input, latin1, words } from "./target.ts";

const A = "dc91021d-2361-4f6d-a404-7c33b9e01118";
const B = "00000000-0000-4000-8000-00000000000b";
/** What kube-apiserver's RBAC calls each method; written apart from the product's table. */
const VERBS = new Map([
  ["GET", "get"],
  ["HEAD", "get"],
  ["POST", "create"],
  ["PUT", "update"],
  ["PATCH", "patch"],
  ["DELETE", "delete"],
  ["OPTIONS", ""],
]);
const METHODS = [...VERBS.keys(), "get"];
const PIECES = [
  ...[SOCKETS_PREFIX, SOCKETS_PREFIX.slice(0, -1), "/apis/", "//", "/", "/./", "/../", "..", "."],
  ...["%2e%2e", "%2E.", "%252e%252e%252f", "%2f", "%5c", "\\", ";", ";x=y", "%3b", "%00", "%0d%0a"],
  ...[
    "?",
    "?x=/../..",
    "#",
    "%23",
    "%3f",
    "@",
    ":",
    "%c0%ae",
    "%c0",
    "%c0%af",
    "%e0%80",
    "%e0%80%af",
    "%u002e",
    "%",
    "%25",
  ],
  ...["/proxy/direct", "/proxy/http/", "/proxy/https/", "/direct", "/http/", "/https/", "/attach"],
  ...["h:80", "h:0", "[::1]:443", "[::ffff:127.0.0.1]", "127.1", "0x7f.1", "a.b.", "u@h", "h%2fx"],
  ...[
    "/api/v1/pods",
    "?watch=1",
    "healthz",
    "http://hub",
    "https://",
    "*",
    " ",
    "\t",
    "\0",
    "\r\n",
  ],
  ...[A, B, A.toUpperCase(), "a", "\xe2\x80\xa4", "\xff"],
];

function checkRoute(method: string, url: string, upgrade: boolean, embedded: boolean): void {
  let route;
  try {
    route = routeOf(method, url, upgrade, embedded);
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    assert.ok([400, 404, 405].includes(error.status.code), `${error.status.code}`);
    return;
  }
  const literal = url.startsWith(SOCKETS_PREFIX)
    ? url.slice(SOCKETS_PREFIX.length).split(/[/?]/, 1)[0]!
    : undefined;
  if (literal === undefined) {
    assert.ok(route.kind !== "proxy" && route.kind !== "attach");
    return;
  }
  assert.ok(route.kind !== "kube" && route.kind !== "health");
  const { attributes } = route;
  assert.ok(attributes.kind === "resource");
  assert.equal(attributes.name, literal);
  assert.match(literal, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  if (route.kind === "attach") {
    assert.ok(upgrade && method === "GET");
    assert.equal(route.clusterId, literal);
    assert.deepEqual([attributes.verb, attributes.subresource], ["get", "attach"]);
  } else if (route.kind === "proxy") {
    assert.equal(route.path.clusterId, literal);
    assert.equal(attributes.verb, upgrade ? "create" : VERBS.get(method) ?? "");
    assert.equal(attributes.subresource, "proxy");
    checkProxied(route.path);
  } else {
    assert.ok(!upgrade);
    assert.deepEqual([attributes.verb, attributes.subresource], [VERBS.get(method) ?? "", ""]);
  }
}

/** What travels to the agent: its own reading is the same, and nothing leads out of the root. */
function checkProxied(path: Extract<ReturnType<typeof parseSocketsPath>, { kind: "proxy" }>): void {
  const text = formatTarget(path.target);
  assert.deepEqual(parseTarget(text), path.target);
  assert.ok(path.path.startsWith("/"));
  assert.equal(leavesRoot(path.path), false);
  assert.equal(escapesAnyReading(path.path), undefined);
  const again = `${SOCKETS_PREFIX}${path.clusterId}/proxy/${text}${path.path}`;
  assert.deepEqual(parseSocketsPath(again), { ...path, alias: false });
}

/** The agent's reading of what the hub asks for. */
function checkTarget(text: string): void {
  try {
    const target = parseTarget(text);
    assert.deepEqual(parseTarget(formatTarget(target)), target);
    if (target.kind !== "direct") {
      assert.equal(parseHost(target.host), target.host);
      // What a URL parser makes of it is the same server, or no server
      const url = new URL(`${target.kind}://${target.host}/`);
      assert.deepEqual([url.username, url.password, url.pathname], ["", "", "/"]);
    }
  } catch (error) {
    // A URL parser refuses some that can only fail to resolve
    const refused = error instanceof SocketsPathError ||
      (error instanceof TypeError && /Invalid URL|Invalid (IP|port)/i.test(error.message));
    if (!refused) throw error;
  }
}

/** See the module text. */
export const paths: FuzzTarget = {
  name: "paths",
  maxBytes: 64 * 1024,
  dictionary: words(...PIECES),
  generate(random: Random): Uint8Array {
    let text = random.oneIn(6) ? "" : SOCKETS_PREFIX + random.pick([A, A, B, A.toUpperCase()]);
    if (random.oneIn(2)) text += random.pick(["/proxy/direct/", "/proxy/http/h:80/", "/direct"]);
    for (let count = random.size(10); count > 0; count--) text += random.pick(PIECES);
    return words(String.fromCharCode(random.below(256)) + text)[0]!;
  },
  run(bytes: Uint8Array): void {
    const input = new Input(bytes);
    const flags = input.byte();
    const url = latin1(input.rest());
    checkRoute(METHODS[flags & 7]!, url, (flags & 8) !== 0, (flags & 16) !== 0);
    if (escapesAnyReading(url.startsWith("/") ? url : `/${url}`) !== undefined) {
      assert.equal(leavesRoot(url), true);
    }
    checkTarget(url.startsWith(SOCKETS_PREFIX) ? url.slice(SOCKETS_PREFIX.length) : url);
  },
};
