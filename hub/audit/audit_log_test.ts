import assert from "node:assert/strict";
import { delay } from "../../shared/backoff.ts";
import { memoryLog } from "../../shared/log.ts";
import { createRegistry } from "../../shared/metrics.ts";
import { AuditLog, type AuditLogOptions, type AuditOutput } from "./audit_log.ts";
import { makeRecord } from "./testing.ts";

/** An output that can be held up or made to fail. */
class TestOutput implements AuditOutput {
  text = "";
  writes = 0;
  closed = false;
  failing = false;
  gate: Promise<void> | undefined;

  async write(lines: Uint8Array): Promise<void> {
    this.writes++;
    await this.gate;
    if (this.failing) throw new Error("no space left on device");
    this.text += new TextDecoder().decode(lines);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  get lines(): Record<string, unknown>[] {
    return this.text.trimEnd().split("\n").map((line) => JSON.parse(line));
  }
}

interface SetUp {
  output: TestOutput;
  log: ReturnType<typeof memoryLog>;
  audit: AuditLog;
  dropped: (reason: string) => Promise<number>;
}

function setUp(options: Partial<AuditLogOptions> = {}): SetUp {
  const output = new TestOutput();
  const log = memoryLog();
  const registry = createRegistry();
  const audit = new AuditLog({ output, log, registry, now: () => 1_800_000_000_000, ...options });
  const dropped = async (reason: string): Promise<number> => {
    const found = await registry.getSingleMetric("clusternet_audit_dropped_total")!.get();
    return found.values.find(({ labels }) => labels["reason"] === reason)?.value ?? 0;
  };
  return { output, log, audit, dropped };
}

Deno.test("AuditLog writes in batches, in order, and the rest when it is closed", async () => {
  const { output, audit } = setUp({ batchMs: 5 });
  for (let i = 0; i < 1_000; i++) audit.push(makeRecord({ code: i }));
  assert.equal(output.writes, 0, "a push writes nothing by itself");
  while (audit.waiting > 0) await delay(1);
  audit.push(makeRecord({ code: 1_000 }));
  await audit.close(1_000);
  assert.ok(output.closed);
  assert.ok(output.writes < 20, `${output.writes} writes`);
  assert.deepEqual(output.lines.map(({ code }) => code), [...Array(1_001).keys()]);
});

Deno.test("AuditLog drops above its bound, counts it, and says so in the log itself", async () => {
  const { output, audit, dropped } = setUp({ maxRecords: 10, batchMs: 1 });
  const gate = Promise.withResolvers<void>();
  output.gate = gate.promise;
  audit.push(makeRecord({ code: 1 }));
  while (output.writes === 0) await delay(1); // It hangs in the first write
  const begin = performance.now();
  for (let i = 0; i < 100_000; i++) audit.push(makeRecord({ code: 2 }));
  assert.ok(performance.now() - begin < 2_000, "nobody waits");
  assert.equal(audit.waiting, 10);
  assert.equal(await dropped("queue"), 99_990);
  gate.resolve();
  await audit.close(1_000);
  assert.deepEqual(output.lines.map(({ code, count, event }) => code ?? [event, count]), [
    1,
    ["dropped", 99_990],
    ...Array(10).fill(2),
  ]);
});

Deno.test("AuditLog bounds what waiting records hold", async () => {
  const { output, audit } = setUp({ maxChars: 10_000 });
  const gate = Promise.withResolvers<void>();
  output.gate = gate.promise;
  for (let i = 0; i < 1_000; i++) audit.push(makeRecord({ path: "/".padEnd(1_000, "a") }));
  assert.ok(audit.waiting <= 10, `${audit.waiting}`);
  gate.resolve();
  await audit.close(1_000);
});

Deno.test("AuditLog says once that it cannot write, goes on trying, and tells what is lost", async () => {
  const { output, audit, log, dropped } = setUp({ batchMs: 1, retryMs: 5 });
  output.failing = true;
  audit.push(makeRecord({ code: 1 }));
  while (output.writes < 3) await delay(2);
  audit.push(makeRecord({ code: 2 }));
  while (audit.waiting > 0) await delay(1);
  assert.equal(log.lines.filter(({ level }) => level === "error").length, 1);
  output.failing = false;
  while (output.text === "") await delay(1);
  audit.push(makeRecord({ code: 3 }));
  await audit.close(1_000);
  assert.equal(await dropped("sink"), 2);
  assert.deepEqual(output.lines.map(({ code, count }) => code ?? [count]), [[2], 3]);
  assert.match(log.lines.at(-1)!.message, /written again/);
});

Deno.test("AuditLog.close() does not wait for an output that hangs", async () => {
  const { output, audit, log } = setUp({ batchMs: 1 });
  output.gate = new Promise(() => {});
  audit.push(makeRecord());
  while (output.writes === 0) await delay(1);
  audit.push(makeRecord());
  const begin = performance.now();
  await audit.close(20);
  assert.ok(performance.now() - begin < 1_000);
  assert.deepEqual(log.lines.at(-1)?.properties, { count: 1 });
  audit.push(makeRecord()); // Ignored but counted
  assert.equal(audit.waiting, 1);
});
