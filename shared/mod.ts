/**
 * What hub and agent share: the tunnel, the Kubernetes client, header hygiene, the path grammar,
 * logs, metrics and waiting.
 *
 * @module
 */
export * from "./backoff.ts";
export type { ListenAddress } from "./flags.ts";
export * from "./headers.ts";
export * from "./kube/mod.ts";
export * from "./log.ts";
export type { MetricsRegistry } from "./metrics.ts";
export * from "./sockets_path.ts";
export * from "./tunnel/mod.ts";
