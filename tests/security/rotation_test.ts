/**
 * Every certificate and token rotates, one after another, while requests, a watch and an exec go
 * on: nothing is lost, nothing is restarted, and the old credential is refused afterwards.
 */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { PARENT_CLUSTER_SECRET } from "../../shared/kube/clusternet_types.ts";
import { type Cluster } from "../cluster/cluster.ts";
import { CertificateAuthority, type KeyPair } from "../cluster/pki.ts";
import { AgentProcess } from "../e2e/agent_process.ts";
import { type Fleet, startFleet, USER } from "../e2e/fleet.ts";
import { eventually } from "../e2e/wait.ts";
import { rawAsk } from "./raw_http.ts";
import { Cutter, RotationLoad, userCertificate } from "./rotation_load.ts";
import { remoteLines, SOCKETS } from "./scene.ts";

const NAMESPACE = "clusternet-system";
const HUB_NAMES = {
  dnsNames: ["localhost", `clusternet-hub.${NAMESPACE}.svc`],
  ips: ["127.0.0.1"],
};
/** A CA file is looked at every 10 s, a token file every minute. */
const CA_FILE_MS = 13_000;
const TOKEN_FILE_MS = 63_000;
/** kube-apiserver remembers for 10 s that a token was good. */
const TOKEN_CACHE_MS = 15_000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits from a moment on. */
const since = async (start: number, ms: number): Promise<void> =>
  await sleep(Math.max(0, start + ms - performance.now()));

async function serverCert(ca: CertificateAuthority): Promise<KeyPair> {
  const leaf = await ca.issue({ commonName: "hub", usages: ["server"], ...HUB_NAMES });
  return { cert: leaf.cert + ca.pem, key: leaf.key };
}

/** Replaces a file as a mounted volume does: never half. */
async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text, { mode: 0o600 });
  await Deno.rename(`${path}.new`, path);
}

/** Who signed the certificate that a port shows. */
async function issuerOf(port: number): Promise<string> {
  return await new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).issuer);
      socket.destroy();
    });
    socket.once("error", reject);
  });
}

/** A token of a ServiceAccount that is void once its Secret is gone. */
class VoidableToken {
  private constructor(
    readonly cluster: Cluster,
    readonly secret: string,
    readonly token: string,
  ) {}

  static async create(cluster: Cluster, account: string, secret: string): Promise<VoidableToken> {
    await cluster.kubectlOk(["-n", NAMESPACE, "create", "secret", "generic", secret]);
    const bound = ["--bound-object-kind=Secret", `--bound-object-name=${secret}`];
    const token = await cluster.kubectlOk(
      ["-n", NAMESPACE, "create", "token", account, "--duration=24h", ...bound],
    );
    return new VoidableToken(cluster, secret, token.trim());
  }

  async void(): Promise<void> {
    await this.cluster.kubectlOk(["-n", NAMESPACE, "delete", "secret", this.secret]);
  }

  /** What the cluster says to it. */
  async status(): Promise<number> {
    const { port, ca } = {
      port: Number(new URL(this.cluster.server).port),
      ca: this.cluster.caPem,
    };
    const headers = [["Authorization", `Bearer ${this.token}`]] as const;
    return (await rawAsk({ port, ca }, { path: "/version", headers })).status;
  }
}

/** A kubeconfig whose CA and token stand in files, as in a Pod. */
async function fileKubeconfig(
  path: string,
  server: string,
  ca: string,
  token: string,
): Promise<{ ca: string; token: string }> {
  await Deno.writeTextFile(`${path}.ca`, ca);
  await Deno.writeTextFile(`${path}.token`, token);
  await Deno.writeTextFile(
    path,
    JSON.stringify({
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "c", cluster: { server, "certificate-authority": `${path}.ca` } }],
      users: [{ name: "u", user: { tokenFile: `${path}.token` } }],
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      "current-context": "c",
    }),
  );
  return { ca: `${path}.ca`, token: `${path}.token` };
}

/** The agent's token for the parent, as it stands in the child. */
async function agentToken(fleet: Fleet): Promise<{ token: string; exp: number; jti: string }> {
  const path = `/api/v1/namespaces/${NAMESPACE}/secrets/${PARENT_CLUSTER_SECRET}`;
  const { data } = await fleet.child.api.get<{ data: Record<string, string> }>(path);
  const token = atob(data.token!);
  const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
  return { token, ...JSON.parse(atob(payload)) };
}

