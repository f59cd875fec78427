import assert from "node:assert/strict";
import { inClusterConfig, NotInClusterError } from "./in_cluster.ts";
import { loadKubeConfig } from "./kubeconfig.ts";
import { KubeConfigError } from "./kubeconfig_file.ts";

const base64 = (text: string): string => new TextEncoder().encode(text).toBase64();

const CONFIG = `
apiVersion: v1
kind: Config
current-context: main
clusters:
- name: c
  cluster:
    server: https://api.example:6443/prefix
    certificate-authority-data: ${base64("the ca")}
    proxy-url: http://proxy:3128
- name: files
  cluster: { server: https://files.example, certificate-authority: pki/ca.pem }
- name: insecure
  cluster: { server: https://i.example, insecure-skip-tls-verify: true }
users:
- name: cert
  user:
    client-certificate-data: ${base64("the cert")}
    client-key-data: ${base64("the key")}
- name: certfile
  user: { client-certificate: /abs/cert.pem, client-key: key.pem }
- name: token
  user: { token: secret-token }
- name: tokenfile
  user: { tokenFile: token, token: not-this }
- name: half
  user: { client-certificate-data: ${base64("the cert")} }
- name: basic
  user: { username: a, password: b }
- name: as
  user: { token: t, as: somebody }
contexts:
- name: main
  context: { cluster: c, user: cert, namespace: here }
${
  ["files:certfile", "c:token", "c:tokenfile", "c:half", "c:basic", "c:as", "insecure:token"]
    .map((pair) => {
      const [cluster, user] = pair.split(":");
      return `- name: ${pair}\n  context: { cluster: ${cluster}, user: ${user} }`;
    }).join("\n")
}
- name: lost
  context: { cluster: nowhere, user: token }
`;

function reader(files: Record<string, string>): (path: string) => Promise<string> {
  return (path) => {
    const text = files[path];
    if (text === undefined) return Promise.reject(new Error(`No such file "${path}"`));
    return Promise.resolve(text);
  };
}

const files: Record<string, string> = {
  "/home/config": CONFIG,
  "/home/pki/ca.pem": "file ca",
  "/abs/cert.pem": "file cert",
  "/home/key.pem": "file key",
  "/home/token": "token-1\n",
};
const load = (context?: string): ReturnType<typeof loadKubeConfig> =>
  loadKubeConfig({ path: "/home/config", context, readTextFile: reader(files) });

Deno.test("loadKubeConfig() reads what is written out", async () => {
  assert.deepEqual(await load(), {
    server: "https://api.example:6443/prefix",
    ca: "the ca",
    proxyUrl: "http://proxy:3128",
    clientCert: { cert: "the cert", key: "the key" },
    namespace: "here",
  });
  assert.equal(await (await load("c:token")).token?.(), "secret-token");
});

Deno.test("loadKubeConfig() reads files that are named relative to it", async () => {
  const { readCa, ...rest } = await load("files:certfile");
  assert.equal(await readCa?.(), "file ca");
  assert.deepEqual(rest, {
    server: "https://files.example",
    ca: "file ca",
    clientCert: { cert: "file cert", key: "file key" },
  });
});

Deno.test("loadKubeConfig() follows a token file", async () => {
  let now = 0;
  const own = { ...files };
  const { token } = await loadKubeConfig({
    path: "/home/config",
    context: "c:tokenfile",
    now: () => now,
    readTextFile: (path) => reader(own)(path),
  });
  assert.equal(await token?.(), "token-1");
  own["/home/token"] = "token-2";
  assert.equal(await token?.(), "token-1");
  assert.equal(await token?.({ fresh: true }), "token-2");
  own["/home/token"] = "token-3";
  now = 60_000;
  assert.equal(await token?.(), "token-3");
  delete own["/home/token"];
  assert.equal(await token?.({ fresh: true }), "token-3", "the last one stays in use");
});

Deno.test("loadKubeConfig() merges several files: the first to say it wins", async () => {
  const readTextFile = reader({
    "/a/config": `{kind: Config, clusters: [{name: c, cluster: {server: "https://first"}}]}`,
    "/home/config": CONFIG,
  });
  const config = await loadKubeConfig({ path: ["/a/config", "/home/config"], readTextFile });
  assert.equal(config.server, "https://first");
  assert.equal(config.clientCert?.key, "the key");
});

