import assert from "node:assert/strict";
import { parentFlags } from "./called_as.ts";
import { NO_MACHINE } from "./install/testing.ts";
import { runCli } from "./program.ts";
import { FakeContext } from "./testing.ts";

Deno.test("parentFlags finds what names the parent, and nothing of kubectl's", () => {
  const of = (line: string): string => parentFlags(line.split(" "));
  assert.equal(of("clusters -w --kubeconfig f --context=c"), "--kubeconfig f --context c");
  assert.equal(of("kubectl x --kubeconfig f -- get pods --context c"), "--kubeconfig f");
  assert.equal(of("kubectl x get pods --context c"), "");
  assert.equal(of("join --kubeconfig child"), "");
  assert.equal(of("clusters --kubeconfig"), "");
  assert.equal(parentFlags(["doctor", "--kubeconfig", "/a b"]), "--kubeconfig '/a b'");
});

Deno.test("runCli prints next steps with the flags that name the parent", async () => {
  for (const args of [["clusters", "--kubeconfig", "/a b"], ["--kubeconfig=/a b", "clusters"]]) {
    const context = new FakeContext();
    assert.equal(await runCli(args, context, NO_MACHINE), 0);
    assert.ok(
      context.stderr.includes("`kubectl outreach --kubeconfig '/a b' token create --print-join"),
      context.stderr,
    );
  }
});

Deno.test("runCli without a command prints all of the help", async () => {
  const context = new FakeContext();
  assert.equal(await runCli([], context, NO_MACHINE), 0);
  assert.match(context.stdout, /From nothing to a reachable cluster:/);
});
