/**
 * What the hub guards, on real clusters: one agent for each cluster, and its own word on who is alive.
 */
import assert from "node:assert/strict";
import type { Condition, ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { AgentProcess } from "./agent_process.ts";
import { type Fleet, startFleet } from "./fleet.ts";
import { eventually } from "./wait.ts";

async function cluster(fleet: Fleet): Promise<ManagedCluster> {
  const { items } = await fleet.parent.api.get<{ items: ManagedCluster[] }>(
    "/apis/clusters.clusternet.io/v1beta1/managedclusters",
  );
  return items[0]!;
}

async function condition(fleet: Fleet, type: string): Promise<Condition | undefined> {
  return (await cluster(fleet)).status?.conditions?.find((one) => one.type === type);
}

Deno.test("the hub guards its word and its tunnels", async (t) => {
  await using fleet = await startFleet({ agent: { args: ["--leader-elect=false"] } });
  const { parent, child } = fleet;

  await t.step("conditions that an agent forges are put back", async () => {
    const { metadata } = await cluster(fleet);
    const secret = await child.api.get<{ data: Record<string, string> }>(
      "/api/v1/namespaces/clusternet-system/secrets/parent-cluster",
    );
    const token = new TextDecoder().decode(Uint8Array.fromBase64(secret.data.token!));
    const kubeconfig = await parent.kubeconfigFor({ name: "forger", token });
    const now = new Date().toISOString().replace(/\.\d+/, "");
    const forged = ["Ready", "Connected", "Mine"].map((type) => ({
      type,
      status: "False",
      reason: "Forged",
      message: "x",
      lastTransitionTime: now,
    }));
    const patch = JSON.stringify({ status: { conditions: forged } });
    await parent.kubectlOk(
      [
        ...["-n", metadata.namespace!, "patch", "mcls", metadata.name!],
        ...["--subresource=status", "--type=merge", "-p", patch],
      ],
      { kubeconfig },
    );
    await eventually("the hub's word", 10_000, async () => {
      const conditions = (await cluster(fleet)).status?.conditions ?? [];
      assert.ok(conditions.every(({ reason }) => reason !== "Forged"));
      assert.equal((await condition(fleet, "Ready"))?.status, "True");
    });
  });

  await t.step("two agents of one cluster are both refused, and an admin is told", async () => {
    const second = await AgentProcess.create(parent, child, {
      name: "second",
      args: ["--leader-elect=false"],
    });
    await second.process.start();
    try {
      await eventually("DuplicateAgent=True", 90_000, async () => {
        assert.equal((await condition(fleet, "DuplicateAgent"))?.status, "True");
      }, 500);
      const { metadata } = await cluster(fleet);
      await eventually("the Event", 10_000, async () => {
        const events = await parent.kubectlOk(["-n", metadata.namespace!, "get", "events"]);
        assert.match(events, /DuplicateAgent/);
      });
      assert.match(await fleet.agent!.process.log(), /two agents claim this cluster/);
      assert.match(await second.process.log(), /two agents claim this cluster/);
    } finally {
      await second.process.kill9();
    }
    await eventually("the one that is left is back", 60_000, async () => {
      assert.equal((await condition(fleet, "Connected"))?.status, "True");
      const { code } = await fleet.through(["get", "nodes", "--request-timeout=5s"]);
      assert.equal(code, 0);
    }, 1_000);
  });

  await t.step("a second SIGTERM ends hub and agent at once", async () => {
    await using watch = fleet.stream(["get", "nodes", "-w"]);
    await eventually("the watch is open", 10_000, () => {
      assert.match(watch.stdout, /NAME/);
      return Promise.resolve();
    });
    for (const { process } of [fleet.hub, fleet.agent!]) {
      process.signal("SIGTERM");
      await new Promise((resolve) => setTimeout(resolve, 1_000));
      const started = performance.now();
      process.signal("SIGTERM");
      await process.exited;
      assert.ok(performance.now() - started < 4_000);
    }
  });
});
