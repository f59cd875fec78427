import assert from "node:assert/strict";
import { createLog, memoryLog, redact } from "./log.ts";

Deno.test("createLog() writes JSON lines without secrets", () => {
  const lines: string[] = [];
  const log = createLog({
    format: "json",
    level: "info",
    component: "hub",
    write: (line) => lines.push(line),
  });
  log.with({ cluster: "a" }).info("Tunnel connected", { remote: "h", token: "s3cret" });
  log.debug("Not shown");
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0]!);
  assert.equal(line.message, "Tunnel connected");
  assert.equal(line.level, "INFO");
  assert.deepEqual(line.properties, { cluster: "a", remote: "h", token: "[redacted]" });
});

Deno.test("createLog() writes one readable line for each record", () => {
  const lines: string[] = [];
  const log = createLog({
    format: "text",
    level: "debug",
    component: "agent",
    write: (line) => lines.push(line),
  });
  log.warn("Cannot dial", { error: new Error("refused\nby peer"), tries: 3 });
  assert.match(lines[0]!, /Cannot dial error="Error: refused\\nby peer" tries=3\n$/);
});

Deno.test("redact() blanks bearer tokens, JWTs and bootstrap tokens", () => {
  assert.equal(
    redact(
      "Authorization: Bearer abcdef123456 then eyJhbGciOiJSUzI1NiJ9.abc.def and 07401b.f395accd246ae52d",
    ),
    "Authorization: Bearer [redacted] then [redacted] and 07401b.[redacted]",
  );
  assert.equal(redact("version v1.36.3 of kube.apiserver"), "version v1.36.3 of kube.apiserver");
});

Deno.test("createLog() finds secrets inside objects and lists, three levels deep", () => {
  const log = memoryLog();
  log.info("x", {
    a: { token: "s3cret", b: [{ password: "s3cret", n: 1 }, "Bearer abcdef123456"] },
    credentials: { user: "s3cret" },
    tokens: ["s3cret"],
    deep: { two: { three: { password: "s3cret", four: { x: "s3cret" } } } },
    list: [new Error("Bearer abcdef123456"), 5n, null, undefined],
    when: new Date(0),
  });
  assert.deepEqual(log.lines[0]?.properties, {
    a: { token: "[redacted]", b: [{ password: "[redacted]", n: 1 }, "Bearer [redacted]"] },
    credentials: "[redacted]",
    tokens: "[redacted]",
    deep: { two: { three: { password: "[redacted]", four: "[left out: too deep]" } } },
    list: ["Error: Bearer [redacted]", "5", null, undefined],
    when: new Date(0),
  });
});

Deno.test("memoryLog() keeps what its children were given", () => {
  const log = memoryLog();
  log.with({ a: 1 }).error("x", { b: 2 });
  assert.deepEqual(log.lines, [{ level: "error", message: "x", properties: { a: 1, b: 2 } }]);
});
