import assert from "node:assert/strict";
import { StatusError } from "../shared/kube/status.ts";
import { NO_MACHINE } from "./install/testing.ts";
import { leadingFlagsLast, runCli } from "./program.ts";
import { FakeContext, unreachable } from "./testing.ts";

Deno.test("runCli without a command prints help and ends with 0", async () => {
  const context = new FakeContext();
  assert.equal(await runCli([], context, NO_MACHINE), 0);
  assert.match(context.stdout, /^Usage: kubectl outreach \[options\] \[command\]/);
  for (const name of ["init", "token", "join", "unjoin", "accept", "deny", "clusters", "doctor"]) {
    assert.match(context.stdout, new RegExp(`^  ${name} `, "m"));
  }
});

Deno.test("runCli suggests a command for one that is misspelt, and ends with 2", async () => {
  const context = new FakeContext();
  assert.equal(await runCli(["tokn"], context, NO_MACHINE), 2);
  assert.match(context.stderr, /unknown command 'tokn'\n\(Did you mean token\?\)/);
  assert.match(context.stderr, /kubectl outreach --help/);
  assert.equal(context.stdout, "");
});

Deno.test("runCli ends with 2 for a wrong flag, 0 for help and version", async () => {
  for (
    const [args, code] of [
      [["token", "create", "--ttl", "never"], 2],
      [["join"], 2],
      [["accept"], 2],
      [["init", "--dry-run=maybe"], 2],
      [["join", "--help"], 0],
      [["--version"], 0],
    ] as const
  ) {
    const context = new FakeContext();
    assert.equal(await runCli(args, context, NO_MACHINE), code, args.join(" "));
  }
});

Deno.test("runCli says a failure in one sentence and ends with 1", async () => {
  const nowhere = new FakeContext({ transport: unreachable });
  assert.equal(await runCli(["token", "list"], nowhere, NO_MACHINE), 1);
  assert.match(nowhere.stderr, /^error: Cannot reach .*check the address, --kubeconfig[^\n]*\n$/);
  const refused = new FakeContext({
    transport: () => Promise.reject(StatusError.of(403, "no listing")),
  });
  assert.equal(await runCli(["token", "list"], refused, NO_MACHINE), 1);
  assert.match(refused.stderr, /^error: no listing \(403 Forbidden\): ask an admin/);
});

Deno.test("runCli ends with 130 after Ctrl-C", async () => {
  const stop = new AbortController();
  const context = new FakeContext({
    signal: stop.signal,
    transport: () => {
      stop.abort(new Error("interrupted"));
      return Promise.reject(stop.signal.reason);
    },
  });
  assert.equal(await runCli(["token", "list"], context, NO_MACHINE), 130);
});

Deno.test("leadingFlagsLast lets kubectl's flags stand before the command", () => {
  assert.deepEqual(leadingFlagsLast(["--context", "a", "clusters", "-w"]), [
    "clusters",
    "--context",
    "a",
    "-w",
  ]);
  assert.deepEqual(leadingFlagsLast(["--kubeconfig=f", "token", "list"]), [
    "token",
    "list",
    "--kubeconfig=f",
  ]);
  assert.deepEqual(leadingFlagsLast(["kubectl", "x", "--", "--context"]), [
    "kubectl",
    "x",
    "--",
    "--context",
  ]);
  assert.deepEqual(leadingFlagsLast(["--context", "a"]), ["--context", "a"]);
});
