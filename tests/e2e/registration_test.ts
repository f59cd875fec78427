/**
 * Registration on real clusters: how fast, who is refused, and the way back.
 */
import assert from "node:assert/strict";
import { decodeJwt, decodeProtectedHeader, importPKCS8, SignJWT } from "jose";
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import { AgentProcess, newBootstrapToken } from "./agent_process.ts";
import { type Fleet, startFleet, untilReady as untilClusterReady } from "./fleet.ts";
import { report } from "./report.ts";
import { eventually } from "./wait.ts";

const CRR = "/apis/clusters.clusternet.io/v1beta1/clusterregistrationrequests";
const NS = "/api/v1/namespaces/clusternet-system";
const LEASE = "/apis/coordination.k8s.io/v1/namespaces/clusternet-system/leases/self-cluster";

/** Makes the child a cluster that was never registered. */
async function forgetIdentity(fleet: Fleet): Promise<void> {
  await fleet.child.api.remove(LEASE);
  await fleet.child.api.remove(`${NS}/secrets/parent-cluster`);
}

/** @returns the cluster id, once the cluster is Ready */
async function untilReady(fleet: Fleet, agent: AgentProcess): Promise<string> {
  const id = await agent.clusterId();
  await untilClusterReady(fleet.parent, id, 20_000);
  return id;
}

Deno.test("registration on real clusters", async (t) => {
  await using fleet = await startFleet({ agent: false });
  const { parent, child } = fleet;
  const bootstrapToken = await newBootstrapToken(parent);

  await t.step("a fresh cluster is Ready within 2 s at the median of 10", async () => {
    const seconds: number[] = [];
    for (let round = 0; round < 10; round++) {
      await forgetIdentity(fleet);
      const agent = await AgentProcess.create(parent, child, {
        name: `fresh-${round}`,
        bootstrapToken,
      });
      const started = performance.now();
      await agent.process.start();
      try {
        await untilReady(fleet, agent);
        seconds.push((performance.now() - started) / 1000);
      } catch (error) {
        throw new Error(`${error}\n${await agent.process.logTail(60)}\n${await fleet.logs()}`);
      }
      await agent.process.stop();
    }
    seconds.sort((a, b) => a - b);
    const median = (seconds[4]! + seconds[5]!) / 2;
    report(
      `from exec to Ready: median ${median.toFixed(2)} s, ${seconds.map((s) => s.toFixed(2))}`,
    );
    assert.ok(median <= 4, `median ${median} s; the goal is 2 s, the test allows twice that`);
  });

  await t.step("what a bootstrap token reads of a request holds no credential", async () => {
    const { items } = await parent.api.get<{ items: ClusterRegistrationRequest[] }>(CRR);
    for (const { status } of items) {
      assert.equal(status?.token, undefined);
      assert.match(status?.sealedCredentials ?? "", /^[\w-]+\.[\w-]*\.[\w-]+\.[\w-]+\.[\w-]+$/);
    }
  });

  await t.step("a restarted agent comes back with its stored credentials alone", async () => {
    await forgetIdentity(fleet);
    const agent = await AgentProcess.create(parent, child, { name: "stored", bootstrapToken });
    await agent.process.start();
    const id = await untilReady(fleet, agent);
    await agent.process.stop();
    const again = await AgentProcess.create(parent, child, {
      name: "stored-again",
      bootstrapToken: "aaaaaa.aaaaaaaaaaaaaaaa",
    });
    await again.process.start();
    await eventually("connected again", 20_000, async () => {
      assert.equal(await connected(fleet, id), "True");
    });
    assert.equal(await again.clusterId(), id);
    await again.process.stop();
  });

  await t.step("an agent whose token expired: one line without a bootstrap token", async () => {
    await expireToken(fleet);
    const agent = await AgentProcess.create(parent, child, {
      name: "expired-alone",
      bootstrapToken: "aaaaaa.aaaaaaaaaaaaaaaa",
    });
    await agent.process.start();
    await new Promise((resolve) => setTimeout(resolve, 6000));
    const log = await agent.process.log();
    const errors = log.split("\n").filter((line) => line.includes("[ERR]"));
    assert.equal(errors.length, 1, log);
    assert.match(errors[0]!, /--cluster-reg-token/);
    await agent.process.stop();
  });

  await t.step("and comes back with a new bootstrap token and its old key", async () => {
    const agent = await AgentProcess.create(parent, child, { name: "expired", bootstrapToken });
    const started = performance.now();
    await agent.process.start();
    const id = await agent.clusterId();
    await eventually("connected again", 30_000, async () => {
      assert.equal(await connected(fleet, id), "True");
    });
    report(
      `back with a new bootstrap token: ${((performance.now() - started) / 1000).toFixed(1)} s`,
    );
    await agent.process.stop();
  });

  await t.step("a second agent with another key for the same id is refused", async () => {
    const id = (await child.api.get<{ metadata: { uid: string } }>(LEASE)).metadata.uid;
    await child.api.remove(`${NS}/secrets/parent-cluster`);
    const thief = await AgentProcess.create(parent, child, { name: "thief", bootstrapToken });
    await thief.process.start();
    await eventually("it says why", 20_000, async () => {
      assert.match(await thief.process.log(), new RegExp(`clusternet-${id}`));
      assert.match(await thief.process.log(), /another key|other key|different key/i);
    });
    await eventually("the thief holds no tunnel", 10_000, async () => {
      assert.notEqual(await connected(fleet, id), "True");
    });
    await thief.process.kill9();
  });

  await t.step("an unknown bootstrap token is said once, and the agent backs off", async () => {
    await forgetIdentity(fleet);
    const agent = await AgentProcess.create(parent, child, {
      name: "no-token",
      bootstrapToken: "aaaaaa.aaaaaaaaaaaaaaaa",
    });
    await agent.process.start();
    const said = /bootstrap|cluster-reg-token/i;
    await eventually(
      "it says so",
      20_000,
      async () => assert.match(await agent.process.log(), said),
    );
    await new Promise((resolve) => setTimeout(resolve, 5000));
    const lines = (await agent.process.log()).split("\n").filter((line) => said.test(line));
    assert.ok(lines.length <= 4, `it says so ${lines.length} times:\n${lines.join("\n")}`);
    assert.doesNotMatch(await agent.process.log(), /aaaaaaaaaaaaaaaa/);
    await agent.process.kill9();
  });
});

