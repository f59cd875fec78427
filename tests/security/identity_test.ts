/**
 * Abuse cases 1 to 8: who the caller is, and whether they may.
 */
import assert from "node:assert/strict";
import { cases } from "./scene.ts";

cases("who the caller is cannot be forged", {}, async (step, scene) => {
  await step(
    "1. identity headers without the front proxy's certificate are nothing: 401",
    async () => {
      const before = await scene.hubMetrics();
      const answer = await scene.ask(scene.hubTarget(), {
        path: scene.at("/proxy/direct/version"),
        headers: [["X-Remote-User", "admin"], ["X-Remote-Group", "system:masters"]],
      });
      assert.equal(answer.status, 401, answer.text);
      assert.match(answer.body, /"kind":"Status"/);
      const count = (text: string): number =>
        Number(/reason="untrusted_identity_headers"\} ([0-9]+)/.exec(text)?.[1] ?? 0);
      assert.equal(count(await scene.hubMetrics()), count(before) + 1);
    },
  );
});
