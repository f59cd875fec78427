import assert from "node:assert/strict";
import { applyPatches, cacheKey, goTooOld, PROGRAMS, splitByAssets } from "./programs.ts";

const [etcd, apiserver] = PROGRAMS as [typeof PROGRAMS[0], typeof PROGRAMS[0]];

Deno.test("cacheKey changes with sources, flags and platform, and with nothing else", async () => {
  const key = await cacheKey(etcd!, ["mod", "sum"], "linux/x86_64");
  assert.match(key, /^etcd-[0-9a-f]{16}$/);
  assert.equal(await cacheKey(etcd!, ["mod", "sum"], "linux/x86_64"), key);
  assert.notEqual(await cacheKey(etcd!, ["mod", "sum2"], "linux/x86_64"), key);
  assert.notEqual(await cacheKey(etcd!, ["mod", "sum"], "darwin/aarch64"), key);
  assert.notEqual(await cacheKey({ ...etcd!, ldflags: "" }, ["mod", "sum"], "linux/x86_64"), key);
});

Deno.test("Kubernetes programs carry their version, or version checks fail", () => {
  assert.match(apiserver!.ldflags, /version\.gitVersion=v1\.36\.3 .*gitMajor=1 .*gitMinor=36 /);
});

Deno.test("splitByAssets takes what is there and builds the rest", () => {
  const there = new Set(["/assets/etcd", "/assets/kubectl", "/assets/kwok"]);
  const { given, build } = splitByAssets("/assets", (path) => there.has(path));
  assert.deepEqual([...given], [["etcd", "/assets/etcd"], ["kubectl", "/assets/kubectl"]]);
  assert.deepEqual(build.map(({ name }) => name), [
    "kube-apiserver",
    "kube-controller-manager",
    "kwok", // ours is patched
  ]);
});

Deno.test("splitByAssets builds all without KUBEBUILDER_ASSETS", () => {
  const { given, build } = splitByAssets(undefined, () => true);
  assert.equal(given.size, 0);
  assert.equal(build.length, 5);
});

Deno.test("goTooOld reads what go version prints", () => {
  assert.equal(goTooOld("go version go1.26.0 linux/amd64"), undefined);
  assert.equal(goTooOld("go version go1.30rc1 darwin/arm64"), undefined);
  assert.equal(goTooOld("go version go2.0 linux/amd64"), undefined);
  assert.equal(goTooOld("go version go1.19.8 linux/amd64"), "it is 1.19");
  assert.match(goTooOld("go: go.mod requires go >= 1.26.0 (running go 1.24.4)")!, /requires go/);
});

Deno.test("applyPatches changes exactly one place, and says when there is none or more", () => {
  const patch = { module: "m", file: "f.go", find: "b", replace: "x$&" };
  assert.equal(applyPatches("abc", [patch]), "ax$&c");
  assert.throws(() => applyPatches("ac", [patch]), /f\.go: .* 0 times/);
  assert.throws(() => applyPatches("abcb", [patch]), /f\.go: .* 2 times/);
});
