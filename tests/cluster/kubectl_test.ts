import assert from "node:assert/strict";
import { kubectlEnv, KubectlStream, runKubectl, withTerminal } from "./kubectl.ts";

/** A shell in kubectl's place. */
const sh = { kubectl: "/bin/sh", kubeconfig: "/k", cacheDir: "/tmp" };

Deno.test("kubectlEnv keeps the user's own configuration out", () => {
  const env = kubectlEnv({ kubeconfig: "/k", cacheDir: "/c", env: { EXTRA: "1" } });
  assert.equal(env.KUBECONFIG, "/k");
  assert.equal(env.KUBECACHEDIR, "/c");
  assert.equal(env.HOME, "/c");
  assert.equal(env.EXTRA, "1");
});

Deno.test("runKubectl gives code, output and bytes", async () => {
  const result = await runKubectl(["-c", "cat; echo err >&2; exit 3"], { ...sh, stdin: "in" });
  assert.deepEqual([result.code, result.stdout, result.stderr], [3, "in", "err\n"]);
  assert.deepEqual([...result.stdoutBytes], [105, 110]);
});

Deno.test("runKubectl survives a program that does not read its input", async () => {
  const result = await runKubectl(["-c", "exit 4"], { ...sh, stdin: new Uint8Array(1 << 20) });
  assert.equal(result.code, 4);
});

Deno.test("runKubectl kills at the deadline and says so", async () => {
  const result = await runKubectl(["-c", "exec sleep 100"], { ...sh, timeoutMs: 100 });
  assert.equal(result.code, 124);
  assert.match(result.stderr, /killed after 0.1 s/);
});

Deno.test("KubectlStream is read and written while it runs", async () => {
  await using stream = KubectlStream.spawn(
    ["-c", "while read x; do echo got $x; done; exit 5"],
    sh,
  );
  await stream.write("one\n");
  await stream.waitFor(/got one/);
  await stream.write("two\n");
  assert.deepEqual([...(await stream.waitFor(/got (tw.)/))], ["got two", "two"]);
  await stream.closeStdin();
  assert.equal(await stream.exited, 5);
});

Deno.test("KubectlStream tells what there was instead", async () => {
  await using stream = KubectlStream.spawn(["-c", "echo something else"], sh);
  await assert.rejects(stream.waitFor(/wanted/), /ended without \/wanted\/[^]*something else/);
  await using silent = KubectlStream.spawn(["-c", "exec sleep 100"], sh);
  await assert.rejects(silent.waitFor(/x/, { timeoutMs: 50 }), /went on for 0.05 s without/);
});

Deno.test("withTerminal quotes for script(1)", () => {
  const [command, args] = withTerminal(["/k", "it's"], "linux");
  assert.equal(command, "script");
  assert.ok(args.includes(`exec '/k' 'it'\\''s'`));
  assert.deepEqual(withTerminal(["/k", "a"], "darwin")[1], ["-q", "/dev/null", "/k", "a"]);
});
