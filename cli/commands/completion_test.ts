import assert from "node:assert/strict";
import { Command } from "commander";
import { FakeContext, fakeId, putCluster, runCli, unreachable } from "../testing.ts";
import { clustersCommand } from "./clusters.ts";
import { completionCommand } from "./completion.ts";
import { doctorCommand } from "./doctor.ts";
import { eachCommand } from "./each.ts";
import { kubeconfigCommand } from "./kubeconfig.ts";
import { kubectlCommand } from "./kubectl.ts";

function commands(context: FakeContext): Command[] {
  return [
    clustersCommand(context),
    kubeconfigCommand(context),
    kubectlCommand(context),
    eachCommand(context),
    doctorCommand(context),
    completionCommand(context),
    new Command("accept").argument("[cluster...]"),
    new Command("token").addCommand(new Command("create").option("--ttl <duration>", "it's: x")),
  ];
}

function fleet(): FakeContext {
  const made = new FakeContext();
  putCluster(made.kube, { name: "edge-1", id: fakeId(1) });
  putCluster(made.kube, { name: "edge-2", id: fakeId(2), connected: "False" });
  return made;
}

/** @returns candidates without descriptions, and the directive */
async function tab(made: FakeContext, ...words: string[]): Promise<string[]> {
  const code = await runCli(made, commands(made), ["completion", "__complete", "--", ...words]);
  assert.equal(code, 0, made.stderr);
  const lines = made.stdout.trimEnd().split("\n").map((line) => line.split("\t")[0]!);
  made.stdout = "";
  return lines;
}

Deno.test("__complete offers commands, none that is hidden", async () => {
  const made = fleet();
  assert.deepEqual(await tab(made, "clu"), [
    "clusters",
    "kubeconfig",
    "kubectl",
    "each",
    "doctor",
    "completion",
    "accept",
    "token",
    ":4",
  ]);
  assert.deepEqual(await tab(made, "token", ""), ["create", ":4"]);
  assert.deepEqual(await tab(made, "completion", ""), ["bash", "zsh", "fish", ":4"]);
});

Deno.test("__complete offers the names of clusters, with their state", async () => {
  const made = fleet();
  assert.deepEqual(await tab(made, "kubectl", "ed"), ["edge-1", "edge-2", ":4"]);
  assert.deepEqual(await tab(made, "doctor", "-n", "x", ""), ["edge-1", "edge-2", ":4"]);
  assert.deepEqual(await tab(made, "--context", "other", "kubeconfig", "e"), [
    "edge-1",
    "edge-2",
    ":4",
  ]);
  assert.equal(made.connects.at(-1)?.context, "other");
  await runCli(made, commands(made), ["completion", "__complete", "--", "kubectl", ""]);
  assert.equal(made.stdout, "edge-1\tready\nedge-2\tnot ready\n:4\n");
});

Deno.test("__complete offers what accept can accept", async () => {
  const made = fleet();
  made.kube.put("clusters.clusternet.io/clusterregistrationrequests", {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ClusterRegistrationRequest",
    metadata: { name: `clusternet-${fakeId(7)}` },
    spec: { clusterId: fakeId(7) },
  });
  assert.deepEqual(await tab(made, "accept", ""), [fakeId(7), ":4"]);
});

Deno.test("__complete offers flags, their values, and files where a file is wanted", async () => {
  const made = fleet();
  const flags = await tab(made, "clusters", "--w");
  assert.ok(flags.includes("--watch") && flags.includes("--help"), flags.join());
  const formats = ["wide", "json", "yaml", "name", ":4"];
  assert.deepEqual(await tab(made, "clusters", "-o", ""), formats);
  assert.deepEqual(
    await tab(made, "clusters", "--output=j"),
    formats.map((one) => one === ":4" ? one : `--output=${one}`),
  );
  assert.deepEqual(await tab(made, "kubeconfig", "x", "--output", ""), [":0"]);
  assert.deepEqual(await tab(made, "clusters", "--kubeconfig", ""), [":0"]);
  assert.deepEqual(await tab(made, "--kubeconfig", ""), [":0"]);
});

Deno.test("__complete leaves what follows -- to others", async () => {
  const made = fleet();
  assert.deepEqual(await tab(made, "kubectl", "edge-1", ""), ["--", ":4"]);
  assert.deepEqual(await tab(made, "kubectl", "edge-1", "--", "apply", "-f", ""), [":0"]);
});

