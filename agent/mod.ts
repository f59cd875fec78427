/**
 * The agent as a library: {@linkcode startAgent}, its flags and its health endpoint.
 *
 * @module
 */
export { startAgent } from "./agent.ts";
export type { Agent, AgentEnd, AgentOptions, Dial, DialTarget } from "./agent_options.ts";
export { type AgentEnvironment, type AgentFlags, parseAgentFlags } from "./flags.ts";
export {
  createHealth,
  type HealthCheck,
  type HealthOptions,
  type HealthServer,
  serveHealth,
} from "./health.ts";
