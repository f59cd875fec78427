/**
 * What hub, agent, ctl and demo may do, in tasks, images and compiled programs: as it is written,
 * and as a program that was taken over would find it.
 */
import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { runRoot } from "../cluster/paths.ts";
import { startFleet } from "../e2e/fleet.ts";
import { type ProgramChange, ROOT, withPrograms } from "../e2e/programs.ts";
import { startStandaloneHub } from "../standalone/standalone_hub.ts";
import { imageCommand, KINDS, listed, probe, SETS, shortDir } from "./permissions.ts";

const PROGRAMS = ["hub", "agent"] as const;
/** Whoever may run programs may do anything by them, so these lists stay broad where flags name paths. */
const MAY_RUN: Readonly<Record<string, string>> = {
  ctl: "kubectl, the agent of `join --run`, and whatever plugin a kubeconfig names for credentials",
  demo: "hub, agents and kubectl; under npx this Deno is on no PATH, so no name stands for it",
  compile: "`deno compile`, as this very Deno",
};
/** What a list cannot narrow. */
const BROAD: Readonly<Record<string, string>> = {
  "hub read": "--kubeconfig, certificates and --data-dir are the user's own paths",
  "hub write": "--data-dir is the user's own path",
  "agent read": "--kubeconfig, CA and token files are the user's own paths",
  "ctl read": "kubeconfigs and the files that they name",
  "ctl write": "--output of a kubeconfig",
  "ctl env": "credential plugins get the whole environment",
  "demo read": "its directory lies in TMPDIR, wherever that is",
  "demo write": "its directory lies in TMPDIR, wherever that is",
};

function wordsOf(task: keyof typeof config.tasks): string[] {
  return config.tasks[task].command.split(" ").slice(1);
}

/** Command lines grant by a set alone, ask nobody, and import nothing from afar. */
function checkWords(words: readonly string[], set: string): void {
  const line = words.join(" ");
  assert.ok(words.includes(`-P=${set}`), line);
  for (const word of ["--no-prompt", "--no-remote"]) assert.ok(words.includes(word), line);
  for (const word of words) {
    assert.doesNotMatch(word, /^(-A|--allow-|--deny-|--ignore-|--unstable|--inspect|-[RWNESI]\b)/);
  }
}

