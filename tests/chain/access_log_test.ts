/** `--enable-tunnel-logging`: one line for each exchange, at its end. */
import assert from "node:assert/strict";
import { memoryLog } from "../../shared/log.ts";
import { Chain, CLUSTER, request } from "./harness.ts";

Deno.test("Each proxied request is logged once at its end, without its query", async () => {
  const log = memoryLog();
  await using chain = await Chain.connected({
    accessLog: log,
    child: (req, res) => void req.resume().on("end", () => res.writeHead(201).end("created")),
  });
  await request(chain.port, "POST", chain.path("/api/v1/pods?dryRun=xyzzy"), [], "body");
  await chain.idle();
  const [line, ...more] = log.lines;
  assert.equal(more.length, 0);
  assert.equal(line?.level, "info");
  const { ms, ...properties } = line.properties;
  assert.ok(typeof ms === "number" && ms >= 0);
  assert.deepEqual(properties, {
    cluster: CLUSTER,
    method: "POST",
    target: "direct",
    path: "/api/v1/pods",
    upgrade: false,
    status: 201,
    bytesUp: 4,
    bytesDown: 7,
    user: "ann",
  });
});

Deno.test("A refused request and an upgrade are logged with their status", async () => {
  const log = memoryLog();
  await using chain = await Chain.start({
    accessLog: log,
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
  const seen = log.lines.map(({ properties: { path, status, upgrade, bytesDown } }) => ({
    path,
    status,
    upgrade,
    bytesDown,
  }));
  assert.deepEqual(seen, [
    { path: "/version", status: 503, upgrade: false, bytesDown: 0 },
    { path: "/exec", status: 101, upgrade: true, bytesDown: 5 },
  ]);
});
