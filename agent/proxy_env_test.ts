import assert from "node:assert/strict";
import { proxyFromEnvironment } from "./proxy_env.ts";

const PROXY = "http://proxy:3128";

function viaProxy(server: string, noProxy: string): boolean {
  return proxyFromEnvironment(server, { HTTPS_PROXY: PROXY, NO_PROXY: noProxy }) === PROXY;
}

Deno.test("proxyFromEnvironment follows Go's rules for NO_PROXY", () => {
  const cases: [server: string, noProxy: string, viaProxy: boolean][] = [
    ["https://parent.example.com:6443", "", true],
    ["https://parent.example.com:6443", "*", false],
    ["https://parent.example.com:6443", "example.com", false],
    ["https://parent.example.com:6443", ".example.com", false],
    ["https://parent.example.com:6443", "*.example.com", false],
    ["https://example.com:6443", ".example.com", true],
    ["https://badexample.com", "example.com", true],
    ["https://parent.example.com:6443", "parent.example.com:6443", false],
    ["https://parent.example.com:6443", "parent.example.com:443", true],
    ["https://parent.example.com", "parent.example.com:443", false],
    ["https://10.1.2.3:6443", "10.0.0.0/8", false],
    ["https://11.1.2.3:6443", "10.0.0.0/8", true],
    ["https://11.1.2.3:6443", "10.0.0.0/99,nonsense/8", true],
    ["https://10.1.2.3:6443", "10.1.2.3", false],
    ["https://10.1.2.3:6443", "10.1.2.3:6443", false],
    ["https://[fd00::5]:6443", "fd00::/8", false],
    ["https://[fd00::5]:6443", "10.0.0.0/8", true],
    ["https://localhost:6443", "", false],
    ["https://127.0.0.1:6443", "", false],
    ["https://PARENT.example.COM", " other.org , parent.example.com ", false],
  ];
  for (const [server, noProxy, wanted] of cases) {
    assert.equal(viaProxy(server, noProxy), wanted, `${server} NO_PROXY=${noProxy}`);
  }
});

Deno.test("proxyFromEnvironment reads lower-case names and leaves http alone", () => {
  assert.equal(proxyFromEnvironment("https://a.b", { https_proxy: PROXY }), PROXY);
  assert.equal(
    proxyFromEnvironment("https://a.b", { https_proxy: PROXY, no_proxy: "a.b" }),
    undefined,
  );
  assert.equal(proxyFromEnvironment("http://a.b", { https_proxy: PROXY }), undefined);
  assert.equal(proxyFromEnvironment("https://a.b", {}), undefined);
});
