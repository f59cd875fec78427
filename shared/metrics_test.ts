import assert from "node:assert/strict";
import { Counter, createRegistry, renderMetrics } from "./metrics.ts";

Deno.test("renderMetrics() renders process and own metrics", async () => {
  const registry = createRegistry();
  new Counter({ name: "x_total", help: "x", registers: [registry] }).inc();
  const response = await renderMetrics(registry);
  const text = await response.text();
  assert.match(response.headers.get("content-type") ?? "", /^text\/plain/);
  assert.match(text, /^x_total 1$/m);
  assert.match(text, /^process_resident_memory_bytes [1-9]/m);
});
