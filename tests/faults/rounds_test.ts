/**
 * Ten identical rounds of work and of cut tunnels leave nothing behind: streams, sockets, timers
 * and open files are round 2's, and memory, garbage collected, at most 10 % above it.
 */
import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { freePorts } from "../cluster/ports.ts";
import { startFleet, TRANSPORT_ENV } from "../e2e/fleet.ts";
import { metric } from "../e2e/programs.ts";
import { report } from "../e2e/report.ts";
import { eventually } from "../e2e/wait.ts";
import { collectGarbage } from "./inspector.ts";
import { untilReachable } from "./watching.ts";

/** Rounds that are compared. */
const COMPARED = [2, 10];
/** The agent keeps idle connections to the child for 30 s. */
const KEPT_IDLE_MS = 35_000;

interface Holdings {
  streams: number;
  timers: number;
  resources: number;
  files: number;
  rssMiB: number;
}

Deno.test("ten rounds leave nothing behind", async () => {
  const [hubInspector, agentInspector] = freePorts(2) as [number, number];
  await using fleet = await startFleet({
    hub: { inspectPort: hubInspector },
    agent: { inspectPort: agentInspector },
  });
  const pod = (await fleet.child.createPod({ name: "shell" })).name;
  const agent = fleet.agent!;

  const work = async (): Promise<void> => {
    const gets = Array.from(
      { length: 20 },
      () => fleet.asUser(["get", "--raw", `${fleet.proxyPath}/api`]),
    );
    for (const { code, stderr } of await Promise.all(gets)) assert.equal(code, 0, stderr);
    for (const env of Object.values(TRANSPORT_ENV)) {
      const { code, stderr } = await fleet.through(["exec", pod, "--", "echo", "hi"], { env });
      assert.equal(code, 0, stderr);
    }
    await using watch = fleet.stream(["get", "cm", "-A", "-w"]);
    await watch.waitFor(/kube-root-ca/);
    await using shell = fleet.stream(["exec", "-i", pod, "--", "cat"]);
    await shell.write("hello\n");
    await shell.waitFor(/hello/);
    // Everything open now is cut: the tunnel runs through this kube-apiserver
    await fleet.parent.apiserver.restart();
    await untilReachable(fleet, 60_000);
  };

  const holdings = async (part: typeof fleet.hub | typeof agent): Promise<Holdings> => {
    const streams = part === fleet.hub
      ? "clusternet_hub_tunnel_streams"
      : "clusternet_agent_streams";
    return {
      streams: await metric(part.healthPort, streams) ?? NaN,
      timers: await metric(part.healthPort, 'clusternet_active_resources\\{type="Timeout"\\}') ?? 0,
      resources: await metric(part.healthPort, "clusternet_active_resources") ?? NaN,
      files: await part.process.openFiles(),
      rssMiB: await part.process.rssBytes() / 1024 / 1024,
    };
  };
  const settled = async (idleMs: number): Promise<{ hub: Holdings; agent: Holdings }> => {
    await eventually("all streams are gone", 30_000, async () => {
      const open = await metric(fleet.hub.healthPort, "clusternet_hub_tunnel_streams");
      if (open !== 0) throw new Error(`${open} streams`);
    }, 500);
    await delay(idleMs);
    // What V8 has not collected yet is no leak
    await Promise.all([hubInspector, agentInspector].map(collectGarbage));
    await delay(500);
    return { hub: await holdings(fleet.hub), agent: await holdings(agent) };
  };

  const rounds: { hub: Holdings; agent: Holdings }[] = [];
  try {
    for (let round = 1; round <= 10; round++) {
      await work();
      rounds.push(await settled(COMPARED.includes(round) ? KEPT_IDLE_MS : 1_000));
      const { hub, agent } = rounds.at(-1)!;
      report(`round ${round}: hub ${JSON.stringify(hub)}, agent ${JSON.stringify(agent)}`);
    }
    const [, second] = rounds as [unknown, (typeof rounds)[number]];
    const last = rounds.at(-1)!;
    for (const part of ["hub", "agent"] as const) {
      assert.equal(last[part].streams, 0, `${part} streams`);
      assert.ok(last[part].timers <= second[part].timers + 2, `${part} timers`);
      assert.ok(last[part].files <= second[part].files + 3, `${part} files: ${last[part].files}`);
      assert.ok(last[part].rssMiB <= second[part].rssMiB * 1.1, `${part} memory`);
    }
  } catch (error) {
    throw new Error(`${error}\n${JSON.stringify(rounds)}\n${await fleet.logs()}`, { cause: error });
  }
});
