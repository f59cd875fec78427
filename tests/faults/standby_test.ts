/**
 * Active and standby: the standby is not Ready, and takes over within 20 s when the active hub is
 * killed.
 */
import assert from "node:assert/strict";
import { healthy } from "../e2e/programs.ts";
import { report } from "../e2e/report.ts";
import { startPair, withLogs } from "./pair.ts";
import { untilCondition, untilReachable } from "./watching.ts";

Deno.test("a standby hub takes over", async () => {
  await using pair = await startPair();
  const { fleet, standby } = pair;
  try {
    assert.equal(await healthy(standby.healthPort, "/readyz"), false, "a standby is not ready");
    assert.equal(await healthy(fleet.hub.healthPort, "/readyz"), true);
    const killed = performance.now();
    await fleet.hub.process.kill9();
    await untilReachable(fleet, 40_000);
    const seconds = (performance.now() - killed) / 1000;
    report(`active hub killed: tunnels back on the standby after ${seconds.toFixed(1)} s`);
    await untilCondition(fleet, "Ready", "True", 20_000);

    await fleet.hub.process.start();
    assert.equal(await healthy(fleet.hub.healthPort, "/readyz"), false, "it is a standby now");
    await untilReachable(fleet, 5_000);
  } catch (error) {
    throw await withLogs(pair, error);
  }
});
