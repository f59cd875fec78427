import assert from "node:assert/strict";
import type { AgentRun } from "../install/agent_process.ts";
import type { Machine } from "../install/machine.ts";
import { base64, machineOf, putRequest, withApply, withBasics } from "../install/testing.ts";
import { FakeContext, fakeId, putCluster, runCli } from "../testing.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { joinCommand } from "./join.ts";

const HUB = "https://hub:6443";
const BASE = ["join", "--hub", HUB, "--token", "07401b.f395accd246ae52d"];
const KUBECONFIG = JSON.stringify({
  contexts: [{ name: "child", context: { user: "u" } }],
  users: [{ name: "u", user: { exec: {} } }],
});

/** A child and a hub that takes it as soon as the agent runs. */
class Scene extends FakeContext {
  readonly hub = new FakeKube();
  readonly runs_: AgentRun[] = [];
  readonly stop: AbortController;
  machine: Machine;
  exit = Promise.withResolvers<number>();

  constructor() {
    const stop = new AbortController();
    super({
      signal: stop.signal,
      contextName: "child",
      files: { "/home/u/.kube/config": KUBECONFIG },
    });
    this.stop = stop;
    for (const kube of [this.hub, this.kube]) withBasics(kube);
    withApply(this.kube);
    putRequest(this.hub, 9); // Makes the hub know the kind
    this.machine = {
      ...machineOf(this.hub),
      runAgent: (run) => {
        this.runs_.push(run);
        this.#register();
        return Promise.resolve({
          ended: this.exit.promise,
          stop: () => this.exit.resolve(0),
          [Symbol.asyncDispose]: () => Promise.resolve(),
        });
      },
    };
  }

  #register(): void {
    const metadata = { namespace: "clusternet-system" };
    this.kube.put("coordination.k8s.io/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { ...metadata, name: "self-cluster", uid: fakeId(1) },
      spec: { holderIdentity: "a" },
    });
    this.kube.put("/secrets", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...metadata, name: "parent-cluster" },
      data: base64({
        token: "t",
        "parent-url": HUB,
        namespace: "clusternet-edge-1",
        "managed-cluster-name": "edge-1",
      }),
    });
    putCluster(this.hub, { name: "edge-1" });
  }

  async join(...args: string[]): Promise<number> {
    return await runCli(this, [joinCommand(this, this.machine)], [...BASE, ...args]);
  }

  async says(text: string): Promise<void> {
    while (!this.stderr.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("join --run runs the agent until Ctrl-C and says how to look at the cluster", async () => {
  const scene = new Scene();
  const code = scene.join("--run", "--name", "edge-1", "--labels", "site=berlin");
  await scene.says("runs until Ctrl-C");
  assert.equal(
    scene.stdout,
    "namespace/clusternet-system created\nmanagedcluster.clusters.clusternet.io/edge-1 joined\n",
  );
  assert.match(scene.stderr, /kubectl outreach kubectl edge-1 -- get nodes/);
  scene.stop.abort(new Error("interrupted"));
  assert.equal(await code, 0, scene.stderr);
  const [run] = scene.runs_;
  assert.deepEqual(run!.files, { token: "07401b.f395accd246ae52d" });
  assert.equal(run!.mayRun, true);
  assert.deepEqual(run!.args("/d"), [
    "--kubeconfig=/home/u/.kube/config",
    "--context=child",
    `--cluster-reg-parent-url=${HUB}`,
    "--cluster-reg-token-file=/d/token",
    "--cluster-reg-name=edge-1",
    "--cluster-labels=site=berlin",
  ]);
  assert.doesNotMatch(scene.stderr + scene.stdout, /f395accd/);
});

Deno.test("join --run ends as the agent ends", async () => {
  const scene = new Scene();
  const code = scene.join("--run");
  await scene.says("runs until Ctrl-C");
  scene.exit.resolve(3);
  assert.equal(await code, 3);
  assert.match(scene.stderr, /error: The hub refuses this cluster/);
});

Deno.test("join wants one way to run, one CA, and an agent to run", async () => {
  const scene = new Scene();
  assert.equal(await scene.join(), 2);
  assert.equal(await scene.join("--run", "--image", "i"), 2);
  const ca = ["--ca-file", "f", "--ca-hash", `sha256:${"0".repeat(64)}`];
  assert.equal(await scene.join("--run", ...ca), 2);
  assert.equal(await scene.join("--run", "--ca-file", "gone"), 1);
  assert.match(scene.stderr, /Cannot read --ca-file gone/);
  scene.machine = { ...scene.machine, runAgent: undefined };
  assert.equal(await scene.join("--run"), 1);
  assert.match(scene.stderr, /carries no agent: run it from a checkout/);
  assert.equal(scene.stdout, "");
});

Deno.test("join --image applies, and replaces a grant to another role", async () => {
  const scene = new Scene();
  const args = ["--image", "r/agent:1", "--wait=false", "--grant-hub-admins"];
  assert.equal(await scene.join(...args, "view"), 0, scene.stderr);
  assert.match(scene.stdout, /^deployment.apps\/clusternet-agent created$/m);
  scene.stdout = "";
  assert.equal(await scene.join(...args, "cluster-admin"), 0, scene.stderr);
  assert.match(scene.stdout, /clusternet-hub-admins deleted\n.*clusternet-hub-admins created\n/);
  assert.match(scene.stdout, /^deployment.apps\/clusternet-agent unchanged$/m);
  assert.match(scene.stderr, /are now cluster-admin in this cluster/);
});

Deno.test("join changes nothing in a child of another hub, or without rights", async () => {
  const scene = new Scene();
  scene.kube.put("/secrets", {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "parent-cluster", namespace: "clusternet-system" },
    data: base64({ "parent-url": "https://other" }),
  });
  assert.equal(await scene.join("--run"), 1);
  assert.match(scene.stderr, /has joined https:\/\/other.*unjoin/);
  const weak = new Scene();
  weak.kube.interceptors.length = 0;
  withBasics(weak.kube, (verb) => verb === "impersonate");
  assert.equal(await weak.join("--run"), 1);
  assert.match(weak.stderr, /may not: impersonate users; impersonate groups; impersonate uids/);
  assert.equal(scene.stdout + weak.stdout, "");
});
