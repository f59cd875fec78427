import assert from "node:assert/strict";
import { createRegistry } from "../shared/metrics.ts";
import { createHealth, serveHealth } from "./health.ts";
import { createAgentMetrics } from "./metrics.ts";

function handler(tunnel: () => void): (path: string, method?: string) => Promise<Response> {
  const registry = createRegistry();
  createAgentMetrics(registry, () => ({
    connected: true,
    leading: true,
    streams: 3,
    registration: "registered",
    tokenExpiresAt: 1_900_000_000_000,
  }));
  const handle = createHealth({
    livez: [],
    readyz: [{ name: "tunnel", check: tunnel }],
    registry,
  });
  return (path, method = "GET") => handle(new Request(`http://agent${path}`, { method }));
}

Deno.test("health answers as Kubernetes does", async () => {
  const ask = handler(() => {
    throw new Error("there is no tunnel");
  });
  assert.equal(await (await ask("/livez")).text(), "ok");
  assert.equal(await (await ask("/healthz?verbose")).text(), "[+]ping ok\nhealthz check passed\n");
  const unready = await ask("/readyz");
  assert.equal(unready.status, 500);
  assert.equal(
    await unready.text(),
    "[+]ping ok\n[-]tunnel failed: reason withheld\nreadyz check failed\n",
  );
  assert.equal((await ask("/readyz?exclude=tunnel")).status, 200);
  assert.equal((await ask("/other")).status, 404);
  assert.equal((await ask("/livez", "POST")).status, 405);
  assert.equal(await (await handler(() => {})("/readyz")).text(), "ok");
});

Deno.test("metrics tell of tunnel, registration and token", async () => {
  const text = await (await handler(() => {})("/metrics")).text();
  for (
    const line of [
      'clusternet_agent_info{version="0.1.0"} 1',
      "clusternet_agent_tunnel_connected 1",
      "clusternet_agent_leader 1",
      "clusternet_agent_streams 3",
      'clusternet_agent_registration_state{state="registered"} 1',
      "clusternet_agent_token_expiration_timestamp_seconds 1900000000",
    ]
  ) assert.ok(text.includes(line), line);
});

Deno.test("serveHealth listens, and a taken port is told", async () => {
  const registry = createRegistry();
  const handle = createHealth({ livez: [], readyz: [], registry });
  await using server = await serveHealth({ hostname: "127.0.0.1", port: 0 }, handle);
  const response = await fetch(`http://127.0.0.1:${server.port}/livez`);
  assert.equal(await response.text(), "ok");
  await assert.rejects(
    () => serveHealth({ hostname: "127.0.0.1", port: server.port }, handle),
    Deno.errors.AddrInUse,
  );
});
