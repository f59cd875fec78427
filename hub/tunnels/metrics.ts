/**
 * What Prometheus learns about tunnels and the requests through them. No label holds a path or a
 * user; `cluster` is bounded by the fleet.
 *
 * @module
 */
import { Counter, Gauge, Histogram, type MetricsRegistry } from "../../shared/metrics.ts";

/** What the registry of tunnels can say when a scrape comes. */
export interface TunnelReadings {
  /** Sessions that are routed to, one for each connected cluster. */
  connected: number;
  /** Sessions that were replaced or told to go, and still carry streams. */
  draining: number;
  /** Streams open now. */
  streams: number;
  /** Bytes that the live sessions received. */
  bytesIn: number;
  /** The same, sent. */
  bytesOut: number;
}

/** Metrics of `hub/tunnels`. */
export interface TunnelMetrics {
  /** Tunnels that came up. */
  connects: Counter;
  /** Tunnels that ended, by reason. */
  disconnects: Counter<"reason">;
  /** Attaches refused before a session stood, by reason. */
  refused: Counter<"reason">;
  /** Requests that ended, by status class, target kind and cluster. */
  requests: Counter<"code" | "target" | "cluster">;
  /** From the request to the head of its answer: what a watch does later says nothing. */
  headSeconds: Histogram<"target">;
  /** Bodies, `up` towards the child. */
  bytes: Counter<"direction">;
  /** Ordinary requests that are under way. */
  inFlight: Gauge;
  /** Upgraded connections that are open. */
  upgrades: Gauge;
  /** Answers that were cut after their head. */
  cuts: Counter;
  /** Removes the series of a cluster that is no more. */
  forget(clusterId: string): void;
  /** Hands over what is read at scrape time. */
  read(readings: () => TunnelReadings): void;
}

/**
 * Registers the metrics.
 *
 * @returns the metrics
 */
export function createTunnelMetrics(registry: MetricsRegistry): TunnelMetrics {
  const registers = [registry];
  let readings: (() => TunnelReadings) | undefined;
  const gauge = (name: string, help: string, field: keyof TunnelReadings): void => {
    new Gauge({
      name,
      help,
      registers,
      collect(): void {
        this.set(readings?.()[field] ?? 0);
      },
    });
  };
  gauge("clusternet_hub_tunnels_connected", "Clusters with a tunnel.", "connected");
  gauge("clusternet_hub_tunnels_draining", "Old tunnels that still carry streams.", "draining");
  gauge("clusternet_hub_tunnel_streams", "Streams open in all tunnels.", "streams");
  gauge("clusternet_hub_tunnel_live_received_bytes", "Received by the live tunnels.", "bytesIn");
  gauge("clusternet_hub_tunnel_live_sent_bytes", "Sent by the live tunnels.", "bytesOut");
  const requests = new Counter({
    name: "clusternet_hub_proxy_requests_total",
    help: "Proxied requests and upgrades, by status class, target kind and cluster.",
    labelNames: ["code", "target", "cluster"],
    registers,
  });
  return {
    connects: new Counter({
      name: "clusternet_hub_tunnel_connects_total",
      help: "Tunnels that came up.",
      registers,
    }),
    disconnects: new Counter({
      name: "clusternet_hub_tunnel_disconnects_total",
      help: "Tunnels that ended, by reason.",
      labelNames: ["reason"],
      registers,
    }),
    refused: new Counter({
      name: "clusternet_hub_tunnel_refusals_total",
      help: "Tunnels refused before they stood, by reason.",
      labelNames: ["reason"],
      registers,
    }),
    requests,
    headSeconds: new Histogram({
      name: "clusternet_hub_proxy_response_head_seconds",
      help: "From a request to the head of its answer.",
      labelNames: ["target"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 65],
      registers,
    }),
    bytes: new Counter({
      name: "clusternet_hub_proxy_bytes_total",
      help: "Body bytes of ended requests and upgrades; up is towards the child.",
      labelNames: ["direction"],
      registers,
    }),
    inFlight: new Gauge({
      name: "clusternet_hub_proxy_requests_in_flight",
      help: "Proxied requests under way.",
      registers,
    }),
    upgrades: new Gauge({
      name: "clusternet_hub_proxy_upgrades_open",
      help: "Upgraded connections that are open.",
      registers,
    }),
    cuts: new Counter({
      name: "clusternet_hub_proxy_cuts_total",
      help: "Answers that were cut after their head.",
      registers,
    }),
    forget(cluster: string): void {
      // prom-client removes by the whole set of labels only
      for (const code of ["1xx", "2xx", "3xx", "4xx", "5xx"]) {
        for (const target of ["direct", "http", "https"]) {
          requests.remove({ code, target, cluster });
        }
      }
    },
    read(from: () => TunnelReadings): void {
      readings = from;
    },
  };
}
