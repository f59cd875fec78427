/**
 * What Prometheus learns about registration, leadership and what the hub knows of its parent.
 *
 * @module
 */
import { Counter, Gauge, type MetricsRegistry } from "../../shared/metrics.ts";

/** What became of a registration request. */
export type RegistrationResult = "approved" | "denied" | "failed" | "revoked";

/** Read when a scrape comes. */
export interface HubReadings {
  /** Whether this hub leads. */
  leader: () => boolean;
  /** Each watch, and when the parent was last heard of there, in milliseconds since the epoch. */
  informers: readonly { resource: string; lastContact: () => number | undefined }[];
}

/** Counters of `hub/registration` and `hub/lifecycle`. */
export interface LifecycleMetrics {
  /** Registration requests, by what became of them. */
  registrations: Counter<"result">;
  /** Renewals of agents' tokens; result is `ok` or `failed`. */
  renewals: Counter<"result">;
  /** Registers the gauges; once. */
  read(readings: HubReadings): void;
}

/**
 * Registers the counters, each result at zero so that a first failure is a rise.
 *
 * @returns the metrics
 */
export function createLifecycleMetrics(registry: MetricsRegistry): LifecycleMetrics {
  const registers = [registry];
  const registrations = new Counter({
    name: "clusternet_hub_registrations_total",
    help: "Registration requests that were approved, denied, revoked, or failed (also anew).",
    labelNames: ["result"],
    registers,
  });
  const renewals = new Counter({
    name: "clusternet_hub_token_renewals_total",
    help: "Renewals of agents' tokens, by result (ok, failed).",
    labelNames: ["result"],
    registers,
  });
  for (const result of ["approved", "denied", "failed", "revoked"]) {
    registrations.inc({ result }, 0);
  }
  for (const result of ["ok", "failed"]) renewals.inc({ result }, 0);
  return {
    registrations,
    renewals,
    read({ leader, informers }: HubReadings): void {
      new Gauge({
        name: "clusternet_hub_leader",
        help: "1 while this hub leads, 0 on a standby.",
        registers,
        collect(): void {
          this.set(leader() ? 1 : 0);
        },
      });
      new Gauge({
        name: "clusternet_hub_informer_last_contact_timestamp_seconds",
        help: "When the parent was last heard of in a watch, since the unix epoch.",
        labelNames: ["resource"],
        registers,
        collect(): void {
          for (const { resource, lastContact } of informers) {
            const at = lastContact();
            if (at !== undefined) this.set({ resource }, at / 1000);
          }
        },
      });
    },
  };
}
