/**
 * What Prometheus learns about the agent. No label holds a name, a path or a user.
 *
 * @module
 */
import { Counter, Gauge, type MetricsRegistry } from "../shared/metrics.ts";
import { VERSION } from "../shared/version.ts";
import type { RegistrationState } from "./registration/register_options.ts";

/** What is read when a scrape comes. */
export interface AgentReadings {
  /** Whether a session with the hub stands. */
  connected: boolean;
  /** Whether this agent is the one that dials. */
  leading: boolean;
  /** Streams being served. */
  streams: number;
  registration: RegistrationState;
  /** When the parent's token expires, in milliseconds since the epoch. */
  tokenExpiresAt: number | undefined;
}

/** Metrics of the agent. */
export interface AgentMetrics {
  /** Dials that failed, by HTTP status or `network`. */
  dialFailures: Counter<"reason">;
  /** Sessions that came up. */
  connects: Counter;
  /** Status reports, by result. */
  reports: Counter<"result">;
}

/**
 * Registers the agent's metrics.
 *
 * @param registry where
 * @param read asked at each scrape
 * @returns the counters to be counted
 */
export function createAgentMetrics(
  registry: MetricsRegistry,
  read: () => AgentReadings,
): AgentMetrics {
  const registers = [registry];
  const gauge = (name: string, help: string, value: (now: AgentReadings) => number): void => {
    new Gauge({
      name,
      help,
      registers,
      collect(): void {
        this.set(value(read()));
      },
    });
  };
  new Gauge({
    name: "clusternet_agent_info",
    help: "Always 1; the label tells the version.",
    labelNames: ["version"],
    registers,
  }).set({ version: VERSION }, 1);
  gauge(
    "clusternet_agent_tunnel_connected",
    "1 while a session with the hub stands.",
    (now) => Number(now.connected),
  );
  gauge("clusternet_agent_leader", "1 while this agent leads.", (now) => Number(now.leading));
  gauge("clusternet_agent_streams", "Tunnel streams being served.", (now) => now.streams);
  gauge(
    "clusternet_agent_token_expiration_timestamp_seconds",
    "When the token for the parent expires; 0 when there is none.",
    (now) => (now.tokenExpiresAt ?? 0) / 1000,
  );
  new Gauge({
    name: "clusternet_agent_registration_state",
    help: "1 for the state that the registration is in.",
    labelNames: ["state"],
    registers,
    collect(): void {
      this.reset();
      this.set({ state: read().registration }, 1);
    },
  });
  return {
    dialFailures: new Counter({
      name: "clusternet_agent_dial_failures_total",
      help: "Dials to the hub that failed, by HTTP status or stage.",
      labelNames: ["reason"],
      registers,
    }),
    connects: new Counter({
      name: "clusternet_agent_tunnel_connects_total",
      help: "Sessions with the hub that came up.",
      registers,
    }),
    reports: new Counter({
      name: "clusternet_agent_status_reports_total",
      help: "Status reports to the parent, by result.",
      labelNames: ["result"],
      registers,
    }),
  };
}
