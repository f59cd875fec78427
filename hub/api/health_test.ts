import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import { createHealth } from "./health.ts";

Deno.test("Health logs a check's change and no repeats", async () => {
  const log = memoryLog();
  let fine = false;
  const leader = {
    name: "leader",
    check: (): void => {
      if (!fine) throw new Error("this hub is a standby");
    },
  };
  const health = createHealth({ livez: [], readyz: [leader], log });
  const probe = async (path: string): Promise<number> => {
    const response = await health(new Request(`http://hub${path}`), path);
    await response?.body?.cancel();
    return response!.status;
  };
  const said = (): string[] =>
    log.lines.splice(0).map(({ level, message }) => `${level} ${message}`);

  assert.equal(await probe("/readyz"), 500);
  assert.equal(await probe("/readyz"), 500);
  assert.equal(await probe("/readyz/leader"), 500);
  const failed = "a health check failed";
  assert.deepEqual(said(), [`warn ${failed}`, `debug ${failed}`, `debug ${failed}`]);

  fine = true;
  assert.equal(await probe("/readyz"), 200);
  assert.equal(await probe("/readyz"), 200);
  assert.deepEqual(said(), ["info a health check passes again"]);

  fine = false;
  assert.equal(await probe("/readyz"), 500);
  assert.deepEqual(said(), [`warn ${failed}`]);
});

Deno.test("Health says nothing of checks that are fine from the start", async () => {
  const log = memoryLog();
  const health = createHealth({ livez: [], readyz: [], log });
  const response = await health(new Request("http://hub/readyz"), "/readyz");
  assert.equal(await response?.text(), "ok");
  assert.deepEqual(log.lines, []);
});
