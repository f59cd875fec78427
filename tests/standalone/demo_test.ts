/**
 * `deno task demo` on a machine without Kubernetes, and without kubectl.
 *
 * @module
 */
import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { ROOT } from "../e2e/programs.ts";

/** The bound is 15 s, and the machine is shared. */
const MAX_MS = 2 * 15_000;

Deno.test("the demo shows registration, a list, a watch, a death and a return", async () => {
  const [, ...args] = config.tasks.demo.command.split(" ");
  const started = performance.now();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: ROOT,
    clearEnv: true,
    env: {
      PATH: "/usr/bin:/bin",
      HOME: Deno.env.get("HOME") ?? "/root",
      NO_COLOR: "1",
      ...(Deno.env.has("DENO_DIR") ? { DENO_DIR: Deno.env.get("DENO_DIR")! } : {}),
    },
  }).output();
  const took = performance.now() - started;
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text + new TextDecoder().decode(stderr));
  for (const city of ["berlin", "paris", "tokyo"]) {
    assert.match(text, new RegExp(`embedded-${city}`));
  }
  assert.match(text, /all three are Ready/);
  assert.match(text, /^ +prices +1 +/m);
  assert.match(text, /ADDED configmap\/fresh/);
  assert.match(text, /Connected=False after/);
  assert.match(text, /503: /);
  assert.match(text, /Ready after .* with its old identity/);
  Deno.stdout.writeSync(new TextEncoder().encode(`the demo took ${(took / 1000).toFixed(1)} s\n`));
  assert.ok(took < MAX_MS, text);
});
