/**
 * What every command is handed: the terminal, the machine and the way to a cluster.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import type { ClusterConfig } from "../shared/kube/cluster_config.ts";

/** How to find a cluster, as kubectl's flags say it. */
export interface ConnectOptions {
  /** `--kubeconfig`; else `$KUBECONFIG`, else `~/.kube/config`. */
  kubeconfig?: string | undefined;
  /** `--context`; else the current one. */
  context?: string | undefined;
}

/** A cluster that can be asked. */
export interface Connected extends Disposable {
  /** Asks it. */
  client: KubeClient;
  /** Where it is and who asks. */
  config: ClusterConfig;
  /** Of the kubeconfig; where a file to merge into is needed. */
  kubeconfigPath: string;
  /** The context that was taken. */
  contextName: string;
}

/** A program that ran. */
export interface Ran {
  /** Exit code. */
  code: number;
  /** All of it. */
  stdout: string;
  /** All of it. */
  stderr: string;
}

/** See the module text. */
export interface CliContext {
  /** How the user called it, for help and for next steps: `kubectl outreach`, `deno task ctl`. */
  readonly program: string;
  /** Writes to standard output as it is. */
  out(text: string): void;
  /** Writes to standard error as it is: progress, warnings, next steps. */
  err(text: string): void;
  /** Whether standard output is a terminal, and standard error. */
  readonly terminal: { out: boolean; err: boolean };
  /** Environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Random bytes. */
  randomBytes(length: number): Uint8Array;
  /** Reads a file. */
  readTextFile(path: string): Promise<string>;
  /** Writes a file, whole or not at all. */
  writeTextFile(path: string, text: string, options?: { mode?: number }): Promise<void>;
  /** Connects to a cluster of a kubeconfig. */
  connect(options: ConnectOptions): Promise<Connected>;
  /** Runs a program and collects what it prints; `stdin` is empty. */
  capture(program: string, args: readonly string[], env?: Record<string, string>): Promise<Ran>;
  /** Runs a program on this terminal; resolves with its exit code. */
  attach(program: string, args: readonly string[], env?: Record<string, string>): Promise<number>;
}

/** Ends the program with a message that says what to do next. */
export class CliError extends Error {
  /** Tells it from other errors. */
  override readonly name = "CliError";

  /**
   * An end with a message.
   *
   * @param message what happened, and what to do next
   * @param exitCode as kubectl's: 1 for a failure, 2 for a wrong command line
   */
  constructor(
    message: string,
    /** As kubectl's: 1 for a failure, 2 for a wrong command line. */
    readonly exitCode: number = 1,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
