/**
 * The operator's program, to be put together by another `main`.
 *
 * @module
 */
export { connect, type ConnectMachine, type ContextOptions, createContext } from "./connect.ts";
export * from "./context.ts";
export { agentRunner, type AgentRunnerOptions } from "./install/agent_process.ts";
export type { AgentRun, RunAgent, RunningAgent } from "./install/agent_process.ts";
export { joinCommandLine, type JoinCommandOptions } from "./install/join_command.ts";
export type { Machine } from "./install/machine.ts";
export type { HubAccess } from "./preflight/hub.ts";
export { runCli } from "./program.ts";
