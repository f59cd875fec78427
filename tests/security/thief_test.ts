/**
 * Abuse case 11, the patient thief: somebody with an agent's token who calls itself otherwise at each
 * dial, so that no two instances ever seem to fight.
 */
import assert from "node:assert/strict";
import { dialTunnel } from "../../agent/tunnel/dial.ts";
import { delay } from "../../shared/backoff.ts";
import type { ManagedCluster } from "../../shared/kube/clusternet_types.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { Session } from "../../shared/tunnel/session.ts";
import { eventually } from "../e2e/wait.ts";
import { clusterPathOf, registered, serves, stolenToken } from "./neighbour.ts";
import { cases, type Scene } from "./scene.ts";

/** Dials with a stolen token again and again, each time under another instance id. */
async function stealTunnel(scene: Scene, token: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const conn = await dialTunnel({
        url: scene.parent.server + scene.at("/attach"),
        ca: scene.parent.caPem,
        token,
        signal,
      });
      const session = new Session({ role: "agent", conn, instanceId: crypto.randomUUID() });
      const end = (): void => session.close(SessionCode.SHUTTING_DOWN, "the thief stops");
      signal.addEventListener("abort", end, { once: true });
      await session.closed;
      signal.removeEventListener("abort", end);
    } catch {
      // Refused: it tries again
    }
    await delay(1_000, signal).catch(() => {});
  }
}

cases("a thief of an agent's token", {}, async (step, scene) => {
  const { parent } = scene;
  const clusterPath = clusterPathOf(await registered(parent, scene.clusterId));
  const token = await stolenToken(scene);

  await step("11. a thief that takes a new name at each dial is found out too", async () => {
    const stop = new AbortController();
    const stealing = stealTunnel(scene, token, stop.signal);
    try {
      await eventually("an Event says that the tunnel was taken over", 20_000, async () => {
        const { text } = await parent.api.request("GET", "/api/v1/events");
        assert.match(text, /took the live tunnel of .*somebody with its credentials/);
      });
      await eventually("both are refused, and the condition says so", 90_000, async () => {
        const { status } = await parent.api.get<ManagedCluster>(clusterPath);
        const found = status?.conditions?.find(({ type }) => type === "DuplicateAgent");
        assert.equal(found?.status, "True");
      }, 250);
    } finally {
      stop.abort();
      await stealing;
    }
    await eventually("the right one serves again", 120_000, () => serves(scene), 500);
  });
});
