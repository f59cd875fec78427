/**
 * What Prometheus learns about the allow-list. No label holds a target.
 *
 * @module
 */
import { Gauge, type MetricsRegistry } from "../../shared/metrics.ts";

/** What is read when a scrape comes. */
export interface TargetReadings {
  /** Entries of the flags. */
  flagEntries: number;
  /** Entries of the ConfigMap that are in force. */
  listEntries: number;
  /** Why the ConfigMap's list is refused; `undefined` when it is not. */
  fault: string | undefined;
}

/** Registers the gauges; `read` is asked at each scrape. */
export function createTargetMetrics(registry: MetricsRegistry, read: () => TargetReadings): void {
  new Gauge({
    name: "clusternet_agent_allowed_targets",
    help: "Entries of the allow-list that are in force, by source.",
    labelNames: ["source"],
    registers: [registry],
    collect(): void {
      const { flagEntries, listEntries } = read();
      this.set({ source: "flags" }, flagEntries);
      this.set({ source: "configmap" }, listEntries);
    },
  });
  new Gauge({
    name: "clusternet_agent_target_list_refused",
    help: "1 while the ConfigMap's list cannot be read and the last good one is in force.",
    registers: [registry],
    collect(): void {
      this.set(read().fault === undefined ? 0 : 1);
    },
  });
}
