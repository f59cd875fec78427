import assert from "node:assert/strict";
import { agentRunner } from "./agent_process.ts";
import { poll } from "./poll.ts";

/** A checkout whose agent writes what it was given, and counts the signals that reach it. */
async function checkout(): Promise<{ root: string } & AsyncDisposable> {
  const root = await Deno.makeTempDir();
  await Deno.mkdir(`${root}/agent`);
  const permissions = { agent: { read: true } };
  await Deno.writeTextFile(`${root}/deno.json`, JSON.stringify({ permissions }));
  await Deno.writeTextFile(
    `${root}/agent/main.ts`,
    `let seen = 0;
    Deno.addSignalListener("SIGTERM", () => {
      seen++;
      setTimeout(() => Deno.exit(40 + seen), 300);
    });
    const dir = Deno.args[0].slice(6);
    const mode = (path) => (Deno.statSync(path).mode & 0o777).toString(8);
    Deno.writeTextFileSync("${root}/told", JSON.stringify({
      dir, dirMode: mode(dir), fileMode: mode(dir + "/token"),
      text: Deno.readTextFileSync(dir + "/token"),
    }));
    setInterval(() => {}, 1000);`,
  );
  return { root, [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }) };
}

async function told(root: string): Promise<Record<string, string>> {
  const text = await poll(
    () => Deno.readTextFile(`${root}/told`).then((text) => text || undefined, () => undefined),
    { timeoutMs: 20_000, everyMs: 50, now: Date.now, signal: new AbortController().signal },
  );
  return JSON.parse(text!);
}

Deno.test("agentRunner hands private files, stops the agent once, and removes them", async () => {
  await using made = await checkout();
  const kill = new AbortController();
  const run = agentRunner({ deno: Deno.execPath(), root: made.root, kill: kill.signal });
  const agent = await run({
    files: { token: "geheim" },
    args: (dir) => [`--dir=${dir}`],
    mayRun: false,
  });
  const { dir, dirMode, fileMode, text } = await told(made.root);
  assert.deepEqual([dirMode, fileMode, text], ["700", "600", "geheim"]);
  agent.stop();
  agent.stop();
  assert.equal(await agent.ended, 41);
  await assert.rejects(Deno.stat(dir!), Deno.errors.NotFound);
});

Deno.test("agentRunner kills the agent at a second Ctrl-C", async () => {
  await using made = await checkout();
  const kill = new AbortController();
  const run = agentRunner({ deno: Deno.execPath(), root: made.root, kill: kill.signal });
  await using agent = await run({
    files: { token: "x" },
    args: (dir) => [`--dir=${dir}`],
    mayRun: false,
  });
  await told(made.root);
  kill.abort();
  assert.equal(await agent.ended, 137);
});
