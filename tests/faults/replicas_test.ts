/**
 * Two replicas of the agent in one child: one dials, the other stands by and takes over.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import type { Lease } from "../../shared/kube/types.ts";
import { AgentProcess } from "../e2e/agent_process.ts";
import { type Fleet, startFleet } from "../e2e/fleet.ts";
import { report } from "../e2e/report.ts";
import { eventually } from "../e2e/wait.ts";
import { condition, openWatch, untilReachable } from "./watching.ts";

const DRAIN_S = 15;

async function holder(fleet: Fleet): Promise<string | undefined> {
  const path = "/apis/coordination.k8s.io/v1/namespaces/clusternet-system/leases/self-cluster";
  return (await fleet.child.api.get<Lease>(path)).spec?.holderIdentity;
}

/** Whether an agent's own metrics say that it has a tunnel. */
async function connected({ healthPort }: AgentProcess): Promise<boolean> {
  const signal = AbortSignal.timeout(5_000);
  const answer = await fetch(`http://127.0.0.1:${healthPort}/metrics`, { signal });
  const text = await answer.text();
  const found = /^clusternet_agent_tunnel_connected\S* ([01])$/m.exec(text);
  assert.ok(found, "the metric is there");
  return found[1] === "1";
}

/** Waits until an agent has the tunnel. @returns seconds since `start` */
async function untilConnected(agent: AgentProcess, start: number, ms: number): Promise<number> {
  await eventually("the other agent has the tunnel", ms, async () => {
    if (!await connected(agent)) throw new Error("not yet");
  }, 50);
  return (performance.now() - start) / 1000;
}

Deno.test("a standby agent takes over when the leading one is killed or stops", async (t) => {
  const args = [`--drain-timeout=${DRAIN_S}s`];
  await using fleet = await startFleet({ agent: { args } });
  const first = fleet.agent!;
  const second = await AgentProcess.create(fleet.parent, fleet.child, {
    name: "agent-standby",
    args: [...args, "--leader-elect-identity=agent-1"],
    readyPath: "/readyz",
  });
  await second.process.start();
  try {
    await t.step("only one dials", async () => {
      await delay(3_000);
      assert.equal(await holder(fleet), "agent-0");
      assert.deepEqual(await Promise.all([connected(first), connected(second)]), [true, false]);
    });

    await t.step("kill -9 of the leader: the other within its lease time", async () => {
      const killed = performance.now();
      await first.process.kill9();
      const seconds = await untilConnected(second, killed, 40_000);
      await untilReachable(fleet, 5_000);
      report(`leading agent killed: tunnel of the standby after ${seconds.toFixed(1)} s`);
      assert.equal(await holder(fleet), "agent-1");
    });

    await t.step("SIGTERM of the leader: the other at once, streams go on", async () => {
      await first.process.start();
      await eventually("the restarted agent stands by", 20_000, async () => {
        const { ok } = await fetch(`http://127.0.0.1:${first.healthPort}/readyz`, {
          signal: AbortSignal.timeout(5_000),
        }).then(async (answer) => (await answer.text(), answer));
        if (!ok) throw new Error("not ready");
      });
      const before = await condition(fleet, "Connected");
      const watch = await openWatch(fleet);
      const stopped = performance.now();
      second.process.signal("SIGTERM");
      let asked = 0;
      const refused: string[] = [];
      let over = false;
      const asking = (async (): Promise<void> => {
        while (!over) {
          asked++;
          const { code, stderr } = await fleet.asUser(
            ["get", "--raw", `${fleet.proxyPath}/version`, "--request-timeout=5s"],
          );
          if (code !== 0) refused.push(stderr);
          await delay(50);
        }
      })();
      const seconds = await untilConnected(first, stopped, 10_000)
        .finally(() => over = true);
      await asking;
      const cut = ((await watch.cutAt) - stopped) / 1000;
      report(
        `leading agent stopped: tunnel of the standby after ${seconds.toFixed(1)} s, ` +
          `${refused.length} of ${asked} requests failed meanwhile; ` +
          `the open watch was cut after ${cut.toFixed(1)} s`,
      );
      assert.deepEqual(refused, [], "the child is reachable all the time");
      assert.ok(cut > DRAIN_S - 2 && cut < DRAIN_S + 5, "the drain is for open streams");
      assert.deepEqual(await condition(fleet, "Connected"), before, "nothing was written");
      await untilReachable(fleet, 5_000);
    });
  } catch (error) {
    const log = await second.process.logTail(60);
    throw new Error(`${error}\n${await fleet.logs()}\n--- standby\n${log}`, { cause: error });
  } finally {
    await second.process.kill9();
  }
});
