/**
 * A client of the Kubernetes API over an injected transport: calls, watches, informers, leader
 * election, work queues, events, and where to find a cluster.
 *
 * @module
 */
export { CaDiscoveryError, caHash, discoverCa, type DiscoverCaOptions } from "./ca_discovery.ts";
export * from "./client.ts";
export * from "./cluster_config.ts";
export * from "./clusternet_types.ts";
export * from "./conditions.ts";
export * from "./events.ts";
export * from "./file_ca.ts";
export * from "./file_token.ts";
export * from "./in_cluster.ts";
export * from "./informer.ts";
export { KubeConfigError } from "./kubeconfig_file.ts";
export * from "./kubeconfig.ts";
export * from "./lease_election.ts";
export { type InformerListener, keyOf, splitKey } from "./object_store.ts";
export * from "./resources.ts";
export * from "./status.ts";
export * from "./transport.ts";
export * from "./types.ts";
export * from "./watch.ts";
export * from "./workqueue.ts";