Deno.test("__complete is silent where the parent cannot be asked", async () => {
  const made = new FakeContext({ transport: unreachable });
  assert.deepEqual(await tab(made, "kubectl", ""), [":4"]);
  assert.equal(made.stderr, "");
});

Deno.test("completion tells how kubectl itself completes the plugin", async () => {
  const made = fleet();
  assert.equal(await runCli(made, commands(made), ["completion", "--help"]), 0);
  assert.match(made.stdout, /kubectl_complete-outreach/);
  assert.match(made.stdout, /exec kubectl-outreach completion __complete -- "\$@"/);
  assert.doesNotMatch(made.stdout, /Commands:/);
  assert.equal(await runCli(made, commands(made), ["completion", "tcsh"]), 2);
});

/** Stands in for the program where a script asks it. */
const STUB = `#!/bin/sh
echo "$*" >> "$OUTREACH_SEEN"
case "$*" in
*" --output="*) printf '%s\\n' --output=json --output=yaml :4 ;;
*" -o "*) printf '%s\\n' json yaml :4 ;;
*) printf 'edge-1\\tready\\nedge-2\\tnot ready\\na/b\\tx\\n:4\\n' ;;
esac
`;

async function withStub(work: (dir: string, script: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${dir}/kubectl-outreach`, STUB, { mode: 0o755 });
    const made = fleet();
    assert.equal(await runCli(made, commands(made), ["completion", "bash"]), 0);
    await Deno.writeTextFile(`${dir}/script`, made.stdout);
    await work(dir, `${dir}/script`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function bash(dir: string, script: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command("bash", {
    args: ["--norc", "-c", script],
    env: { PATH: `${dir}:/usr/bin:/bin`, OUTREACH_SEEN: `${dir}/seen` },
    clearEnv: true,
    stdin: "null",
  }).output();
  const error = new TextDecoder().decode(stderr);
  // Outside of a completion compopt complains, and only then
  assert.equal(error.replace(/^.*compopt: not currently executing.*\n/gm, ""), "");
  assert.equal(code, 0);
  return new TextDecoder().decode(stdout).trimEnd();
}

Deno.test("the bash script completes in a real bash", async () => {
  await withStub(async (dir, script) => {
    assert.match(
      await bash(dir, `source ${script}; complete -p kubectl-outreach`),
      /^complete -o default -F _kubectl_outreach kubectl-outreach$/,
    );
    const typed = async (...words: string[]): Promise<string[]> => {
      const list = ["kubectl-outreach", ...words].map((word) => `'${word}'`).join(" ");
      const out = await bash(
        dir,
        `source ${script}; COMP_WORDS=(${list}); COMP_CWORD=${words.length}; _kubectl_outreach; ` +
          'printf "%s\\n" "${COMPREPLY[@]}"',
      );
      return out === "" ? [] : out.split("\n");
    };
    assert.deepEqual(await typed("ku"), ["kubeconfig", "kubectl"]);
    assert.deepEqual(await typed("clusters", "--wa"), ["--watch"]);
    assert.deepEqual(await typed("token", "create", "--t"), ["--ttl"]);
    await assert.rejects(Deno.stat(`${dir}/seen`), Deno.errors.NotFound); // Nothing was asked
    assert.deepEqual(await typed("kubectl", "edge"), ["edge-1", "edge-2"]);
    assert.deepEqual(await typed("kubectl", ""), ["edge-1", "edge-2", "a/b"]);
    assert.deepEqual(await typed("clusters", "-o", "j"), ["json"]);
    // bash breaks words at "="
    assert.deepEqual(await typed("clusters", "--output", "=", "j"), ["json"]);
    assert.deepEqual(await typed("clusters", "--output", "="), ["json", "yaml"]);
    assert.deepEqual(await typed("kubectl", "edge-1", "--", "ge"), []);
    const seen = (await Deno.readTextFile(`${dir}/seen`)).split("\n");
    assert.equal(seen[0], "completion __complete -- kubectl edge");
    assert.ok(seen.includes("completion __complete -- clusters --output=j"));
  });
});

Deno.test("the scripts of zsh and fish know every command, and quote what they are given", async () => {
  for (const shell of ["zsh", "fish"]) {
    const made = fleet();
    assert.equal(await runCli(made, commands(made), ["completion", shell]), 0);
    for (const name of ["clusters", "kubectl", "doctor", "token"]) {
      assert.ok(made.stdout.includes(name), `${shell}: ${name}`);
    }
    assert.ok(made.stdout.includes(`it'\\''s`), shell);
    assert.doesNotMatch(made.stdout, /__complete '|undefined/);
  }
});
