/**
 * Prometheus metrics over `prom-client`.
 *
 * @module
 */
import process from "node:process";
import { Counter, Gauge, Histogram, Registry as PromRegistry } from "prom-client";

export { Counter, Gauge, Histogram };

/** What metrics are registered with: `Registry` of prom-client, in Prometheus' text format. */
export type MetricsRegistry = InstanceType<
  typeof import("prom-client")["Registry"]
>;

/**
 * A registry with what Prometheus expects of every process: start time and memory; and what
 * keeps the event loop alive. `prom-client`'s own default metrics poll on timers and read Node-only
 * counters, so these are read at scrape time.
 *
 * @returns a registry of its own, never the global one
 */
export function createRegistry(): MetricsRegistry {
  const registry: MetricsRegistry = new PromRegistry();
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
  new Gauge({
    name: "clusternet_active_resources",
    help: "Timers, sockets and other resources that keep the event loop alive, by type.",
    labelNames: ["type"],
    registers,
    collect(): void {
      this.reset();
      for (const type of process.getActiveResourcesInfo()) this.inc({ type });
    },
  });
  return registry;
}

/**
 * Renders a registry in Prometheus' text format.
 *
 * @returns a 200 response
 */
export async function renderMetrics(registry: MetricsRegistry): Promise<Response> {
  return new Response(await registry.metrics(), {
    headers: { "Content-Type": registry.contentType },
  });
}