Deno.test("every command line has a permission set of its own, and grants nothing beside it", async () => {
  for (const task of ["hub", "agent", "ctl", "demo"] as const) checkWords(wordsOf(task), task);
  for (const program of ["hub", "agent", "ctl"] as const) {
    checkWords(wordsOf(`compile:${program}`), "compile");
  }
  for (const program of PROGRAMS) {
    const { words, env } = await imageCommand(program);
    checkWords(words, `${program}-image`);
    assert.equal(words.at(-1), `${program}/main.ts`);
    assert.equal(env.TMPDIR, "/run/clusternet");
  }
  const compile = await Deno.readTextFile(`${ROOT}deploy/compile.ts`);
  assert.match(compile, /^ +`-P=\$\{wanted\}`,$/m);
  assert.doesNotMatch(compile, /"(-A|--allow-)/);
  assert.deepEqual(
    Object.keys(SETS).toSorted(),
    ["agent", "agent-image", "compile", "ctl", "demo", "hub", "hub-image"],
  );
});

Deno.test("the permission sets are narrow, and broad only where a reason is written", () => {
  for (const [name, set] of Object.entries(SETS)) {
    for (const kind of Object.keys(set)) assert.ok((KINDS as readonly string[]).includes(kind));
    for (const kind of ["read", "write", "env", "sys"] as const) {
      if (listed(set[kind]) === true) assert.ok(BROAD[`${name} ${kind}`], `${name} ${kind}`);
    }
    assert.equal(set.ffi, false, name);
    assert.equal(set.run, name in MAY_RUN, name);
    if (name === "compile") {
      assert.equal(set.net, false);
      continue;
    }
    assert.deepEqual(set.net, SETS["hub"]!.net, "all that dial are denied the same addresses");
  }
  for (const program of PROGRAMS) {
    const [task, image] = [SETS[program]!, SETS[`${program}-image`]!];
    assert.deepEqual([image.env, image.sys], [task.env, task.sys]);
    assert.deepEqual(listed(image.write), ["/run/clusternet"]);
    assert.deepEqual(listed(image.read), [
      "/var/run/secrets/kubernetes.io",
      "/run/secrets/kubernetes.io",
      "/etc/clusternet",
      "/run/clusternet",
      ...(program === "hub" ? ["./hub", "./shared"] : []),
    ]);
  }
});

Deno.test("a compiled program carries the permissions of its set", {
  ignore: Deno.build.os !== "linux", // Any program will do as the base; this one is an ELF file
}, async () => {
  await using dir = await shortDir();
  const { permissions } = config;
  await Deno.writeTextFile(`${dir.path}/deno.json`, JSON.stringify({ permissions }));
  await Deno.writeTextFile(`${dir.path}/main.ts`, "");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["compile", "--no-prompt", "-P=agent", "--output=program", "main.ts"],
    cwd: dir.path,
    env: { DENORT_BIN: "/bin/true" },
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  const program = new TextDecoder("latin1").decode(await Deno.readFile(`${dir.path}/program`));
  const carried = JSON.parse(/"permissions":(\{"allow_env".*?\})/.exec(program)![1]!);
  const agent = SETS["agent"]!;
  assert.deepEqual(carried.allow_env, listed(agent.env));
  assert.deepEqual(carried.ignore_env, listed(agent.env, "ignore"));
  assert.deepEqual(carried.deny_net, listed(agent.net, "deny"));
  assert.deepEqual(carried.allow_sys, listed(agent.sys));
  assert.deepEqual(carried.allow_write, listed(agent.write));
  assert.deepEqual([carried.allow_run, carried.allow_ffi, carried.prompt], [null, null, false]);
});

Deno.test("a name that resolves into a denied range is denied too", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const script = `data:application/javascript,${
    encodeURIComponent(`
    import { connect } from "node:net";
    const ways = [
      () => Deno.connect({ hostname: "localhost", port: ${port} }),
      () => fetch("http://localhost:${port}/"),
      () => new Promise((resolve, reject) =>
        connect(${port}, "localhost").on("error", reject).on("connect", resolve)),
    ];
    for (const way of ways) {
      console.log(await way().then(() => "ok", (error) => [error, error.cause].join()));
    }
    Deno.exit();`)
  }`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net", "--deny-net=127.0.0.0/8,[::1]", script],
  }).output();
  listener.close();
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  assert.equal(lines.length, 3, lines.join("\n"));
  for (const line of lines) assert.match(line, /Requires net access to "(127\.0\.0\.1|\[?::1)/);
});

/** What fails in every set of hub and agent, as an error of the runtime's permissions. */
const NEVER = [
  "run sh",
  "run itself",
  "run by node",
  "load a library",
  "open the inspector",
  "import from afar",
  "read a secret variable",
  "read it by node",
  "set a variable",
  "read the process's environment",
  "read memory",
  "read the user's name",
  "read the release of the system",
  "connect to metadata",
  "connect by node",
  "fetch metadata",
  "fetch metadata as a number",
  "fetch metadata as IPv6",
  "websocket to metadata",
  "connect to metadata of Alibaba",
  "connect to metadata of AWS",
  "multicast",
];
const NEVER_READ = ["read the password file", "read by node", "read ssh keys"];
const NEVER_WRITTEN = ["write outside", "link outside"];
const ALLOWED = ["write where it may", "read where it may"];

/** Its words, with the directory of the image's paths elsewhere: what stands last counts. */
async function imageWords(
  program: "hub" | "agent",
  mounted: string,
  run: string,
): Promise<string[]> {
  const { words } = await imageCommand(program);
  const set = SETS[`${program}-image`]!;
  const moved = (kind: "read" | "write"): string =>
    (listed(set[kind]) as readonly string[]).map((path) =>
      path.replace(/^\/run\/clusternet$/, run).replace(/^\/etc\/clusternet$/, mounted)
    ).join(",");
  return [
    ...words.slice(0, -1),
    `--allow-read=${moved("read")}`,
    `--allow-write=${moved("write")}`,
    words.at(-1)!,
  ];
}