Deno.test("loadKubeConfig() says what it cannot use, and no secret", async () => {
  for (
    const [context, message] of [
      ["insecure:token", /insecure-skip-tls-verify.*certificate-authority-data/s],
      ["c:half", /belong together/],
      ["c:basic", /basic authentication/],
      ["c:as", /impersonation/],
      ["lost", /no cluster "nowhere"/],
      ["absent", /no context "absent"/],
    ] as const
  ) {
    await assert.rejects(load(context), (error: unknown) => {
      assert.ok(error instanceof KubeConfigError);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /secret-token/);
      return true;
    });
  }
  for (const text of ["a: [", "just text", "kind: Pod", "clusters: 5"]) {
    const readTextFile = reader({ "/x": text });
    await assert.rejects(loadKubeConfig({ path: "/x", readTextFile }), KubeConfigError);
  }
  const empty = reader({ "/x": "kind: Config" });
  await assert.rejects(loadKubeConfig({ path: "/x", readTextFile: empty }), /no current-context/);
});

interface Plugin extends AsyncDisposable {
  config: string;
  dir: string;
}

/** A kubeconfig whose user runs a script; the script counts its runs in a file. */
async function plugin(script: string): Promise<Plugin> {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/plugin.sh`, `#!/bin/sh\necho x >> "$0.runs"\n${script}\n`);
  await Deno.chmod(`${dir}/plugin.sh`, 0o700);
  const config = `${dir}/config`;
  await Deno.writeTextFile(
    config,
    `kind: Config
current-context: x
clusters: [{ name: c, cluster: { server: "https://api.example" } }]
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./plugin.sh
      args: [one, two]
      env: [{ name: FLAVOUR, value: vanilla }]
      provideClusterInfo: true
      interactiveMode: Never
      installHint: Install it from the shelf
contexts: [{ name: x, context: { cluster: c, user: u } }]
`,
  );
  return { config, dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("loadKubeConfig() runs an exec plugin, and again for a fresh token", async () => {
  await using made = await plugin(`
runs=$(wc -l < "$0.runs" | tr -d ' ')
server=$(echo "$KUBERNETES_EXEC_INFO" | sed 's/.*"server":"\\([^"]*\\)".*/\\1/')
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",' \\
  "\\"status\\":{\\"token\\":\\"$1-$2-$FLAVOUR-$server-$runs\\"}}"`);
  const config = await loadKubeConfig({ path: made.config });
  assert.equal(await config.token?.(), "one-two-vanilla-https://api.example-1");
  assert.equal(await config.token?.({ fresh: true }), "one-two-vanilla-https://api.example-2");
  assert.equal(await config.token?.(), "one-two-vanilla-https://api.example-2");
});

Deno.test("loadKubeConfig() runs an exec plugin anew when its token has expired", async () => {
  await using made = await plugin(`
runs=$(wc -l < "$0.runs" | tr -d ' ')
echo '{"kind":"ExecCredential","status":{"expirationTimestamp":"2020-01-01T00:00:00Z",' \\
  "\\"token\\":\\"t$runs\\"}}"`);
  const { token } = await loadKubeConfig({ path: made.config });
  assert.deepEqual([await token?.(), await token?.()], ["t2", "t3"]);
});

Deno.test("loadKubeConfig() takes a client certificate from an exec plugin", async () => {
  await using made = await plugin(
    `echo '{"status":{"clientCertificateData":"the cert","clientKeyData":"the key"}}'`,
  );
  const config = await loadKubeConfig({ path: made.config });
  assert.deepEqual(config.clientCert, { cert: "the cert", key: "the key" });
  assert.equal(config.token, undefined);
});

Deno.test("loadKubeConfig() says which plugin failed, and how to get it", async () => {
  for (const script of ["exit 1", "echo secret-token", `echo '{"status":{}}'`]) {
    await using made = await plugin(script);
    await assert.rejects(loadKubeConfig({ path: made.config }), (error: unknown) => {
      assert.ok(error instanceof KubeConfigError);
      assert.match(error.message, /plugin.*"u".*Install it from the shelf/);
      assert.doesNotMatch(error.message, /secret-token/);
      return true;
    });
  }
});

const IN_CLUSTER = {
  env: { KUBERNETES_SERVICE_HOST: "fd00::1", KUBERNETES_SERVICE_PORT: "443" },
  dir: "/sa",
};

Deno.test("inClusterConfig() reads the Pod's ServiceAccount", async () => {
  const config = await inClusterConfig({
    ...IN_CLUSTER,
    readTextFile: reader({ "/sa/token": "t\n", "/sa/ca.crt": "the ca", "/sa/namespace": "n\n" }),
  });
  assert.equal(config.server, "https://[fd00::1]:443");
  assert.equal(config.ca, "the ca");
  assert.equal(config.namespace, "n");
  assert.equal(await config.token?.(), "t");
});

Deno.test("inClusterConfig() says that this is no Pod, or what the Pod lacks", async () => {
  await assert.rejects(inClusterConfig({ env: {} }), (error: unknown) => {
    assert.ok(error instanceof NotInClusterError);
    assert.match(error.message, /give --kubeconfig/);
    return true;
  });
  await assert.rejects(
    inClusterConfig({ ...IN_CLUSTER, readTextFile: reader({}) }),
    /automountServiceAccountToken/,
  );
});
