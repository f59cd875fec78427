import assert from "node:assert/strict";
import { connect, createContext } from "./connect.ts";
import { CliError } from "./context.ts";

function kubeconfig(name: string, current = true): string {
  return JSON.stringify({
    kind: "Config",
    ...(current ? { "current-context": name } : {}),
    clusters: [{ name, cluster: { server: `https://${name}:6443` } }],
    contexts: [{ name, context: { cluster: name, user: name } }],
    users: [{ name, user: { token: "t" } }],
  });
}

function machine(
  files: Record<string, string>,
  env: Record<string, string> = {},
): Parameters<typeof connect>[1] {
  return {
    env,
    pathSeparator: ":",
    readTextFile: (path) =>
      path in files
        ? Promise.resolve(files[path]!)
        : Promise.reject(new Deno.errors.NotFound(path)),
  };
}

Deno.test("connect takes --kubeconfig, then KUBECONFIG, then the home directory", async () => {
  const files = {
    "/flag": kubeconfig("flag"),
    "/env": kubeconfig("env"),
    "/home/u/.kube/config": kubeconfig("home"),
  };
  const env = { HOME: "/home/u", KUBECONFIG: "/gone:/env" };
  using flag = await connect({ kubeconfig: "/flag" }, machine(files, env));
  assert.equal(flag.contextName, "flag");
  assert.equal(flag.kubeconfigPath, "/flag");
  using listed = await connect({}, machine(files, env));
  assert.equal(listed.config.server, "https://env:6443");
  using home = await connect({}, machine(files, { HOME: "/home/u" }));
  assert.equal(home.kubeconfigPath, "/home/u/.kube/config");
});

Deno.test("connect names the file that a context of several stands in", async () => {
  const files = { "/a": kubeconfig("a"), "/b": kubeconfig("b") };
  using found = await connect({ context: "b" }, machine(files, { KUBECONFIG: "/a:/b" }));
  assert.equal(found.kubeconfigPath, "/b");
  assert.equal(found.config.server, "https://b:6443");
});

Deno.test("connect says what to do without a kubeconfig, a context, a current one", async () => {
  await assert.rejects(
    connect({}, machine({}, { HOME: "/home/u" })),
    (error) => error instanceof CliError && /no kubeconfig.*--kubeconfig/.test(error.message),
  );
  const files = { "/a": kubeconfig("a", false) };
  await assert.rejects(
    connect({ kubeconfig: "/a" }, machine(files)),
    /no current-context.*--context/,
  );
  await assert.rejects(
    connect({ kubeconfig: "/a", context: "b" }, machine(files)),
    /no context "b" in \/a: it has "a"/,
  );
});

Deno.test("writeTextFile replaces a file whole, through a link, and keeps its mode", async () => {
  const dir = await Deno.makeTempDir();
  try {
    const context = createContext({
      program: "x",
      env: {},
      signal: new AbortController().signal,
      terminal: { out: false, err: false },
      out: () => {},
      err: () => {},
    });
    await context.writeTextFile(`${dir}/new`, "1");
    assert.equal((await Deno.stat(`${dir}/new`)).mode! & 0o777, 0o600);
    await Deno.chmod(`${dir}/new`, 0o640);
    await Deno.symlink(`${dir}/new`, `${dir}/link`);
    await context.writeTextFile(`${dir}/link`, "2");
    assert.ok((await Deno.lstat(`${dir}/link`)).isSymlink);
    assert.equal(await Deno.readTextFile(`${dir}/new`), "2");
    assert.equal((await Deno.stat(`${dir}/new`)).mode! & 0o777, 0o640);
    assert.equal([...Deno.readDirSync(dir)].length, 2);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("capture collects both outputs and the code; a program that is not there throws NotFound", async () => {
  const context = createContext({
    program: "x",
    env: {},
    signal: new AbortController().signal,
    terminal: { out: false, err: false },
    out: () => {},
    err: () => {},
  });
  const args = ["-c", 'printf "$A"; printf err >&2; exit 3'];
  assert.deepEqual(await context.capture("/bin/sh", args, { A: "out" }), {
    code: 3,
    stdout: "out",
    stderr: "err",
  });
  await assert.rejects(context.capture("/no/such", []), Deno.errors.NotFound);
});

Deno.test("connect names the kubeconfig of this machine's standalone hub, where there is no other", async () => {
  const path = "/home/u/.local/share/clusternet-hub/admin.kubeconfig";
  const here = machine({ [path]: kubeconfig("hub") }, { HOME: "/home/u" });
  await assert.rejects(connect({}, here), (error) => {
    assert.ok(error instanceof CliError);
    return error.message.endsWith(`standalone hub is ${path}`);
  });
});
