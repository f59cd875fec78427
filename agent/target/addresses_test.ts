import assert from "node:assert/strict";
import { canonicalAddress, forbiddenAddress, isOddAddress } from "./addresses.ts";

Deno.test("forbiddenAddress refuses what no allow-list range may let in", () => {
  for (
    const address of [
      "127.0.0.1",
      "127.255.255.254",
      "0.0.0.0",
      "0.1.2.3",
      "169.254.169.254",
      "100.100.100.200",
      "168.63.129.16",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "fe80::1",
      "fe80::1%eth0",
      "ff02::1",
      "fd00:ec2::254",
      "::ffff:10.0.0.1",
      "::ffff:169.254.169.254",
      "::ffff:a9fe:a9fe",
      "0:0:0:0:0:FFFF:7F00:0001",
      "::127.0.0.1",
      "::ffff:0:127.0.0.1",
      "64:ff9b::169.254.169.254",
      "64:ff9b:1::7f00:1",
      "2002:a9fe:a9fe::1",
      "2001:0:4136:e378:8000:63bf:3fff:fdd2",
      "no-address",
    ]
  ) assert.notEqual(forbiddenAddress(address), undefined, address);
});

Deno.test("forbiddenAddress lets ordinary and private addresses pass", () => {
  for (
    const address of ["10.0.0.1", "192.168.1.9", "172.16.0.1", "8.8.8.8", "fd12::1", "2606::1"]
  ) {
    assert.equal(forbiddenAddress(address), undefined, address);
  }
});

Deno.test("canonicalAddress gives one spelling to one address", () => {
  const one = canonicalAddress("fd00::1");
  for (const other of ["FD00::1", "fd00:0:0:0:0:0:0:1", "fd00:0000::0.0.0.1"]) {
    assert.equal(canonicalAddress(other), one);
  }
  assert.notEqual(canonicalAddress("fd00::2"), one);
  assert.equal(canonicalAddress("::"), "0:0:0:0:0:0:0:0");
  assert.equal(canonicalAddress("10.0.0.1"), "10.0.0.1");
});

Deno.test("isOddAddress finds hosts that getaddrinfo reads as IPv4", () => {
  for (const host of ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "0x7f.1", "127.0.0.1."]) {
    assert.equal(isOddAddress(host), true, host);
  }
  for (const host of ["127.0.0.1", "::1", "grafana", "a.1b", "x0x1", "1.example"]) {
    assert.equal(isOddAddress(host), false, host);
  }
});
