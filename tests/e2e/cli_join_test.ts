/**
 * From nothing to a reachable cluster with the operator's program alone, on real kube-apiservers:
 * init, token, join, accept, deny, unjoin.
 */
import assert from "node:assert/strict";
import { type Cluster, startCluster } from "../cluster/cluster.ts";
import { freePorts } from "../cluster/ports.ts";
import { apiServiceAvailable, HubProcess, installHub } from "./hub_process.ts";
import { ROOT } from "./programs.ts";
import { eventually } from "./wait.ts";

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** The program as it runs; disposing kills it. */
class Ctl implements AsyncDisposable {
  stdout = "";
  stderr = "";
  readonly ended: Promise<number>;
  readonly #child: Deno.ChildProcess;

  constructor(cluster: Cluster, args: readonly string[]) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", `${ROOT}cli/main.ts`, ...args],
      // However this test was started, the program is called as a task
      env: { KUBECONFIG: cluster.kubeconfig, NO_COLOR: "1", npm_command: "" },
      cwd: cluster.dir,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const collect = async (
      stream: ReadableStream<Uint8Array<ArrayBuffer>>,
      take: (text: string) => void,
    ): Promise<void> => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
    };
    const read = Promise.all([
      collect(this.#child.stdout, (text) => this.stdout += text),
      collect(this.#child.stderr, (text) => this.stderr += text),
    ]);
    this.ended = Promise.all([this.#child.status, read]).then(([{ code }]) => code);
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async says(pattern: RegExp, timeoutMs = 90_000): Promise<void> {
    await eventually(`it says ${pattern}`, timeoutMs, () => {
      assert.match(this.stdout + this.stderr, pattern);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended
    }
    await this.ended;
  }
}

async function ctl(cluster: Cluster, args: readonly string[]): Promise<Ran> {
  await using run = new Ctl(cluster, args);
  const code = await run.ended;
  return { code, stdout: run.stdout, stderr: run.stderr };
}

async function ctlOk(cluster: Cluster, args: readonly string[]): Promise<Ran> {
  const ran = await ctl(cluster, args);
  assert.equal(ran.code, 0, `${args.join(" ")}\n${ran.stdout}${ran.stderr}`);
  return ran;
}

/** What an operator pastes: the printed words, without how the program is called. */
async function joinWords(parent: Cluster): Promise<string[]> {
  const { stdout } = await ctlOk(parent, ["token", "create", "--print-join-command"]);
  const command = stdout.trim();
  assert.match(command, /^deno task ctl join --hub https:\S+ --token \S+ --ca-\S+ \S+ --run$/);
  return command.split(" ").slice(3);
}

async function through(parent: Cluster, name: string, args: readonly string[]): Promise<string> {
  const path = `jsonpath={.items[?(@.metadata.name=="${name}")].spec.clusterId}`;
  const id = await parent.kubectlOk(["get", "mcls", "-A", "-o", path]);
  const server = `${parent.server}/apis/proxies.clusternet.io/v1alpha1/sockets/${id}/proxy/direct`;
  // A discovery cache of its own: this is another cluster's API
  const env = { KUBECACHEDIR: `${parent.dir}/cache-${id}` };
  return await parent.kubectlOk(args, { server, env });
}

async function absent(cluster: Cluster, ...what: string[]): Promise<void> {
  assert.equal(await cluster.kubectlOk(["get", ...what, "-A", "-o", "name"]), "");
}

async function noNamespace(child: Cluster): Promise<void> {
  const { code } = await child.kubectl(["get", "ns", "clusternet-system"]);
  assert.equal(code, 1);
}

Deno.test("kubectl outreach on real clusters", async (t) => {
  const [parent_, child_] = await Promise.all([
    startCluster({ name: "parent" }),
    startCluster({ name: "child", kwok: true }),
  ]);
  await using parent = parent_;
  await using child = child_;
  const [port] = freePorts(1) as [number];

  await t.step("init installs deploy/hub, and again changes nothing", async () => {
    const first = await ctlOk(parent, ["init", "--wait=false", "--image", "r/clusternet-hub:1"]);
    assert.match(first.stderr, /\[preflight\] the aggregation layer is configured/);
    assert.match(first.stdout, /^namespace\/clusternet-system created$/m);
    const service = "apiservice.apiregistration.k8s.io/v1alpha1.proxies.clusternet.io";
    assert.match(first.stdout, new RegExp(`^${service} created$`, "m"));
    assert.match(first.stdout, /^deno task ctl join --hub .* --image r\/clusternet-agent:1$/m);
    assert.match(first.stderr, /Paste it on the child's side/);
    assert.match(first.stderr, /--parent-url/);
    const image = await parent.kubectlOk([
      "-n",
      "clusternet-system",
      "get",
      "deploy",
      "clusternet-hub",
      "-o",
      "jsonpath={.spec.template.spec.containers[0].image}",
    ]);
    assert.equal(image, "r/clusternet-hub:1");
    const args = ["init", "--wait=false", "--image", "r/clusternet-hub:2"];
    const again = await ctlOk(parent, args);
    assert.match(again.stdout, /^deployment.apps\/clusternet-hub configured$/m);
    assert.match(again.stdout, new RegExp(`^${service} unchanged$`, "m"));
    assert.doesNotMatch(again.stdout, / created$/m);
    const late = await ctl(parent, [...args.slice(2), "--timeout=2s"].toSpliced(0, 0, "init"));
    assert.equal(late.code, 1, late.stderr);
    assert.match(late.stderr, /error: The hub does not serve after 2 s .*Look at: kubectl/);
  });

  await installHub(parent, port);
  const startHub = async (...args: string[]): Promise<HubProcess> => {
    const hub = await HubProcess.create(parent, { port, args });
    await hub.process.start();
    await apiServiceAvailable(parent);
    return hub;
  };
  let hub = await startHub();

  await t.step("tokens are listed without their secrets, and deleted", async () => {
    const created = await ctlOk(parent, ["token", "create", "--ttl=1h", "--description=site x"]);
    const token = created.stdout.trim();
    const [id, secret] = token.split(".") as [string, string];
    const listed = await ctlOk(parent, ["token", "list"]);
    assert.match(listed.stdout, new RegExp(`^${id} +(59|60)m +\\S+Z +site x$`, "m"));
    assert.doesNotMatch(listed.stdout, new RegExp(secret));
    const deleted = await ctlOk(parent, ["token", "delete", token]);
    assert.equal(deleted.stdout, `bootstraptoken/${id} deleted\n`);
    const words = await joinWords(parent);
    words[words.indexOf("--token") + 1] = token;
    const refused = await ctl(child, words);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /\[preflight\] ERROR: the hub refuses the token \(401\)/);
    assert.doesNotMatch(refused.stderr, new RegExp(secret));
    await noNamespace(child);
  });

  await t.step("preflight tells a wrong CA", async () => {
    const words = await joinWords(parent);
    words.splice(words.findIndex((word) => word.startsWith("--ca-")), 2);
    const refused = await ctl(child, words);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /not signed by a CA that counts here/);
    const wrong = await ctl(child, [...words, "--ca-hash", `sha256:${"0".repeat(64)}`]);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /No CA of .* has the public key hash/);
  });

  await t.step("the printed join, kubectl through the tunnel, unjoin of both sides", async () => {
    const started = performance.now();
    const words = [
      ...await joinWords(parent),
      "--name=edge-1",
      "--labels=site=berlin",
      "--grant-hub-admins=cluster-admin",
    ];
    await using run = new Ctl(child, words);
    await run.says(/^managedcluster.clusters.clusternet.io\/edge-1 joined$/m);
    await run.says(/The agent runs until Ctrl-C/);
    assert.match(await through(parent, "edge-1", ["get", "nodes"]), /node-1 +Ready/);
    assert.ok(performance.now() - started < 30_000, "from token to kubectl in 30 s");
    assert.match(run.stdout, /clusternet-hub-admins created/);
    assert.match(run.stderr, /cluster id [0-9a-f-]{36}, in namespace clusternet-/);
    const labels = ["get", "mcls", "-A", "-l", "site=berlin", "-o", "name"];
    assert.match(await parent.kubectlOk(labels), /edge-1/);

    const other = words.map((word) => word.replace("https://127.0.0.1", "https://localhost"));
    const refused = await ctl(child, other);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /ERROR: the child has joined https:\/\/127.0.0.1.*unjoin/);

    const left = await ctlOk(child, ["unjoin", "--parent-kubeconfig", parent.kubeconfig]);
    assert.match(left.stdout, /^managedcluster.clusters.clusternet.io\/edge-1 deleted$/m);
    assert.match(left.stdout, /^clusterregistrationrequest\S+ deleted$/m);
    assert.match(left.stdout, /^namespace\/clusternet-system deleted$/m);
    assert.match(left.stderr, /is out/);
    assert.equal(await run.ended, 3, run.stderr);
    await absent(parent, "mcls,clsrr");
    await noNamespace(child);
    await absent(
      child,
      "clusterrolebinding",
      "--field-selector=metadata.name=clusternet-hub-admins",
    );
    const again = await ctlOk(child, ["unjoin", "--parent-kubeconfig", parent.kubeconfig]);
    assert.equal(again.stdout, "");
  });

  await t.step("manual approval: deny, accept, Ctrl-C", async () => {
    await hub.process.kill9();
    hub = await startHub("--approval=manual");
    const words = [...await joinWords(parent), "--name=edge-2"];
    {
      await using run = new Ctl(child, words);
      await run.says(/Waits for approval. In the parent: deno task ctl accept [0-9a-f-]{36}/);
      const denied = await ctlOk(parent, ["deny", "edge-2", "--reason", "not ours"]);
      assert.match(denied.stdout, / denied$/m);
      assert.match(denied.stderr, /ctl accept edge-2/);
      assert.notEqual(await run.ended, 0);
      assert.match(run.stderr, /not ours/);
    }
    const accepted = await ctlOk(parent, ["accept", "edge-2"]);
    const kind = "clusterregistrationrequest.clusters.clusternet.io";
    assert.match(accepted.stdout, new RegExp(`^${kind}/clusternet-[0-9a-f-]{36} approved$`, "m"));
    await using run = new Ctl(child, words);
    await run.says(/edge-2 joined$/m);
    assert.match(run.stderr, /Nobody of the parent may do anything in this cluster yet/);
    run.signal("SIGINT");
    assert.equal(await run.ended, 0, run.stderr);
    assert.match(run.stderr, /The agent has stopped/);
    const none = await ctlOk(parent, ["accept", "--all-pending"]);
    assert.match(none.stderr, /No request waits/);
  });

  await t.step("unjoin of one side says how to finish the other", async () => {
    const first = await ctlOk(parent, ["unjoin", "edge-2"]);
    assert.match(first.stdout, /edge-2 deleted/);
    assert.match(first.stderr, /To finish: the request is kept.*kubectl delete clsrr/);
    assert.match(first.stderr, /To finish: in the child: deno task ctl unjoin/);
    await absent(parent, "mcls");
    const second = await ctlOk(child, ["unjoin"]);
    assert.match(second.stdout, /namespace\/clusternet-system deleted/);
    assert.match(second.stderr, /To finish: in the parent/);
    await noNamespace(child);
    await parent.kubectlOk(["delete", "clsrr", "--all"]);
  });

  await t.step(
    "deny takes back what was granted, and only deletion lets it ask again",
    async () => {
      const words = [...await joinWords(parent), "--name=edge-4"];
      await using run = new Ctl(child, words);
      await run.says(/Waits for approval/);
      await ctlOk(parent, ["accept", "--all-pending"]);
      await run.says(/edge-4 joined$/m);
      const denied = await ctlOk(parent, ["deny", "edge-4"]);
      assert.match(denied.stderr, /taken back.*kubectl delete clsrr/);
      assert.equal(await run.ended, 3, run.stderr);
      await eventually("its ManagedCluster is gone", 40_000, () => absent(parent, "mcls"));
      const late = await ctl(parent, ["accept", "edge-4"]);
      assert.equal(late.code, 1);
      assert.match(late.stderr, /was revoked and stays so.*kubectl delete clsrr/);
      const left = await ctlOk(child, ["unjoin", "--parent-kubeconfig", parent.kubeconfig]);
      assert.match(left.stdout, /^clusterregistrationrequest\S+ deleted$/m);
      await noNamespace(child);
    },
  );

  await t.step("join --image installs deploy/agent, unjoin removes it", async () => {
    const words = (await joinWords(parent)).filter((word) => word !== "--run");
    const args = [...words, "--image=r/clusternet-agent:1", "--name=edge-3"];
    const installed = await ctlOk(child, [...args, "--wait=false"]);
    assert.match(installed.stdout, /^deployment.apps\/clusternet-agent created$/m);
    assert.match(installed.stderr, /registers by itself/);
    const get = ["-n", "clusternet-system", "get", "deploy", "clusternet-agent", "-o", "json"];
    const { spec } = JSON.parse(await child.kubectlOk(get)) as {
      spec: { template: { spec: { containers: { image: string; args: string[] }[] } } };
    };
    const [agent] = spec.template.spec.containers;
    assert.equal(agent!.image, "r/clusternet-agent:1");
    assert.ok(agent!.args.includes("--cluster-reg-name=edge-3"));
    const ca = await child.kubectlOk([
      "-n",
      "clusternet-system",
      "get",
      "secret",
      "clusternet-agent-cluster-registration",
      "-o",
      "go-template={{.data.parentCA | base64decode}}",
    ]);
    assert.equal(ca.trim(), parent.caPem.trim());
    const late = await ctl(child, [...args, "--timeout=2s"]);
    assert.equal(late.code, 1);
    assert.match(late.stdout, /^deployment.apps\/clusternet-agent unchanged$/m);
    assert.match(late.stderr, /its tunnel does not stand after 2 s.*Look at: kubectl/);
    const out = await ctlOk(child, ["unjoin", "--parent-kubeconfig", parent.kubeconfig]);
    assert.match(out.stdout, /^deployment.apps\/clusternet-agent deleted$/m);
    await noNamespace(child);
    await absent(child, "clusterrole", "--field-selector=metadata.name=clusternet-agent");
  });

  await hub.process.kill9();
});
