import assert from "node:assert/strict";
import { join } from "node:path";
import { memoryLog } from "../../shared/log.ts";
import { createRegistry } from "../../shared/metrics.ts";
import { type AuditFlags, auditPath, openAuditLog } from "./open.ts";
import { makeRecord } from "./testing.ts";

const FLAGS: AuditFlags = { auditLogMaxsize: 1, auditLogMaxbackup: 1, enableTunnelLogging: false };

Deno.test("auditPath() is standard output behind a parent, a file where there is none", () => {
  assert.equal(auditPath(FLAGS, undefined), "-");
  assert.equal(auditPath(FLAGS, "/data"), join("/data", "audit.log"));
  assert.equal(auditPath({ ...FLAGS, enableTunnelLogging: true }, "/data"), "-");
  for (const auditLogPath of ["off", ""]) {
    assert.equal(auditPath({ ...FLAGS, auditLogPath, enableTunnelLogging: true }, "/d"), undefined);
  }
  assert.equal(auditPath({ ...FLAGS, auditLogPath: "x", enableTunnelLogging: true }, "/d"), "x");
});

Deno.test("openAuditLog() writes to standard output in pieces as they are taken", async () => {
  let text = "";
  const stdout = {
    write(bytes: Uint8Array): Promise<number> {
      text += new TextDecoder().decode(bytes.subarray(0, 100));
      return Promise.resolve(Math.min(100, bytes.length));
    },
  };
  const options = { stdout, registry: createRegistry(), log: memoryLog(), now: () => 0 };
  assert.equal(openAuditLog({ ...options, flags: { ...FLAGS, auditLogPath: "off" } }), undefined);
  const audit = openAuditLog({ ...options, flags: FLAGS })!;
  audit.push(makeRecord());
  audit.push(makeRecord({ code: 201 }));
  await audit.close(1_000);
  assert.deepEqual(text.trimEnd().split("\n").map((line) => JSON.parse(line).code), [200, 201]);
});

Deno.test("openAuditLog() writes nothing that fails into anybody's way", async () => {
  const log = memoryLog();
  const audit = openAuditLog({
    flags: { ...FLAGS, auditLogPath: "/no/such/directory/audit.log" },
    stdout: { write: () => Promise.reject(new Error("not this one")) },
    registry: createRegistry(),
    log,
    now: () => 0,
  })!;
  audit.push(makeRecord());
  await audit.close(1_000);
  assert.match(log.lines[0]!.message, /cannot be written/);
});
