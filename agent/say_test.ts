import assert from "node:assert/strict";
import { memoryLog } from "../shared/log.ts";
import { calm, Sayer } from "./say.ts";

Deno.test("Sayer says a thing once, when it changed, and after a long time", () => {
  let now = 0;
  const log = memoryLog();
  const sayer = new Sayer({ log, now: () => now, everyMs: 1000 });
  assert.equal(sayer.say("warn", "a"), true);
  assert.equal(sayer.say("warn", "a"), false);
  assert.equal(sayer.say("error", "a"), true);
  assert.equal(sayer.say("warn", "b"), true);
  now = 1000;
  assert.equal(sayer.say("warn", "b"), true);
  sayer.reset();
  assert.equal(sayer.say("warn", "b"), true);
  assert.equal(log.lines.length, 5);
});

Deno.test("calm repeats no warning until things went well", () => {
  const log = memoryLog();
  const quiet = calm(log).with({ lease: "ns/name" });
  quiet.warn("cannot renew");
  quiet.warn("cannot renew");
  quiet.debug("a detail");
  quiet.warn("cannot renew");
  quiet.info("leads now");
  quiet.warn("cannot renew");
  quiet.error("a fault");
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    ["cannot renew", "a detail", "leads now", "cannot renew", "a fault"],
  );
  assert.deepEqual(log.lines[0]!.properties, { lease: "ns/name" });
});