Deno.test("manual approval, denial and revocation", async (t) => {
  await using fleet = await startFleet({ agent: false, hub: { args: ["--approval=manual"] } });
  const { parent, child } = fleet;
  const decide = async (id: string, type: "Approved" | "Denied"): Promise<void> => {
    const condition = {
      type,
      status: "True",
      reason: "ByAdmin",
      message: "looked at",
      lastTransitionTime: new Date().toISOString().replace(/\.\d+/, ""),
    };
    const patch = JSON.stringify({ status: { conditions: [condition] } });
    await parent.kubectlOk(
      ["patch", "clsrr", `clusternet-${id}`, "--subresource=status", "--type=merge", "-p", patch],
    );
  };
  const requested = async (agent: AgentProcess): Promise<string> => {
    const id = await agent.clusterId();
    await eventually("the request exists", 15_000, () => parent.api.get(`${CRR}/clusternet-${id}`));
    return id;
  };

  const agent = await AgentProcess.create(parent, child, { name: "waits" });
  let id = "";

  await t.step("nothing is approved until an admin says so", async () => {
    await agent.process.start();
    id = await requested(agent);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const pending = await parent.api.get<ClusterRegistrationRequest>(`${CRR}/clusternet-${id}`);
    assert.equal(pending.status?.result, undefined);
    await decide(id, "Approved");
    assert.equal(await untilReady(fleet, agent), id);
  });

  await t.step("deleting the ManagedCluster cuts the tunnel and voids the token", async () => {
    const secret = await child.api.get<{ data: Record<string, string> }>(
      `${NS}/secrets/parent-cluster`,
    );
    const token = atob(secret.data["token"]!);
    const started = performance.now();
    await parent.kubectlOk(
      ["delete", "mcls", "-A", `-lclusters.clusternet.io/cluster-id=${id}`, "--timeout=20s"],
    );
    await eventually("the token is void", 20_000, async () => {
      const kubeconfig = await parent.kubeconfigFor({ name: "revoked", token });
      const { stderr } = await parent.kubectl(["get", "clsrr", `clusternet-${id}`], { kubeconfig });
      assert.match(stderr, /Unauthorized|logged in|provide credentials/i);
    }, 500);
    report(`revoked token void after ${((performance.now() - started) / 1000).toFixed(1)} s`);
    const revoked = await parent.api.get<ClusterRegistrationRequest>(`${CRR}/clusternet-${id}`);
    assert.equal(revoked.status?.result, "Denied");
    assert.ok(revoked.status?.conditions?.some(({ type }) => type === "Revoked"));
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = await Promise.race([
      agent.process.exited,
      new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), 30_000)),
    ]);
    clearTimeout(timer);
    assert.notEqual(end, undefined, "the agent of a revoked cluster ends");
    assert.match(await agent.process.log(), /revoked/i);
  });

  await t.step("a denied agent ends with a clear message", async () => {
    await forgetIdentity(fleet);
    const agent = await AgentProcess.create(parent, child, { name: "denied" });
    await agent.process.start();
    const id = await requested(agent);
    await decide(id, "Denied");
    const { code } = await agent.process.exited;
    assert.notEqual(code, 0);
    assert.match(await agent.process.log(), /denied/i);
  });
});

/** Puts a token in place of the stored one that is the same but for having expired. */
async function expireToken({ parent, child }: Fleet): Promise<void> {
  const path = `${NS}/secrets/parent-cluster`;
  const { data } = await child.api.get<{ data: Record<string, string> }>(path);
  const token = atob(data["token"]!);
  const { alg = "", kid = "" } = decodeProtectedHeader(token);
  const now = Math.floor(Date.now() / 1000);
  const key = await importPKCS8(parent.pki.serviceAccount.private, alg);
  const expired = await new SignJWT({
    ...decodeJwt(token),
    iat: now - 7200,
    nbf: now - 7200,
    exp: now - 3600,
  })
    .setProtectedHeader({ alg, kid }).sign(key);
  await child.api.patch(path, {
    data: {
      "token": btoa(expired),
      "token-expiry": btoa(new Date((now - 3600) * 1000).toISOString()),
    },
  });
}

/** @returns the status of condition Connected */
async function connected(fleet: Fleet, id: string): Promise<string | undefined> {
  const { items } = await fleet.parent.api.get<{ items: ManagedCluster[] }>(
    "/apis/clusters.clusternet.io/v1beta1/managedclusters",
  );
  const cluster = items.find(({ spec }) => spec.clusterId === id);
  return cluster?.status?.conditions?.find(({ type }) => type === "Connected")?.status;
}
