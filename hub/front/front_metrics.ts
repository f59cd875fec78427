/**
 * What the public port counts.
 *
 * @module
 */
import { Counter, Gauge, Histogram, type MetricsRegistry } from "../../shared/metrics.ts";

/** Counters of the public port; labels are bounded, never a user, a path or a cluster. */
export class FrontMetrics {
  readonly #limited: Counter<"reason">;
  readonly #refused: Counter<"reason">;
  readonly #requests: Counter<"route" | "code">;
  readonly #reviews: Counter<"kind" | "result">;
  readonly #reviewSeconds: Histogram<"kind">;

  /** TLS connections open on the public port. */
  readonly connections: Gauge;

  /**
   * Registers the series.
   *
   * @param registry where
   */
  constructor(registry: MetricsRegistry) {
    const registers = [registry];
    this.#refused = new Counter({
      name: "clusternet_front_refused_total",
      help: "Requests refused before they were routed, by reason.",
      labelNames: ["reason"],
      registers,
    });
    this.#limited = new Counter({
      name: "clusternet_front_limited_total",
      help: "Requests, upgrades, dials and connections refused or closed at a limit, by limit.",
      labelNames: ["reason"],
      registers,
    });
    this.#requests = new Counter({
      name: "clusternet_front_requests_total",
      help: "Requests answered or handed on, by route and HTTP status (0: connection lost).",
      labelNames: ["route", "code"],
      registers,
    });
    this.#reviews = new Counter({
      name: "clusternet_front_reviews_total",
      help: "Access and token reviews, by kind and result (allowed, denied, error, cached).",
      labelNames: ["kind", "result"],
      registers,
    });
    this.#reviewSeconds = new Histogram({
      name: "clusternet_front_review_duration_seconds",
      help: "How long the parent took for a review.",
      labelNames: ["kind"],
      buckets: [0.005, 0.02, 0.1, 0.5, 2, 5],
      registers,
    });
    this.connections = new Gauge({
      name: "clusternet_front_connections",
      help: "TLS connections open on the public port.",
      registers,
    });
  }

  /** Counts a refusal. */
  refused(reason: string): void {
    this.#refused.inc({ reason });
  }

  /** Counts what met a limit. */
  limited(reason: string): void {
    this.#limited.inc({ reason });
  }

  /** Counts a request that ended. */
  request(route: string, code: number): void {
    this.#requests.inc({ route, code: String(code) });
  }

  /** Counts a review; `seconds` only when the parent was asked. */
  review(
    kind: "access" | "token",
    result: "allowed" | "denied" | "error" | "cached",
    seconds?: number,
  ): void {
    this.#reviews.inc({ kind, result });
    if (seconds !== undefined) this.#reviewSeconds.observe({ kind }, seconds);
  }
}
