/**
 * Killed and paused processes: everything comes back by itself, and the conditions tell the
 * truth meanwhile. Deadlines are design.md's; a test allows twice the time.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { startFleet } from "../e2e/fleet.ts";
import { report } from "../e2e/report.ts";
import { condition, openWatch, untilCondition, untilReachable } from "./watching.ts";

Deno.test("killed and paused processes come back by themselves", async (t) => {
  await using fleet = await startFleet();
  const { parent, child, hub } = fleet;
  const agent = fleet.agent!;
  try {
    await t.step("kill -9 of the agent", async () => {
      const { cutAt } = await openWatch(fleet);
      const killed = performance.now();
      await agent.process.kill9();
      const cut = (await cutAt - killed) / 1000;
      await untilCondition(fleet, "Connected", "False", 10_000);
      const away = (performance.now() - killed) / 1000;
      await untilCondition(fleet, "Ready", "Unknown", 10_000);
      await agent.process.start();
      const back = await untilReachable(fleet, 30_000);
      await untilCondition(fleet, "Ready", "True", 20_000);
      report(
        `agent killed: watch cut after ${cut.toFixed(1)} s, Connected=False after ` +
          `${away.toFixed(1)} s, back ${back.toFixed(1)} s after its start`,
      );
      assert.ok(cut < 4, `the watch was cut after ${cut} s; the goal is 2 s`);
    });

    await t.step("kill -9 of the hub: tunnels return, no condition is written", async () => {
      const before = await condition(fleet, "Connected");
      await hub.process.kill9();
      await hub.process.start();
      const back = await untilReachable(fleet, 40_000);
      report(`hub killed and started: reachable ${back.toFixed(1)} s after it was ready`);
      await delay(3000);
      assert.deepEqual(await condition(fleet, "Connected"), before);
    });

    await t.step("kill -9 of the child's kube-apiserver: 502 meanwhile", async () => {
      await child.apiserver.kill9();
      const { stderr } = await fleet.asUser(["get", "--raw", `${fleet.proxyPath}/version`]);
      assert.match(stderr, /Bad ?Gateway|502|reach|refused/i);
      assert.equal((await condition(fleet, "Connected"))?.status, "True");
      await child.apiserver.start();
      report(
        `child's kube-apiserver: reachable ${
          (await untilReachable(fleet, 20_000)).toFixed(1)
        } s after its start`,
      );
      await untilCondition(fleet, "Ready", "True", 60_000);
    });

    await t.step("kill -9 of the parent's kube-apiserver: all return", async () => {
      await parent.apiserver.kill9();
      await delay(3000);
      await parent.apiserver.start();
      const back = await untilReachable(fleet, 60_000);
      report(`parent's kube-apiserver: reachable ${back.toFixed(1)} s after its start`);
      await untilCondition(fleet, "Ready", "True", 60_000);
    });

    await t.step("SIGSTOP of the agent for 60 s: Unknown within 60 s, then Ready", async () => {
      agent.process.pause();
      const unknown = await untilCondition(fleet, "Ready", "Unknown", 120_000);
      assert.equal((await condition(fleet, "Connected"))?.status, "False");
      report(`agent paused: Ready=Unknown after ${unknown.toFixed(1)} s`);
      await delay(Math.max(0, 60_000 - unknown * 1000));
      agent.process.resume();
      const back = await untilReachable(fleet, 60_000);
      await untilCondition(fleet, "Ready", "True", 60_000);
      report(`agent resumed: reachable after ${back.toFixed(1)} s`);
    });
  } catch (error) {
    throw new Error(`${error}\n${await fleet.logs(80)}`, { cause: error });
  }
});
