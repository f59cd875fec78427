/**
 * The test bed itself, on real control planes: what every other test here stands on. Everything
 * goes to the clusters directly; no hub and no agent take part.
 */
import assert from "node:assert/strict";
import * as https from "node:https";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { delay } from "../../shared/backoff.ts";
import { registerApiService, unregisterApiService } from "../cluster/aggregation.ts";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import type { Pod } from "../cluster/kwok.ts";
import { CertificateAuthority } from "../cluster/pki.ts";
import { serviceProxy } from "../cluster/service_proxy.ts";

/** kubectl's two transports for exec, attach and port-forward. */
const TRANSPORTS: Record<string, Record<string, string>> = {
  WebSocket: {},
  SPDY: {
    KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false",
    KUBECTL_PORT_FORWARD_WEBSOCKETS: "false",
  },
};

function randomBytes(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, Math.min(at + 65_536, length)));
  }
  return bytes;
}

async function exec(child: Cluster, env: Record<string, string>): Promise<void> {
  const sh = (script: string): string[] => ["exec", "shell", "--", "sh", "-c", script];
  const result = await child.kubectl(sh("echo out; echo err >&2; exit 7"), { env });
  assert.equal(result.code, 7);
  assert.equal(result.stdout, "out\n");
  assert.match(result.stderr, /^err\n/);
  assert.equal((await child.kubectl(sh("kill -9 $$"), { env })).code, 137);

  const data = randomBytes(1 << 20);
  const echo = await child.kubectl(["exec", "-i", "shell", "--", "cat"], { env, stdin: data });
  assert.equal(echo.code, 0);
  assert.deepEqual(echo.stdoutBytes, data);
}

async function terminal(child: Cluster, env: Record<string, string>): Promise<void> {
  const args = ["exec", "-it", "shell", "--", "sh"];
  await using shell = child.kubectlStream(args, { env, tty: true });
  await shell.write("tty; echo a$((1+1))b\n");
  await shell.waitFor(/\/dev\/\S+\r\na2b/);
  await shell.write("echo sleeping; sleep 100\n");
  await shell.waitFor(/\nsleeping/);
  await delay(200);
  await shell.write("\x03"); // Ctrl-C
  await shell.write("echo code $?\n");
  await shell.waitFor(/code 130/);
  await shell.write("exit 5\n");
  assert.equal(await shell.exited, 5);
}

async function logsAndAttach(child: Cluster, pod: Pod, env: Record<string, string>): Promise<void> {
  await pod.log("first line");
  assert.match(await child.kubectlOk(["logs", "shell"], { env }), /^first line$/m);
  await using logs = child.kubectlStream(["logs", "-f", "--tail=1", "shell"], { env });
  await logs.waitFor(/first line\n/);
  await using attach = child.kubectlStream(["attach", "-i", "shell"], { env });
  await attach.waitFor(/press(ing)? enter/i, { stream: "stderr" });
  await delay(500); // the kubelet says nothing when it has begun to follow the log
  await pod.log("second line");
  await logs.waitFor(/second line\n/);
  await attach.waitFor(/second line\n/);
  await attach.write("typed\n");
  await child.api.until("attach's standard input", async () => {
    return (await Deno.readTextFile(`${pod.logFile}.stdin`)).endsWith("typed\n");
  }, 10_000);
  await delay(3000); // longer than the runtime's own check of a silent log
  await pod.log("third line", "stderr");
  await logs.waitFor(/third line\n/);
}

async function copy(child: Cluster, pod: Pod, env: Record<string, string>): Promise<void> {
  const data = randomBytes(3 << 20);
  await Deno.writeFile(`${child.dir}/up.bin`, data);
  const cwd = child.dir;
  await child.kubectlOk(["cp", "up.bin", `default/shell:${pod.dir}/there.bin`], { env, cwd });
  assert.deepEqual(await Deno.readFile(`${pod.dir}/there.bin`), data);
  await child.kubectlOk(["cp", `default/shell:${pod.dir}/there.bin`, "down.bin"], { env, cwd });
  assert.deepEqual(await Deno.readFile(`${child.dir}/down.bin`), data);
}

