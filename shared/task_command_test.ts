import assert from "node:assert/strict";
import { taskCommand } from "./task_command.ts";

Deno.test("taskCommand() says npx to who came with npx", () => {
  assert.equal(taskCommand("ctl", { npm_command: "exec" }), "npx -y deno@2.9.6 task ctl");
  assert.equal(taskCommand("hub", {}), "deno task hub");
});
