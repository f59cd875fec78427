/** The audit log on the way of a request: one line for each exchange, at its end. */
import assert from "node:assert/strict";
import { Auditor } from "../../hub/audit/auditor.ts";
import { auditLine } from "../../hub/audit/line.ts";
import { Chain, CLUSTER, request } from "./harness.ts";

function keepLines(): { auditor: Auditor; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const auditor = new Auditor({
    sink: { push: (record) => void lines.push(JSON.parse(auditLine(record))), leaveOut: () => {} },
    now: () => 1_800_000_000_123,
  });
  return { auditor, lines };
}

Deno.test("Each proxied request is told once at its end, without its query", async () => {
  const { auditor, lines } = keepLines();
  await using chain = await Chain.connected({
    auditor,
    child: (req, res) => void req.resume().on("end", () => res.writeHead(201).end("created")),
  });
  await request(chain.port, "POST", chain.path("/api/v1/pods?dryRun=xyzzy"), [], "body");
  await chain.idle();
  const [line, ...more] = lines;
  assert.equal(more.length, 0);
  const { ms, sourceIPs, ...rest } = line!;
  assert.ok(typeof ms === "number" && ms >= 0);
  assert.match(String(sourceIPs), /127\.0\.0\.1$/);
  assert.deepEqual(rest, {
    time: "2027-01-15T08:00:00.123Z",
    event: "request",
    user: "ann",
    groups: ["dev"],
    cluster: CLUSTER,
    verb: "get",
    method: "POST",
    target: "direct",
    path: "/api/v1/pods",
    upgrade: false,
    code: 201,
    bytesUp: 4,
    bytesDown: 7,
  });
});

Deno.test("A refused request and an upgrade are told with their status", async () => {
  const { auditor, lines } = keepLines();
  await using chain = await Chain.start({
    auditor,
    childUpgrade: (_req, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n");
      socket.end("hello");
    },
  });
  assert.equal((await chain.get("/version")).status, 503);
  await chain.connect();
  const head = `GET ${chain.path("/exec?command=xyzzy")} HTTP/1.1\r\nHost: parent\r\n`;
  const answer = chain.raw(`${head}Connection: Upgrade\r\nUpgrade: x\r\n\r\n`);
  assert.match(await answer, /101[^]*hello/);
  await chain.idle();
  const seen = lines.map(({ path, code, upgrade, bytesDown, reason }) => ({
    path,
    code,
    upgrade,
    bytesDown,
    refused: typeof reason === "string" && reason !== "",
  }));
  assert.deepEqual(seen, [
    { path: "/version", code: 503, upgrade: false, bytesDown: 0, refused: true },
    { path: "/exec", code: 101, upgrade: true, bytesDown: 5, refused: false },
  ]);
});
