/**
 * Abuse case 8: what cannot be reviewed is refused, in time, and no old answer outlives its time.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/wait.ts";
import { ALICE, grantVisitor, visitorToken } from "./neighbour.ts";
import { ParentShim, type ShimMode } from "./parent_shim.ts";
import type { RawAnswer } from "./raw_http.ts";
import { cases, type RemoteUser, type Scene } from "./scene.ts";

let shim: ParentShim | undefined;
const options = {
  hub: {
    parentUrl: async (parent: Scene["parent"]): Promise<string> =>
      (shim = await ParentShim.start(parent)).url,
  },
};

cases("what cannot be checked is refused", options, async (step, scene) => {
  await using between = shim!;
  await grantVisitor(scene);
  const version = scene.at("/proxy/direct/version");

  await step("8. what cannot be reviewed is refused: 503 in time, nothing stale", async () => {
    let fresh = 0;
    const unseen = (): RemoteUser => ({ ...ALICE, groups: ["platform", `fresh-${++fresh}`] });
    /** One that needs a SubjectAccessReview, and one that needs a TokenReview first. */
    const both = async (): Promise<RawAnswer[]> => {
      const bearer = ["Authorization", `Bearer ${await visitorToken(scene)}`] as const;
      return await Promise.all([
        scene.askAs(unseen(), { path: version }),
        scene.ask(scene.hubTarget(), { path: version, headers: [bearer] }),
      ]);
    };
    const refused = async (what: string): Promise<void> => {
      const started = performance.now();
      for (const answer of await both()) {
        assert.equal(answer.status, 503, `${what}: ${answer.text}`);
        assert.match(answer.body, /"kind":"Status"/, what);
      }
      const tookMs = performance.now() - started;
      assert.ok(tookMs < 10_000, `${what}: ${tookMs} ms; the goal is 5 s, the test allows twice`);
    };
    const allowed = async (what: string): Promise<void> => {
      for (const { status, text } of await both()) assert.equal(status, 200, `${what}: ${text}`);
    };
    await allowed("at first");

    const cached = unseen();
    const bearer = ["Authorization", `Bearer ${await visitorToken(scene)}`] as const;
    const known = async (): Promise<number[]> => {
      const answers = await Promise.all([
        scene.askAs(cached, { path: version }),
        scene.ask(scene.hubTarget(), { path: version, headers: [bearer] }),
      ]);
      return answers.map(({ status }) => status);
    };
    assert.deepEqual(await known(), [200, 200]);
    const since = performance.now();
    const modes: ShimMode[] = ["cut", "half", "garbled", "error"];
    for (const mode of modes) {
      between.mode = mode;
      await refused(mode);
    }
    between.mode = "cut";
    assert.ok(performance.now() - since < 9_000, "the machine is too slow for this test");
    assert.deepEqual(await known(), [200, 200], "what was allowed holds for its time");
    for (const mode of ["silent", "slow"] as const) {
      between.mode = mode;
      await refused(mode);
    }
    between.mode = "cut";
    await pause(11_000 - (performance.now() - since));
    assert.deepEqual(await known(), [503, 503], "and no longer");
    between.mode = "pass";
    await allowed("again, at once");

    await between.down();
    await refused("the parent is gone");
    await between.up();
    await eventually("it recovers by itself", 30_000, () => allowed("after the parent is back"));
  });
});

async function pause(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
