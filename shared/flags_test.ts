import assert from "node:assert/strict";
import {
  boolean,
  duration,
  integer,
  keyValues,
  listenAddress,
  oneOf,
  repeated,
  serverUrl,
} from "./flags.ts";

Deno.test("duration() reads Go durations", () => {
  assert.equal(duration("3m"), 180_000);
  assert.equal(duration("1h30m"), 5_400_000);
  assert.equal(duration("250ms"), 250);
  assert.equal(duration("1.5s"), 1500);
  for (const bad of ["", "3", "m", "-1s", "0s", "1d", "3 m"]) {
    assert.throws(() => duration(bad), bad);
  }
});

Deno.test("integer(), boolean() and oneOf() refuse what is out of bounds", () => {
  assert.equal(integer(1, 10)("7"), 7);
  for (const bad of ["0", "11", "1.5", "x", ""]) assert.throws(() => integer(1, 10)(bad));
  assert.equal(boolean("false"), false);
  assert.throws(() => boolean("maybe"));
  assert.equal(oneOf("auto", "manual")("auto"), "auto");
  assert.throws(() => oneOf("auto", "manual")("Auto"), /auto, manual/);
});

Deno.test("serverUrl() keeps a path prefix and refuses credentials", () => {
  assert.equal(serverUrl("https://10.0.0.1:6443/k8s/"), "https://10.0.0.1:6443/k8s");
  for (const bad of ["10.0.0.1", "ftp://x", "https://u:p@x", "https://x?a=b"]) {
    assert.throws(() => serverUrl(bad), bad);
  }
});

Deno.test("listenAddress() reads host, IPv6 and every address", () => {
  assert.deepEqual(listenAddress(":80"), { hostname: "0.0.0.0", port: 80 });
  assert.deepEqual(listenAddress("[::1]:80"), { hostname: "::1", port: 80 });
  for (const bad of ["80", "h:", "h:70000", "a b:1"]) assert.throws(() => listenAddress(bad), bad);
});

Deno.test("repeated() and keyValues() collect", () => {
  assert.deepEqual(repeated("b,c", ["a"]), ["a", "b", "c"]);
  assert.deepEqual(keyValues("a=1,b=x=y", { z: "0" }), { z: "0", a: "1", b: "x=y" });
  assert.throws(() => keyValues("=1"));
});