Deno.test("from inside, hub and agent find nothing that they were not given", async (t) => {
  await using run = await shortDir();
  const home = await Deno.makeTempDir({ dir: ROOT + "tests", prefix: ".probe-" });
  try {
    await Deno.mkdir(`${home}/.ssh`);
    await Deno.writeTextFile(`${home}/.ssh/id_ed25519`, "");
    for (const program of PROGRAMS) {
      const images = await imageWords(program, "/etc/clusternet", run.path);
      const commands: [string, string[], string[]][] = [
        [`task ${program}`, wordsOf(program), program === "hub" ? [] : NEVER_WRITTEN],
        [`image ${program}`, images, [...NEVER_READ, ...NEVER_WRITTEN]],
      ];
      for (const [what, words, more] of commands) {
        await t.step(what, async () => {
          const found = await probe(words, [run.path, home]);
          for (const attempt of [...NEVER, ...more]) {
            assert.equal(found[attempt], "NotCapable", attempt);
          }
          for (const attempt of ALLOWED) assert.equal(found[attempt], "ok", attempt);
          for (const name of ["probe", "link"]) {
            await Deno.remove(`${run.path}/${name}`).catch(() => {});
            await Deno.remove(`${home}/${name}`).catch(() => {});
          }
        });
      }
    }
  } finally {
    await Deno.remove(home, { recursive: true });
  }
});

Deno.test("hub and agent work with exactly the permissions of their images", async () => {
  await using hubRun = await shortDir();
  await using agentRun = await shortDir();
  const runs = { hub: hubRun.path, agent: agentRun.path };
  const change = async (program: "hub" | "agent"): Promise<ProgramChange> => {
    // The files that Kubernetes would mount: kubeconfigs and CAs of the clusters
    const words = await imageWords(program, runRoot(), runs[program]);
    const { env } = await imageCommand(program);
    const { DENO_DIR: _, ...others } = env;
    return { words: () => words, env: { ...others, TMPDIR: runs[program] } };
  };
  const changes = { hub: await change("hub"), agent: await change("agent") };
  await using fleet = await withPrograms(changes, () =>
    startFleet({
      hub: { args: [`--runtime-dir=${runs.hub}`] },
      agent: { args: [`--runtime-dir=${runs.agent}`] },
    }));
  const { code, stdout, stderr } = await fleet.through(["get", "nodes"]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /node-1 +Ready/);
});

Deno.test("a standalone hub works with exactly the permissions of the image", async () => {
  await using run = await shortDir();
  const words = await imageWords("hub", "/etc/clusternet", run.path);
  const change = { words: () => words, env: { TMPDIR: run.path } };
  await using hub = await withPrograms(
    { hub: change },
    () => startStandaloneHub({ args: [`--data-dir=${run.path}/data`] }),
  );
  const kubeconfig = `${run.path}/data/admin.kubeconfig`;
  assert.match(await hub.kubectlOk(["get", "ns"], { kubeconfig }), /^default /m);
});

Deno.test("a kubeconfig with a credential plugin is refused with what to give instead", async () => {
  await using dir = await shortDir();
  const kubeconfig = `${dir.path}/kubeconfig`;
  const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "/bin/true" };
  await Deno.writeTextFile(
    kubeconfig,
    JSON.stringify({
      clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
      users: [{ name: "u", user: { exec: { ...exec, interactiveMode: "Never" } } }],
      contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
      "current-context": "x",
    }),
  );
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...wordsOf("hub"), `--kubeconfig=${kubeconfig}`],
    cwd: ROOT,
  }).output();
  assert.equal(code, 1);
  assert.match(
    new TextDecoder().decode(stderr),
    /may not run others\. Give a kubeconfig with a token/,
  );
});
