/** Every abuse case has a defence to remove, and every defence still stands where it is looked for. */
import assert from "node:assert/strict";
import { ROOT } from "../../e2e/programs.ts";
import { DEFENCES, without } from "./main.ts";

Deno.test("the 24 abuse cases have a defence each that can be removed", async () => {
  const covered = new Set(DEFENCES.map((defence) => defence.case));
  const missing = Array.from({ length: 24 }, (_, i) => i + 1).filter((number) =>
    !covered.has(number)
  );
  assert.deepEqual(missing, []);
  for (const defence of DEFENCES) {
    const text = await Deno.readTextFile(ROOT + defence.file);
    assert.notEqual(without(defence, text), text, defence.removes);
    const test = await Deno.readTextFile(ROOT + defence.test);
    assert.match(test, /cases\(|Deno\.test\(/, defence.test);
  }
});
