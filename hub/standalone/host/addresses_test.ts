import assert from "node:assert/strict";
import { advertisedUrl, hostNames, localUrl } from "./addresses.ts";

const interfaces = [
  { family: "IPv4", address: "127.0.0.1" },
  { family: "IPv6", address: "fe80::1" },
  { family: "IPv6", address: "2001:db8::5" },
  { family: "IPv4", address: "10.0.0.5" },
] as const;
const machine = { bindAddress: "0.0.0.0", hostname: "box", interfaces };

Deno.test("hostNames() holds loopback, the machine's name and every address it is reached by", () => {
  assert.deepEqual(hostNames(machine), [
    "localhost",
    "127.0.0.1",
    "::1",
    "box",
    "10.0.0.5",
    "2001:db8::5",
  ]);
});

Deno.test("hostNames() holds the host of the advertised URL, and leaves brackets out", () => {
  const names = hostNames({ ...machine, advertiseUrl: "https://[2001:db8::9]:8443" });
  assert.ok(names.includes("2001:db8::9"));
});

Deno.test("hostNames() of a hub on one address names no other", () => {
  assert.ok(!hostNames({ ...machine, bindAddress: "127.0.0.1" }).includes("10.0.0.5"));
});

Deno.test("advertisedUrl() takes the first IPv4 address that others can reach", () => {
  assert.equal(advertisedUrl(machine, 8443), "https://10.0.0.5:8443");
  assert.equal(advertisedUrl({ ...machine, bindAddress: "127.0.0.1" }, 1), "https://127.0.0.1:1");
  assert.equal(advertisedUrl({ ...machine, interfaces: [] }, 1), "https://127.0.0.1:1");
  const only6 = interfaces.filter(({ family }) => family === "IPv6");
  assert.equal(advertisedUrl({ ...machine, interfaces: only6 }, 1), "https://[2001:db8::5]:1");
});

Deno.test("advertisedUrl() is what --advertise-url says, without a trailing slash", () => {
  const advertiseUrl = "https://hub.example:443/";
  assert.equal(advertisedUrl({ ...machine, advertiseUrl }, 8443), "https://hub.example:443");
});

Deno.test("localUrl() goes over loopback unless the hub listens elsewhere", () => {
  assert.equal(localUrl(machine, 8443), "https://127.0.0.1:8443");
  assert.equal(localUrl({ ...machine, bindAddress: "10.0.0.5" }, 8443), "https://10.0.0.5:8443");
  assert.equal(localUrl({ ...machine, bindAddress: "::1" }, 8443), "https://[::1]:8443");
});
