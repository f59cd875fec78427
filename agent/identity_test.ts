import assert from "node:assert/strict";
import { hostIdentity } from "./identity.ts";

Deno.test("one agent of a machine has its name; it is free again when that one ends", async () => {
  const dir = await Deno.makeTempDir();
  const of = (pid: number, clusterId = "c1") =>
    hostIdentity({ hostname: "edge-1", pid, dir, clusterId });
  const first = await of(1);
  const second = await of(2);
  const elsewhere = await of(3, "c2");
  assert.equal(first.name, "edge-1");
  assert.equal(second.name, "edge-1_2");
  assert.equal(elsewhere.name, "edge-1", "the agent of another cluster");
  first[Symbol.dispose]();
  const third = await of(4);
  assert.equal(third.name, "edge-1");
  for (const one of [second, elsewhere, third]) one[Symbol.dispose]();
  await Deno.remove(dir, { recursive: true });
});

Deno.test("a killed agent's name is free at once", async () => {
  const dir = await Deno.makeTempDir();
  const module = new URL("./identity.ts", import.meta.url).href;
  const options = JSON.stringify({ hostname: "edge-1", pid: 1, dir, clusterId: "c1" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      `import { hostIdentity } from "${module}"; const it = await hostIdentity(${options}); ` +
      "console.log(it.name); setInterval(() => {}, 1000);",
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value?.trim(), "edge-1");
  const beside = await hostIdentity({ hostname: "edge-1", pid: 2, dir, clusterId: "c1" });
  assert.equal(beside.name, "edge-1_2");
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  using after = await hostIdentity({ hostname: "edge-1", pid: 3, dir, clusterId: "c1" });
  assert.equal(after.name, "edge-1");
  await Deno.remove(dir, { recursive: true });
});

Deno.test("without a place for the lock the name has the process number", async () => {
  const options = { hostname: "edge-1", pid: 7, dir: "/nonexistent", clusterId: "c1" };
  using identity = await hostIdentity(options);
  assert.equal(identity.name, "edge-1_7");
});
