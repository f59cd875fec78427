/**
 * A rollout: the active hub gets SIGTERM while streams are open. The standby takes over at once; the
 * open streams have `--drain-timeout` to end where they are.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { freePorts } from "../cluster/ports.ts";
import { serviceProxy } from "../cluster/service_proxy.ts";
import { startFleet } from "../e2e/fleet.ts";
import { HubProcess } from "../e2e/hub_process.ts";
import { report } from "../e2e/report.ts";
import { condition, openWatch, untilReachable } from "./watching.ts";

Deno.test("a hub that stops hands over while it drains", async () => {
  const [first, second] = freePorts(2) as [number, number];
  await using service = await serviceProxy({ backends: () => [first, second] });
  await using fleet = await startFleet({
    hub: {
      port: first,
      servicePort: service.port,
      args: ["--leader-elect", "--drain-timeout=15s"],
      readyPath: "/livez",
    },
  });
  const standby = await HubProcess.create(fleet.parent, {
    name: "hub-standby",
    port: second,
    args: ["--leader-elect"],
    readyPath: "/livez",
  });
  await standby.process.start();
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
    throw new Error(
      `${error}\n${await fleet.logs()}\n--- standby\n${await standby.process.logTail(60)}`,
    );
  } finally {
    await standby.process.kill9();
  }
});
