import assert from "node:assert/strict";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import type { Connected, ConnectOptions } from "../context.ts";
import { KubeClient } from "../../shared/kube/client.ts";
import { agentObjects } from "../install/manifests.ts";
import { resourceOf } from "../install/kinds.ts";
import { base64, putRequest } from "../install/testing.ts";
import { FakeContext, fakeId, putCluster, runCli } from "../testing.ts";
import { unjoinCommand } from "./unjoin.ts";

const REQUEST = "clusterregistrationrequest.clusters.clusternet.io/clusternet-" + fakeId(1);

/** Two clusters, by the name of the context. */
class TwoSides extends FakeContext {
  readonly sides = { parent: new FakeKube(), child: new FakeKube() };

  constructor() {
    super();
    const { parent, child } = this.sides;
    putCluster(parent, { name: "edge-1", id: fakeId(1) });
    putRequest(parent, 1, { name: "edge-1" });
    const objects = agentObjects({ image: "i", flags: {}, hubUrl: "h", token: "t", ca: undefined });
    for (const object of objects) {
      const { group, plural } = resourceOf(object);
      child.put(`${group}/${plural}`, object);
    }
    child.put("coordination.k8s.io/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "self-cluster", namespace: "clusternet-system", uid: fakeId(1) },
      spec: { holderIdentity: "" },
    });
    child.put("/secrets", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "parent-cluster", namespace: "clusternet-system" },
      data: base64({ "managed-cluster-name": "edge-1", "parent-url": "https://parent:6443" }),
    });
  }

  override connect({ context = "child" }: ConnectOptions): Promise<Connected> {
    const { transport } = this.sides[context as "parent" | "child"];
    return Promise.resolve({
      client: new KubeClient({ transport }),
      config: { server: `https://${context}:6443` },
      kubeconfigPath: "/k",
      contextName: context,
      [Symbol.dispose]: () => {},
    });
  }

  unjoin(...args: string[]): Promise<number> {
    return runCli(this, [unjoinCommand(this)], ["unjoin", ...args]);
  }
}

Deno.test("unjoin takes access away before it forgets the request and the child's identity", async () => {
  const context = new TwoSides();
  assert.equal(await context.unjoin("--parent-context", "parent"), 0, context.stderr);
  const done = context.stdout.trim().split("\n").map((line) => line.replace(/ deleted$/, ""));
  assert.deepEqual(done, [
    "deployment.apps/clusternet-agent",
    "managedcluster.clusters.clusternet.io/edge-1",
    REQUEST,
    "networkpolicy.networking.k8s.io/clusternet-agent",
    "serviceaccount/clusternet-agent",
    "clusterrole.rbac.authorization.k8s.io/clusternet-agent",
    "clusterrolebinding.rbac.authorization.k8s.io/clusternet-agent",
    "role.rbac.authorization.k8s.io/clusternet-agent",
    "rolebinding.rbac.authorization.k8s.io/clusternet-agent",
    "secret/clusternet-agent-cluster-registration",
    "secret/parent-cluster",
    "lease.coordination.k8s.io/self-cluster",
    "namespace/clusternet-system",
  ]);
  assert.match(context.stderr, /Namespace clusternet-edge-1 of the parent stays/);
  assert.match(context.stderr, /Cluster "edge-1" is out/);
  context.stdout = "";
  assert.equal(await context.unjoin("--parent-context", "parent"), 0, context.stderr);
  assert.equal(context.stdout, "");
});

Deno.test("unjoin leaves alone what only names the same cluster, elsewhere", async () => {
  const context = new TwoSides();
  const { parent } = context.sides;
  const status = { dedicatedNamespace: "clusternet-edge-1", managedClusterName: "edge-1" };
  putRequest(parent, 1, { name: "edge-1", status });
  putCluster(parent, { name: "decoy", id: fakeId(1), namespace: "tenant" });
  await context.unjoin("--parent-context", "parent", "decoy");
  assert.doesNotMatch(context.stdout, /managedcluster/, "its name is no name of the cluster");
  assert.equal(await context.unjoin("--parent-context", "parent"), 0, context.stderr);
  assert.match(context.stdout, /managedcluster.*edge-1 deleted/);
  const clusters = parent.list<{ metadata: { name: string } }>(
    "clusters.clusternet.io/managedclusters",
  );
  assert.deepEqual(clusters.map(({ metadata }) => metadata.name), ["decoy"]);
});

Deno.test("unjoin keeps the request when the child cannot be cleaned", async () => {
  const context = new TwoSides();
  assert.equal(await context.unjoin("edge-1", "--context", "parent"), 0, context.stderr);
  assert.equal(context.stdout, "managedcluster.clusters.clusternet.io/edge-1 deleted\n");
  assert.match(context.stderr, /To finish: the request is kept.*kubectl delete clsrr/);
  assert.match(context.stderr, /To finish: in the child/);
  assert.equal(context.sides.child.count("DELETE", /./), 0);
});

Deno.test("unjoin cleans the child alone and says what is left in the parent", async () => {
  const context = new TwoSides();
  assert.equal(await context.unjoin(), 0, context.stderr);
  assert.match(context.stdout, /^namespace\/clusternet-system deleted$/m);
  assert.match(context.stderr, /in the parent \(https:\/\/parent:6443\): .* unjoin 0000/);
  assert.equal(context.sides.parent.requests.length, 0);
});

Deno.test("unjoin does the child's side when the parent cannot be asked, and fails", async () => {
  const context = new TwoSides();
  context.sides.parent.interceptors.push(() =>
    Response.json({ kind: "Status", code: 403, message: "no" }, { status: 403 })
  );
  assert.equal(await context.unjoin("--parent-context", "parent"), 1);
  assert.match(context.stdout, /^namespace\/clusternet-system deleted$/m);
  assert.match(context.stderr, /To finish: in the parent/);
  assert.match(context.stderr, /error: the parent cannot be asked/);
});

Deno.test("unjoin never deletes the namespace of a hub, nor a child that is another cluster", async () => {
  const context = new TwoSides();
  context.sides.child.put("/serviceaccounts", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: "clusternet-hub", namespace: "clusternet-system" },
  });
  assert.equal(await context.unjoin(), 0);
  assert.doesNotMatch(context.stdout, /namespace\//);
  assert.match(context.stderr, /stays: a hub lives in it too/);

  const other = new TwoSides();
  putCluster(other.sides.parent, { name: "edge-2", id: fakeId(2) });
  const args = ["edge-2", "--context", "child", "--parent-context", "parent"];
  assert.equal(await other.unjoin(...args), 1);
  assert.match(other.stderr, /Context "child" is cluster .* and not "edge-2".*Nothing was changed/);
  assert.equal(other.stdout, "");
});

Deno.test("unjoin does not take the parent itself for the child", async () => {
  const context = new TwoSides();
  assert.equal(await context.unjoin("--context", "parent", "--parent-context", "parent"), 1);
  assert.match(context.stderr, /is the parent itself/);
  assert.equal(context.sides.parent.count("DELETE", /./), 0);
});
