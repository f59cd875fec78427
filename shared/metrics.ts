/**
 * Prometheus metrics over `prom-client`.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export { Counter, Gauge, Histogram, Registry };

/**
 * A registry with what Prometheus expects of every process: start time, resident memory, CPU
 * time and open files. `prom-client`'s own default metrics poll on timers and read Node-only
 * counters, so these are read at scrape time.
 *
 * @returns a registry of its own, never the global one
 */
export function createRegistry(): Registry {
  const registry = new Registry();
  const registers = [registry];
  new Gauge({
    name: "process_start_time_seconds",
    help: "Start time of the process since the unix epoch in seconds.",
    registers,
  }).set(Math.round((performance.timeOrigin) / 10) / 100);
  new Gauge({
    name: "process_resident_memory_bytes",
    help: "Resident memory size in bytes.",
    registers,
    collect(): void {
      this.set(Deno.memoryUsage().rss);
    },
  });
  new Gauge({
    name: "process_heap_bytes",
    help: "Process heap size in bytes.",
    registers,
    collect(): void {
      this.set(Deno.memoryUsage().heapUsed);
    },
  });
  return registry;
}

/**
 * Renders a registry in Prometheus' text format.
 *
 * @returns a 200 response
 */
export async function renderMetrics(registry: Registry): Promise<Response> {
  return new Response(await registry.metrics(), {
    headers: { "Content-Type": registry.contentType },
  });
}
