/**
 * Active and standby: the standby is not Ready, and takes over within 20 s when the active hub is
 * killed.
 */
import assert from "node:assert/strict";
import { freePorts } from "../cluster/ports.ts";
import { serviceProxy } from "../cluster/service_proxy.ts";
import { startFleet } from "../e2e/fleet.ts";
import { HubProcess } from "../e2e/hub_process.ts";
import { healthy } from "../e2e/programs.ts";
import { report } from "../e2e/report.ts";
import { untilCondition, untilReachable } from "./watching.ts";

Deno.test("a standby hub takes over", async () => {
  const [first, second] = freePorts(2) as [number, number];
  await using service = await serviceProxy({ backends: () => [first, second] });
  await using fleet = await startFleet({
    hub: {
      port: first,
      servicePort: service.port,
      args: ["--leader-elect"],
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
    throw new Error(
      `${error}\n${await fleet.logs()}\n--- standby\n${await standby.process.logTail(60)}`,
    );
  } finally {
    await standby.process.kill9();
  }
});