async function portForward(child: Cluster, pod: Pod, env: Record<string, string>): Promise<void> {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen(): void {} },
    () => new Response("from the server"),
  );
  await pod.setForwards({ 80: server.addr.port });
  try {
    await using forward = child.kubectlStream(["port-forward", "shell", ":80"], { env });
    const [, port] = await forward.waitFor(/127\.0\.0\.1:(\d+)/);
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    for (let i = 0; i < 3; i++) {
      const response = await fetch(`http://127.0.0.1:${port}/`, { client });
      assert.equal(await response.text(), "from the server");
    }
  } finally {
    await server.shutdown();
  }
}

Deno.test("A child's pods serve exec, terminal, logs, attach, cp and port-forward", async (t) => {
  await using child = await startCluster({ name: "child", kwok: true, nodes: ["n1", "n2"] });
  const pod = await child.createPod({ name: "shell" });
  assert.equal(await child.kubectlOk(["get", "nodes", "-o", "name"]), "node/n1\nnode/n2\n");
  for (const [name, env] of Object.entries(TRANSPORTS)) {
    await t.step(`exec over ${name}`, () => exec(child, env));
    await t.step(`a terminal over ${name}`, () => terminal(child, env));
    await t.step(`logs and attach over ${name}`, () => logsAndAttach(child, pod, env));
    await t.step(`cp over ${name}`, () => copy(child, pod, env));
    await t.step(`port-forward over ${name}`, () => portForward(child, pod, env));
  }
  await t.step("every component comes back after kill -9, with its data", async () => {
    for (const process of child.processes) await process.restart();
    assert.match(await child.kubectlOk(["get", "pods"]), /shell +1\/1 +Running/);
  });
  await t.step("a paused kube-apiserver is silent, and serves again when it goes on", async () => {
    child.apiserver.pause();
    const silent = await child.kubectl(["get", "nodes", "--request-timeout=1s"]);
    assert.notEqual(silent.code, 0);
    child.apiserver.resume();
    await child.kubectlOk(["get", "nodes"]);
  });
  await t.step("a namespace goes with its pods: the controller-manager works", async () => {
    await child.createPod({ name: "gone", namespace: "team-a" });
    await child.kubectlOk(["delete", "namespace", "team-a", "--timeout=60s"]);
  });
});

Deno.test("A parent leads an aggregated API to the Ready backend, as a front proxy", async () => {
  await using parent = await startCluster({ name: "parent" });
  const ca = await CertificateAuthority.create("hub-ca");
  const pair = await ca.issue({
    commonName: "hub",
    usages: ["server"],
    dnsNames: ["clusternet-hub.clusternet-system.svc"],
  });
  const server = https.createServer({
    ...pair,
    ca: parent.pki.frontProxyCa.pem,
    requestCert: true,
    rejectUnauthorized: false, // probes bring none
  }, (request, response) => {
    const socket = request.socket as TLSSocket;
    const { headers, url } = request;
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({
      kind: "APIResourceList",
      apiVersion: "v1",
      groupVersion: "proxies.clusternet.io/v1alpha1",
      resources: [],
      url,
      proxy: socket.authorized ? socket.getPeerCertificate().subject?.CN : undefined,
      user: headers["x-remote-user"],
      groups: headers["x-remote-group"],
    }));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const backend = (server.address() as AddressInfo).port;
    await using service = await serviceProxy({ backends: () => [1, backend] });
    await registerApiService(parent, { port: service.port, caBundle: ca.pem });
    const kubeconfig = await parent.kubeconfigFor({ user: "jane", groups: ["system:masters"] });
    const path = "/apis/proxies.clusternet.io/v1alpha1/sockets/x?y=z";
    const seen = JSON.parse(await parent.kubectlOk(["get", "--raw", path], { kubeconfig }));
    assert.equal(seen.url, path);
    assert.equal(seen.proxy, "front-proxy-client");
    assert.equal(seen.user, "jane");
    assert.match(seen.groups, /system:masters/);
    await unregisterApiService(parent);
  } finally {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
});
