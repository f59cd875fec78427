import assert from "node:assert/strict";
import { refusedRequest } from "./request_check.ts";

function refused(
  { method = "GET", path = "/", upgrade = false, headers = [] as [string, string][] },
): string | undefined {
  return refusedRequest({ method, path, upgrade, headers });
}

Deno.test("refusedRequest lets ordinary requests pass with all their bytes", () => {
  for (
    const path of [
      "/api/v1/pods?x=/../..",
      "/a//b/%2e/c%2Fd;x=1/",
      "/a/../b",
      "/api/v1/namespaces/a/pods/b/exec?command=..%2f..",
    ]
  ) assert.equal(refused({ path }), undefined, path);
  const headers: [string, string][] = [["X-A", "caf\xe9\t\x80 x"], ["Upgrade", "websocket"]];
  assert.equal(refused({ headers, upgrade: true }), undefined);
  assert.equal(refused({ headers: [["Upgrade", "SPDY/3.1"]], upgrade: true }), undefined);
});

Deno.test("refusedRequest refuses what leaves the path of the child's server", () => {
  for (
    const path of [
      "/..",
      "/../k8s/clusters/other",
      "/%2e%2e/x",
      "/%2E./x",
      "/a/..%2f..%2fx",
      "/..%5cx",
      "/..%2fx",
      "/..;a/x",
      "/%252e%252e%252fx",
      "/a/%2e%2e/%2e%2e/x",
    ]
  ) assert.match(refused({ path }) ?? "", /leads out/, path);
});

Deno.test("refusedRequest refuses paths and headers that would end their line", () => {
  for (
    const path of [
      "",
      "x",
      "http://evil/",
      "*",
      "/a b",
      "/a\r\nX: y",
      "/a\0",
      "/\\..",
      "/#",
      "/\u010a",
    ]
  ) {
    assert.ok(refused({ path }), JSON.stringify(path));
  }
  const bad: [string, string][] = [
    ["", "x"],
    ["A B", "x"],
    ["A:", "x"],
    ["A\n", "x"],
    ["\u0130", "x"],
    ["A", "x\r\nB: y"],
    ["A", "x\ny"],
    ["A", "x\0"],
    ["A", "\u010a"],
    ["A", "x\u560d\u560a"],
    ["A", "\x7f"],
  ];
  for (const header of bad) assert.match(refused({ headers: [header] }) ?? "", /holds a character/);
});

Deno.test("refusedRequest knows the methods", () => {
  for (const method of ["CONNECT", "TRACE", "get", "", "GET /x HTTP/1.1\r\nA: b", "PRI"]) {
    assert.match(refused({ method }) ?? "", /known method/, method);
  }
});

Deno.test("refusedRequest refuses an upgrade to HTTP/2, after which nobody would look", () => {
  for (const value of ["h2c", "H2C", "websocket, h2c", "HTTP/2.0", "h2"]) {
    assert.match(refused({ upgrade: true, headers: [["upgrade", value]] }) ?? "", /HTTP\/2/, value);
  }
});
