/**
 * Abuse case 15: a list of targets that cannot be read is none; `target_policy_test.ts` has the
 * rest of what lists do.
 */
import assert from "node:assert/strict";
import { eventually } from "../e2e/wait.ts";
import { Recorder } from "./recorder.ts";
import { ALICE, cases } from "./scene.ts";

const MAPS = "/api/v1/namespaces/clusternet-system/configmaps";
const NAME = "clusternet-agent-targets";

cases("the list of targets", {}, async (step, scene) => {
  await using good = await Recorder.start();
  await using bad = await Recorder.start();
  const entry = (port: number): string =>
    `  - scheme: http\n    host: 127.0.0.1\n    port: ${port}\n`;
  const put = async (list: string): Promise<void> => {
    await scene.child.kubectlOk(["apply", "--server-side", "--force-conflicts", "-f", "-"], {
      stdin: JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: NAME, namespace: "clusternet-system" },
        data: { "targets.yaml": list },
      }),
    });
  };
  const status = async ({ port }: Recorder): Promise<number> =>
    (await scene.askAs(ALICE, { path: scene.at(`/proxy/http/127.0.0.1:${port}/`) })).status;
  const becomes = async (of: Recorder, wanted: number): Promise<void> => {
    await eventually(`${of.port} is ${wanted}`, 10_000, async () => {
      assert.equal(await status(of), wanted);
    });
  };
  const refused = async (): Promise<number> =>
    (await scene.fleet.agent!.process.log()).split("The list of targets is refused").length - 1;

  await step(
    "15. a list with a fault is refused, the last good one kept; none is deny",
    async () => {
      assert.equal(await status(good), 403);
      await put(`targets:\n${entry(good.port)}`);
      await becomes(good, 200);
      const both = entry(good.port) + entry(bad.port);
      const faults = [
        `targets:\n${both}targets:\n${entry(bad.port)}`, // the same key twice
        `targets:\n${both}`.replace("scheme", "shceme"),
        `targets:\n${both}`.replace(`${bad.port}`, '"*"'),
        `targets:\n${both}`.replace("127.0.0.1", "127.0.0.*"),
        `targets:\n${both}  - host: 0.0.0.0/0/0\n`,
        `target:\n${both}`,
        `targets: ${bad.port}\n`,
        `targets: [\n${both}`,
      ];
      for (const fault of faults) {
        const before = await refused();
        await put(fault);
        await eventually(`it is refused: ${fault}`, 10_000, async () => {
          assert.equal(await refused(), before + 1);
        });
        assert.deepEqual([await status(good), await status(bad)], [200, 403], fault);
      }
      await scene.child.api.remove(`${MAPS}/${NAME}`);
      await becomes(good, 403);
      assert.deepEqual(bad.requests, []);
    },
  );
});
