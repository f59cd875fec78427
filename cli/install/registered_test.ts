import assert from "node:assert/strict";
import { KubeClient } from "../../shared/kube/client.ts";
import { FakeKube } from "../../shared/testing/fake_kube.ts";
import { fakeId, putCluster } from "../testing.ts";
import { type Registered, waitRegistered } from "./registered.ts";
import { base64, machineOf, putRequest } from "./testing.ts";

const HUB = "https://hub:6443";

class Scene {
  readonly hub = new FakeKube();
  readonly child = new FakeKube();
  said = "";

  lease(holderIdentity: string): void {
    this.child.put("coordination.k8s.io/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "self-cluster", namespace: "clusternet-system", uid: fakeId(1) },
      spec: { holderIdentity },
    });
  }

  secret(data: Record<string, string>): void {
    this.child.put("/secrets", {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "parent-cluster", namespace: "clusternet-system" },
      data: base64(data),
    });
  }

  async wait(timeoutMs = 400): Promise<Registered | undefined> {
    let now = 0;
    return await waitRegistered({
      child: new KubeClient({ transport: this.child.transport }),
      hub: { server: HUB },
      connectTo: machineOf(this.hub).connectTo,
      token: "a.b",
      program: "ctl",
      err: (text) => void (this.said += text),
      timeoutMs,
      now: () => now += 500,
      signal: new AbortController().signal,
    });
  }
}

Deno.test("waitRegistered wants credentials, a leader, and the hub's word that the tunnel stands", async () => {
  const scene = new Scene();
  assert.equal(await scene.wait(), undefined);
  scene.lease("agent-0");
  const data = {
    token: "t",
    "parent-url": HUB,
    namespace: "clusternet-edge-1",
    "managed-cluster-name": "edge-1",
  };
  scene.secret(data);
  assert.equal(await scene.wait(), undefined);
  putCluster(scene.hub, { name: "edge-1", connected: "False" });
  assert.equal(await scene.wait(), undefined);
  putCluster(scene.hub, { name: "edge-1", connected: "True" });
  const registered = { clusterId: fakeId(1), name: "edge-1", namespace: "clusternet-edge-1" };
  assert.deepEqual(await scene.wait(), registered);
  scene.secret({ ...data, "parent-url": "https://other" });
  assert.equal(await scene.wait(), undefined);
  scene.secret(data);
  scene.lease("");
  assert.equal(await scene.wait(), undefined);
});

Deno.test("waitRegistered says once that a human has to approve", async () => {
  const scene = new Scene();
  scene.lease("agent-0");
  putRequest(scene.hub, 1);
  assert.equal(await scene.wait(6_000), undefined);
  assert.equal(scene.said, `Waits for approval. In the parent: ctl accept ${fakeId(1)}\n`);
});

Deno.test("waitRegistered ends when the hub said no, and says what lets the cluster in", async () => {
  const lastTransitionTime = "2026-01-01T00:00:00Z";
  const yes = { status: "True", reason: "R", lastTransitionTime } as const;
  const denied = { ...yes, type: "Denied", message: "not ours" };
  const revoked = { ...yes, type: "Revoked", message: "deleted" };
  for (
    const [conditions, text] of [
      [[denied], /not ours\. To let it in, in the parent: ctl accept 0000/],
      [[revoked], /deleted\. .*: kubectl delete clsrr clusternet-0000/],
      [[denied, revoked], /not ours\. .*: kubectl delete clsrr clusternet-0000/],
    ] as const
  ) {
    const scene = new Scene();
    scene.lease("agent-0");
    putRequest(scene.hub, 1, { status: { conditions: [...conditions] } });
    await assert.rejects(scene.wait(), text);
  }
  const scene = new Scene();
  scene.lease("agent-0");
  scene.secret({ "private-key": JSON.stringify({ x: "mine", y: "y" }) });
  putRequest(scene.hub, 1);
  await assert.rejects(scene.wait(), /with another key.*kubectl delete clsrr/);
});
