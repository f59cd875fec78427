import assert from "node:assert/strict";
import fc from "fast-check";
import {
  formatTarget,
  parseHost,
  parseSocketsPath,
  parseTarget,
  SOCKETS_PREFIX,
  SocketsPathError,
} from "./sockets_path.ts";

const ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";
const parse = (rest: string): ReturnType<typeof parseSocketsPath> =>
  parseSocketsPath(SOCKETS_PREFIX + rest);
const refused = (status: number) => (error: unknown): boolean =>
  error instanceof SocketsPathError && error.status === status;

Deno.test("parseSocketsPath() reads every form and its alias", () => {
  const direct = { kind: "direct" };
  assert.deepEqual(parse(ID), { kind: "socket", clusterId: ID });
  assert.deepEqual(parse(`${ID}/?x=1`), { kind: "socket", clusterId: ID });
  assert.deepEqual(parse(`${ID}/attach`), { kind: "attach", clusterId: ID });
  const proxy = { kind: "proxy", clusterId: ID, alias: false };
  assert.deepEqual(parse(`${ID}/proxy/direct`), { ...proxy, target: direct, path: "/" });
  assert.deepEqual(parse(`${ID}/proxy/direct?a=1`), { ...proxy, target: direct, path: "/?a=1" });
  assert.deepEqual(parse(`${ID}/direct/api?watch=1`), {
    ...proxy,
    alias: true,
    target: direct,
    path: "/api?watch=1",
  });
  assert.deepEqual(parse(`${ID}/http/Demo1.cluster.net:8080/x`), {
    ...proxy,
    alias: true,
    target: { kind: "http", host: "demo1.cluster.net:8080" },
    path: "/x",
  });
  for (const host of ["[::1]:6443", "%5B::1%5D:6443", "%5b::1]:6443"]) {
    assert.deepEqual(parse(`${ID}/proxy/https/${host}/%5B`), {
      ...proxy,
      target: { kind: "https", host: "[::1]:6443" },
      path: "/%5B",
    });
  }
});

Deno.test("parseSocketsPath() passes legal bytes on unchanged", () => {
  for (const path of ["/a//b/", "/a%2Fb;c=1/%E2%82%AC?x=%2e%2e&y=../..", "/a/../b", "/a/./"]) {
    const parsed = parse(`${ID}/proxy/direct${path}`);
    assert.equal(parsed.kind === "proxy" && parsed.path, path);
  }
});

Deno.test("parseSocketsPath() refuses what leaves the target or is no cluster id", () => {
  for (
    const rest of [
      `${ID}/proxy/direct/../../x`,
      `${ID}/proxy/direct/%2e%2E/x`,
      `${ID}/proxy/direct/a/.%2e/../x`,
      `${ID.toUpperCase()}/proxy/direct`,
      `${ID}x/proxy/direct`,
      `../${ID}/proxy/direct`,
      `${ID}%2fproxy/direct`,
      `/${ID}/proxy/direct`,
      `${ID}/proxy/direct\\..\\x`,
      `${ID}/proxy/direct/\u0000`,
      `${ID}/proxy/http/user@host/`,
      `${ID}/proxy/http//x`,
      `${ID}/proxy/http/h:0/x`,
      `${ID}/proxy/http/h:65536/x`,
      `${ID}/proxy/http/%68/x`,
      `${ID}/proxy/http/%5Bh%5D/x`,
      `${ID}/proxy/http/%5B::1%5D%3A80/x`,
      `${ID}/proxy/http/[%3A:1]/x`,
      `${ID}/proxy/http/%255B::1%255D/x`,
    ]
  ) assert.throws(() => parse(rest), refused(400), rest);
  assert.throws(() => parse(`${ID}/proxy/gopher/h`), refused(404));
  assert.throws(() => parse(`${ID}/exec`), refused(404));
  assert.throws(() => parseSocketsPath("/api/v1"), refused(404));
  assert.throws(() => parseSocketsPath(`http://evil${SOCKETS_PREFIX}${ID}`), refused(404));
});

Deno.test("parseTarget() reads back what formatTarget() wrote", () => {
  for (const text of ["direct", "http/h", "https/a.b:443"]) {
    assert.equal(formatTarget(parseTarget(text)), text);
  }
  assert.throws(() => parseTarget("ftp/h"), refused(400));
  assert.throws(() => parseHost(""), refused(400));
});

Deno.test("parseSocketsPath() never routes another id than the first segment, whatever follows", () => {
  fc.assert(fc.property(fc.string(), (tail) => {
    try {
      assert.equal(parse(`${ID}/${tail}`).clusterId, ID);
    } catch (error) {
      assert.ok(error instanceof SocketsPathError);
    }
  }));
  fc.assert(fc.property(fc.string(), (text) => {
    try {
      assert.match(text, new RegExp(`^${parse(text).clusterId}(/|\\?|$)`));
    } catch (error) {
      assert.ok(error instanceof SocketsPathError);
    }
  }));
});
