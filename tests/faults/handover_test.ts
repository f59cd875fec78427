/**
 * A rollout: the active hub gets SIGTERM while streams are open. The standby takes over at once; the
 * open streams have `--drain-timeout` to end where they are.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { report } from "../e2e/report.ts";
import { startPair, withLogs } from "./pair.ts";
import { condition, openWatch, untilReachable } from "./watching.ts";

Deno.test("a hub that stops hands over while it drains", async () => {
  await using pair = await startPair(["--drain-timeout=15s"]);
  const { fleet } = pair;
  try {
    const connected = await condition(fleet, "Connected");
    const watch = await openWatch(fleet);
    const stopped = performance.now();
    fleet.hub.process.signal("SIGTERM");
    await delay(1_000); // The first hub is no longer Ready
    await untilReachable(fleet, 30_000);
    const seconds = (performance.now() - stopped) / 1000;
    const cut = ((await watch.cutAt) - stopped) / 1000;
    report(
      `active hub stopped: tunnels on the standby after ${seconds.toFixed(1)} s; ` +
        `the open watch was cut after ${cut.toFixed(1)} s`,
    );
    assert.ok(seconds < 10, "the standby does not wait for the drain");
    assert.ok(cut > 13, "the drain is for open streams");
    assert.equal(
      (await condition(fleet, "Connected"))?.lastTransitionTime,
      connected?.lastTransitionTime,
      "nothing was written",
    );
  } catch (error) {
    throw await withLogs(pair, error);
  }
});
