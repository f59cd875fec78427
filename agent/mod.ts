/**
 * The agent: registers its cluster to a parent, holds the tunnel, serves what comes through it, and
 * reports the cluster's status.
 *
 * @module
 */
export * from "./agent.ts";
export * from "./flags.ts";
export * from "./health.ts";
export * from "./leader.ts";
export * from "./registration/register.ts";
export * from "./registration/store.ts";
export * from "./status/collector.ts";
export * from "./status/quantity.ts";
export * from "./target/policy.ts";
