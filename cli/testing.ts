/**
 * A `CliContext` without a machine, for unit tests: files, programs and the parent in memory.
 *
 * @module
 */
import { Command, CommanderError } from "commander";
import { KubeClient } from "../shared/kube/client.ts";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";
import type { ManagedCluster } from "../shared/kube/clusternet_types.ts";
import { type Transport, TransportError } from "../shared/kube/transport.ts";
import { FakeKube } from "../shared/testing/fake_kube.ts";
import { type CliContext, CliError, type Connected, type ConnectOptions } from "./context.ts";
import type { Ran } from "./context.ts";

/** A program that was run. */
export interface FakeRun {
  program: string;
  args: readonly string[];
  env: Record<string, string>;
}

/** Options of {@linkcode FakeContext}. */
export interface FakeContextOptions {
  /** @default {a fresh fake} */
  kube?: FakeKube;
  /** In place of `kube`. */
  transport?: Transport;
  files?: Record<string, string>;
  env?: Record<string, string>;
  now?: () => number;
  terminal?: { out: boolean; err: boolean };
  /** Answers programs; the default is that there are none. */
  run?: (run: FakeRun) => Ran | Promise<Ran>;
  config?: Partial<ClusterConfig>;
  kubeconfigPath?: string;
  contextName?: string;
  signal?: AbortSignal;
}

/** See the module text; what was written is in `stdout` and `stderr`. */
export class FakeContext implements CliContext {
  readonly program = "kubectl outreach";
  readonly kube: FakeKube;
  readonly files: Map<string, string>;
  readonly modes = new Map<string, number | undefined>();
  readonly runs: FakeRun[] = [];
  readonly connects: ConnectOptions[] = [];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: { out: boolean; err: boolean };
  readonly signal: AbortSignal;
  stdout = "";
  stderr = "";
  readonly #options: FakeContextOptions;

  constructor(options: FakeContextOptions = {}) {
    this.#options = options;
    this.kube = options.kube ?? new FakeKube(options.now === undefined ? {} : { now: options.now });
    this.files = new Map(Object.entries(options.files ?? {}));
    this.env = options.env ?? {};
    this.terminal = options.terminal ?? { out: false, err: false };
    this.signal = options.signal ?? new AbortController().signal;
  }

  out(text: string): void {
    this.stdout += text;
  }

  err(text: string): void {
    this.stderr += text;
  }

  now(): number {
    return (this.#options.now ?? Date.now)();
  }

  randomBytes(length: number): Uint8Array {
    return new Uint8Array(length).fill(7);
  }

  readTextFile(path: string): Promise<string> {
    const text = this.files.get(path);
    return text === undefined
      ? Promise.reject(new Deno.errors.NotFound(`No such file: ${path}`))
      : Promise.resolve(text);
  }

  writeTextFile(path: string, text: string, options: { mode?: number } = {}): Promise<void> {
    this.files.set(path, text);
    this.modes.set(path, options.mode);
    return Promise.resolve();
  }

  connect(options: ConnectOptions): Promise<Connected> {
    this.connects.push(options);
    const transport = this.#options.transport ?? this.kube.transport;
    return Promise.resolve({
      client: new KubeClient({ transport }),
      config: { server: "https://parent:6443", ...this.#options.config },
      kubeconfigPath: options.kubeconfig ?? this.#options.kubeconfigPath ?? "/home/u/.kube/config",
      contextName: options.context ?? this.#options.contextName ?? "parent",
      [Symbol.dispose]: () => {},
    });
  }

  async capture(
    program: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Ran> {
    const run = { program, args, env };
    this.runs.push(run);
    const { run: answer } = this.#options;
    if (answer === undefined) throw new Deno.errors.NotFound(`No such program: ${program}`);
    return await answer(run);
  }

  async attach(
    program: string,
    args: readonly string[],
    env?: Record<string, string>,
  ): Promise<number> {
    const { code, stdout, stderr } = await this.capture(program, args, env);
    this.out(stdout);
    this.err(stderr);
    return code;
  }
}

/** A transport to nowhere. */
export const unreachable: Transport = () =>
  Promise.reject(new TransportError("Cannot reach the Kubernetes API at https://parent:6443: no"));

function silence(command: Command, context: FakeContext): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => context.out(text),
    writeErr: (text) => context.err(text),
  });
  for (const sub of command.commands) silence(sub, context);
}

/**
 * Runs commands as the program does.
 *
 * @param commands all that the program has
 * @param args command line after the program's name
 * @returns the exit code
 */
export async function runCli(
  context: FakeContext,
  commands: readonly Command[],
  args: readonly string[],
): Promise<number> {
  const root = new Command("kubectl outreach").enablePositionalOptions();
  for (const command of commands) root.addCommand(command);
  silence(root, context);
  try {
    await root.parseAsync(args, { from: "user" });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    if (!(error instanceof CliError)) throw error;
    if (error.message !== "") context.err(`error: ${error.message}\n`);
    return error.exitCode;
  }
}

/** Parts of {@linkcode managedCluster} that tests set. */
export interface FakeCluster {
  name: string;
  id?: string;
  namespace?: string;
  labels?: Record<string, string>;
  connected?: "True" | "False";
  ready?: "True" | "False" | "Unknown";
  status?: ManagedCluster["status"];
}

/** A time that tests use as the present. */
export const NOW = Date.parse("2026-01-02T00:00:00Z");

/** @returns an id that ends with these digits */
export function fakeId(end: number): string {
  return `00000000-0000-4000-8000-${String(end).padStart(12, "0")}`;
}

/** Puts a cluster that was made two hours before {@linkcode NOW} into the fake. */
export function putCluster(kube: FakeKube, options: FakeCluster): ManagedCluster {
  const { name, id = fakeId(1), namespace = `clusternet-${name}`, labels = {} } = options;
  const { connected = "True", ready = connected === "True" ? "True" : "Unknown" } = options;
  const lastTransitionTime = "2026-01-01T23:00:00Z";
  return kube.put<ManagedCluster>("clusters.clusternet.io/managedclusters", {
    apiVersion: "clusters.clusternet.io/v1beta1",
    kind: "ManagedCluster",
    metadata: { name, namespace, labels, creationTimestamp: "2026-01-01T22:00:00Z" },
    spec: { clusterId: id },
    status: {
      k8sVersion: "v1.36.3",
      platform: "linux/amd64",
      agentVersion: "0.1.0",
      lastObservedTime: "2026-01-01T23:58:00Z",
      conditions: [
        {
          type: "Connected",
          status: connected,
          reason: connected === "True" ? "TunnelUp" : "AgentDisconnected",
          message: connected === "True" ? "The agent's tunnel is up" : "The agent's tunnel is gone",
          lastTransitionTime,
        },
        {
          type: "Ready",
          status: ready,
          reason: ready === "True" ? "ChildReady" : "AgentDisconnected",
          message: ready === "True" ? "The agent is connected" : "Nothing is known of the child",
          lastTransitionTime,
        },
      ],
      ...options.status,
    },
  });
}