Deno.test("every certificate and token rotates under load, and no request is lost", async (t) => {
  const dir = await Deno.makeTempDir();
  const [firstCa, secondCa, parentCa, proxyCa] = await Promise.all(
    ["hub one", "hub two", "parent two", "front proxy two"].map(CertificateAuthority.create),
  ) as [CertificateAuthority, CertificateAuthority, CertificateAuthority, CertificateAuthority];
  const first = await serverCert(firstCa);
  await Deno.writeTextFile(`${dir}/tls.crt`, first.cert);
  await Deno.writeTextFile(`${dir}/tls.key`, first.key);
  await using fleet = await startFleet({
    hub: { args: [`--tls-cert-file=${dir}/tls.crt`, `--tls-private-key-file=${dir}/tls.key`] },
    agent: false,
  });
  const { parent, child, hub } = fleet;
  await using way = new Cutter(Number(new URL(parent.server).port));
  const hubTokens = await VoidableToken.create(parent, "clusternet-hub", "hub-one");
  const childTokens = await VoidableToken.create(child, "clusternet-agent", "agent-one");
  const hubFiles = await fileKubeconfig(
    `${parent.dir}/kubeconfig-hub`,
    way.url,
    parent.caPem,
    hubTokens.token,
  );
  await hub.process.restart();
  const agent = await AgentProcess.create(parent, child, { parentUrl: way.url });
  const childFiles = await fileKubeconfig(
    `${child.dir}/kubeconfig-agent`,
    child.server,
    child.caPem,
    childTokens.token,
  );
  await using _agent = { [Symbol.asyncDispose]: async () => void await agent.process.kill9() };
  await agent.process.start();
  fleet.clusterId = await agent.clusterId();
  await fleet.grantUser();
  await fleet.ready();
  await child.createPod({ name: "shell" });
  const pids = [hub.process.pid, agent.process.pid];

  await using load = new RotationLoad(
    fleet,
    [parent.caPem, parentCa.pem],
    await userCertificate(fleet),
  );
  load.start();
  await using exec = fleet.stream(["exec", "-i", "shell", "--", "cat"]);
  let turn = 0;
  const report: string[] = [];
  /** Runs one rotation; the watch and the exec that began before all must live after it. */
  const step = async (name: string, body: () => Promise<void>): Promise<void> => {
    const passed = await t.step(name, async () => {
      const start = performance.now();
      await body();
      turn++;
      await child.kubectlOk(["create", "configmap", `turn-${turn}`]);
      await exec.write(`echo-${turn}\n`);
      await exec.waitFor(new RegExp(`echo-${turn}\n`), { timeoutMs: 5_000 });
      await eventually("the watch goes on", 5_000, () => assert.ok(load.sees(`turn-${turn}`)));
      await sleep(1_000);
      const { requests, lost } = load.take();
      const seconds = Math.round((performance.now() - start) / 1_000);
      report.push(`${name}: ${requests} requests in ${seconds} s, ${lost.length} lost`);
      assert.deepEqual(lost, []);
      assert.ok(requests > 20, `only ${requests} requests`);
    });
    if (!passed) await Deno.stderr.write(new TextEncoder().encode(await fleet.logs(40)));
  };

  await step("before all, the load itself loses nothing", () => sleep(3_000));

  const childToken = await VoidableToken.create(child, "clusternet-agent", "agent-two");
  await replace(childFiles.token, childToken.token);
  const childTokenAt = performance.now();

  await step("the hub's serving certificate and its CA", async () => {
    const next = await serverCert(secondCa);
    await replace(`${dir}/tls.key`, next.key);
    await replace(`${dir}/tls.crt`, next.cert);
    const bundle = async (): Promise<string> => {
      const { spec } = await parent.api.get<{ spec: { caBundle: string } }>(
        "/apis/apiregistration.k8s.io/v1/apiservices/v1alpha1.proxies.clusternet.io",
      );
      return atob(spec.caBundle);
    };
    const both = await eventually("caBundle holds both", 30_000, async () => {
      const text = await bundle();
      assert.equal(text.split("BEGIN CERTIFICATE").length - 1, 2);
      return text;
    });
    for (const { pem } of [firstCa, secondCa]) assert.ok(both.includes(pem.trim()));
    assert.equal(await issuerOf(hub.port), "CN=hub one");
    await eventually("the hub serves with the new one", 20_000, async () => {
      assert.equal(await issuerOf(hub.port), "CN=hub two");
    });
    await sleep(3_000);
  });

  await step("the hub's own token for the parent, the old one void at once", async () => {
    const next = await VoidableToken.create(parent, "clusternet-hub", "hub-two");
    assert.equal(await hubTokens.status(), 200);
    await replace(hubFiles.token, next.token);
    await hubTokens.void();
    await sleep(TOKEN_CACHE_MS);
    assert.equal(await hubTokens.status(), 401);
  });

  await step("the agent's token for the parent, through the tunnel", async () => {
    const before = await agentToken(fleet);
    const name = `clusternet-${fleet.clusterId}`;
    // Tokens live for ten minutes at least: a renewal is due when the old one is said to end soon
    const patch = { status: { sealedCredentialsExpiry: new Date(Date.now() + 60_000) } };
    await parent.kubectlOk([
      "patch",
      "clsrr",
      name,
      "--subresource=status",
      "--type=merge",
      "-p",
      JSON.stringify(patch),
    ]);
    const after = await eventually("the agent has another token", 20_000, async () => {
      const now = await agentToken(fleet);
      assert.notEqual(now.token, before.token);
      return now;
    });
    assert.notEqual(after.jti, before.jti);
    assert.ok(after.exp > before.exp);
  });

  await step("the front proxy's CA, and a second one that goes again", async () => {
    const path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication";
    const key = "requestheader-client-ca-file";
    const { data } = await parent.api.get<{ data: Record<string, string> }>(path);
    const cert = await proxyCa.issue({ commonName: "front-proxy-client" });
    const ask = async (): Promise<number> => {
      const { status } = await rawAsk({ port: hub.port, ca: secondCa.pem, cert }, {
        path: `${SOCKETS}/${fleet.clusterId}/proxy/direct/version`,
        headers: remoteLines({ user: USER.name, groups: USER.groups }),
      });
      return status;
    };
    assert.equal(await ask(), 401);
    await parent.api.patch(path, { data: { [key]: data[key] + proxyCa.pem } });
    await eventually("the second CA counts", 20_000, async () => assert.equal(await ask(), 200));
    await sleep(2_000);
    await parent.api.patch(path, { data: { [key]: data[key] } });
    await eventually("it counts no more", 20_000, async () => assert.equal(await ask(), 401));
  });

  await step("the agent's token for the child, the old one void when it was read", async () => {
    await since(childTokenAt, TOKEN_FILE_MS);
    await childTokens.void();
    await sleep(TOKEN_CACHE_MS);
    assert.equal(await childTokens.status(), 401);
  });

  await step("the CA of the parent's API server", async () => {
    const files = [hubFiles.ca, `${child.dir}/agent-parent-ca.crt`];
    for (const file of files) await replace(file, parent.caPem + parentCa.pem);
    await sleep(CA_FILE_MS);
    const { cert, key } = await parentCa.issue({
      commonName: "kube-apiserver",
      usages: ["server"],
      dnsNames: ["localhost"],
      ips: ["127.0.0.1"],
    });
    await replace(`${parent.dir}/pki/apiserver.key`, key);
    await replace(`${parent.dir}/pki/apiserver.crt`, cert);
    await eventually("kube-apiserver serves with it", 90_000, async () => {
      assert.equal(await issuerOf(way.target), "CN=parent two");
    }, 500);
    for (const file of files) await replace(file, parentCa.pem);
    await sleep(CA_FILE_MS);
  });

  await t.step("hub and agent, never restarted, come again with the new CA alone", async () => {
    await load.stop();
    const before = way.taken;
    way.cut();
    await eventually("the tunnel is back", 30_000, async () => {
      assert.ok(way.taken >= before + 2);
      assert.equal(await load.status(`${fleet.proxyPath}/version`), 200);
    }, 500);
    assert.deepEqual([hub.process.pid, agent.process.pid], pids);
    assert.ok(hub.process.running && agent.process.running);
  });
  await Deno.stderr.write(new TextEncoder().encode(report.join("\n") + "\n"));
  await Deno.remove(dir, { recursive: true });
});
