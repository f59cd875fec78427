import assert from "node:assert/strict";
import { createRegistry } from "../../shared/metrics.ts";
import { createTunnelMetrics } from "./metrics.ts";
import { TunnelRegistry } from "./registry.ts";

Deno.test("TunnelMetrics drops the series of a cluster that the registry forgets", async () => {
  const registry = createRegistry();
  const metrics = createTunnelMetrics(registry);
  const tunnels = new TunnelRegistry({ instanceId: "hub", metrics });
  for (const cluster of ["gone", "stays"]) {
    metrics.requests.inc({ code: "2xx", target: "direct", cluster });
    metrics.requests.inc({ code: "5xx", target: "https", cluster });
  }
  tunnels.forget("gone");
  const text = await registry.metrics();
  assert.doesNotMatch(text, /gone/);
  assert.equal(text.match(/cluster="stays"/g)?.length, 2);
  tunnels.close();
});
