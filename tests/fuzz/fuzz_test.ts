/** The whole corpus, and a short run of each target. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readCorpus } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import { fuzz } from "./run.ts";
import { type FuzzTarget, latin1 } from "./target.ts";
import { targets } from "./targets.ts";

const MS = 2_000;
const SEED = 20_260_725;

for (const target of targets) {
  Deno.test(`fuzz ${target.name}: the corpus and ${MS / 1000} s of new inputs`, async () => {
    const { cases, finding } = await fuzz({
      target,
      seed: SEED,
      ms: MS,
      now: () => performance.now(),
    });
    if (finding !== undefined) {
      const { error, name, index, input } = finding;
      const what = name ?? `seed ${SEED}, case ${index}`;
      throw new Error(`${what}: ${JSON.stringify(latin1(input).slice(0, 500))}`, { cause: error });
    }
    assert.ok(cases > (await readCorpus(target.name)).length, `${cases} cases`);
  });

  Deno.test(`fuzz ${target.name}: any bytes at all`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300, size: "max" }), async (input) => {
        await target.run(input);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });
}

Deno.test("a seed repeats a run", () => {
  const inputs = (seed: number): string[] =>
    targets.flatMap((target) =>
      Array.from({ length: 20 }, (_, index) => {
        const random = new Random(seed, index);
        const input = target.generate(random);
        const { dictionary } = target;
        return latin1(mutate(input, random, { dictionary, corpus: [input] }, target.maxBytes));
      })
    );
  assert.deepEqual(inputs(7), inputs(7));
  assert.notDeepEqual(inputs(7), inputs(8));
});

Deno.test("a fault is found, in a call, in a promise, and told with its input", async () => {
  const faulty = (run: FuzzTarget["run"]): FuzzTarget => ({
    name: "paths",
    maxBytes: 100,
    dictionary: [],
    generate: (random) => random.bytes(1),
    run,
  });
  const faults: FuzzTarget["run"][] = [
    (input) => assert.notEqual(input[0], 0x2f),
    async (input) => {
      if (input[0] === 0x2f) void Promise.reject(new Error("stray"));
      await new Promise((resolve) => setTimeout(resolve, 0));
    },
  ];
  for (const run of faults) {
    const { finding } = await fuzz({
      target: faulty(run),
      seed: 1,
      ms: 60_000,
      now: () => performance.now(),
    });
    assert.equal(finding?.input[0], 0x2f);
  }
});
