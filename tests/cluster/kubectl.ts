/**
 * Runs the real kubectl: to its end, or as a stream that a test reads and writes.
 *
 * @module
 */
import { TestBedError } from "./errors.ts";

/** Options of {@linkcode runKubectl} and {@linkcode KubectlStream.spawn}. */
export interface KubectlOptions {
  /** The program. */
  kubectl: string;
  /** The kubeconfig file. */
  kubeconfig: string;
  /** Discovery cache: one per cluster, as ports are used again by other clusters. */
  cacheDir: string;
  /** Written to standard input, which is closed then. Without it, standard input is empty. */
  stdin?: string | Uint8Array<ArrayBuffer> | undefined;
  /** Added to the environment, as `KUBECTL_REMOTE_COMMAND_WEBSOCKETS: "false"` for SPDY. */
  env?: Record<string, string> | undefined;
  /** Server URL in place of the kubeconfig's. */
  server?: string | undefined;
  /** Working directory, for `kubectl cp` with relative paths. */
  cwd?: string | undefined;
  /** Killed after this many milliseconds. @default {60_000} */
  timeoutMs?: number | undefined;
}

/** What kubectl did. */
export interface KubectlResult {
  /** Exit code; 124 when it was killed at the deadline. */
  code: number;
  /** Standard output as text. */
  stdout: string;
  /** Standard error as text; ends with a line about the deadline when that killed it. */
  stderr: string;
  /** Standard output, the bytes. */
  stdoutBytes: Uint8Array<ArrayBuffer>;
}

/** kubectl's environment: nothing of the user's own kubeconfig, rc file or caches. */
export function kubectlEnv(
  options: Pick<KubectlOptions, "kubeconfig" | "cacheDir" | "env">,
): Record<string, string> {
  return {
    PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
    HOME: options.cacheDir,
    TERM: "dumb",
    KUBECONFIG: options.kubeconfig,
    KUBECACHEDIR: options.cacheDir,
    KUBERC: "off",
    ...options.env,
  };
}

function argsOf(args: readonly string[], server: string | undefined): string[] {
  return server === undefined ? [...args] : [`--server=${server}`, ...args];
}

/**
 * Runs kubectl to its end.
 *
 * @returns code and output; a code other than 0 is no error here
 */
export async function runKubectl(
  args: readonly string[],
  options: KubectlOptions,
): Promise<KubectlResult> {
  const { stdin, timeoutMs = 60_000 } = options;
  const child = new Deno.Command(options.kubectl, {
    args: argsOf(args, options.server),
    env: kubectlEnv(options),
    clearEnv: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, timeoutMs);
  const fed = stdin === undefined ? Promise.resolve() : feed(child, stdin);
  try {
    const output = await child.output();
    await fed;
    const decoder = new TextDecoder();
    const note = late ? `\nkubectl was killed after ${timeoutMs / 1000} s` : "";
    return {
      code: late ? 124 : output.code,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr) + note,
      stdoutBytes: output.stdout,
    };
  } finally {
    clearTimeout(timer);
  }
}

async function feed(
  child: Deno.ChildProcess,
  stdin: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = child.stdin.getWriter();
  try {
    await writer.write(typeof stdin === "string" ? new TextEncoder().encode(stdin) : stdin);
    await writer.close();
  } catch {
    // kubectl ended without reading it all: its exit code tells why
    await writer.abort().catch(() => {});
  }
}

/**
 * A kubectl that goes on: `logs -f`, `get -w`, `port-forward`, `exec -i`, `attach`.
 *
 * @example
 * ```ts ignore
 * await using logs = cluster.kubectlStream(["logs", "-f", "shell"]);
 * await logs.waitFor(/hello/);
 * ```
 */
export class KubectlStream implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #pumps: Promise<void>[];
  readonly #waiters = new Set<() => void>();
  #ended = false;
  /** Standard output up to now. */
  stdout = "";
  /** Standard error up to now. */
  stderr = "";
  /** Exit code; never rejects. */
  readonly exited: Promise<number>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
    this.#pumps = [
      this.#pump(child.stdout, (text) => this.stdout += text),
      this.#pump(child.stderr, (text) => this.stderr += text),
    ];
    this.exited = child.status.then(async ({ code }) => {
      await Promise.all(this.#pumps);
      this.#ended = true;
      this.#wake();
      return code;
    });
  }

  /**
   * Starts kubectl.
   *
   * @param args kubectl's arguments
   * @param options as of `runKubectl`; `tty` gives it a terminal of its own by script(1)
   */
  static spawn(
    args: readonly string[],
    options: Omit<KubectlOptions, "stdin" | "timeoutMs"> & { tty?: boolean | undefined },
  ): KubectlStream {
    const list = argsOf(args, options.server);
    const [command, commandArgs] = options.tty
      ? withTerminal([options.kubectl, ...list])
      : [options.kubectl, list];
    const prepared = new Deno.Command(command, {
      args: commandArgs,
      env: kubectlEnv(options),
      clearEnv: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    let child: Deno.ChildProcess;
    try {
      child = prepared.spawn();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      throw new TestBedError(
        options.tty
          ? "A terminal for kubectl needs script(1): install package bsdutils (or util-linux)"
          : `There is no ${command}: build it with "deno run -A tests/cluster/build.ts"`,
      );
    }
    return new KubectlStream(child);
  }

  async #pump(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      add(decoder.decode(chunk, { stream: true }));
      this.#wake();
    }
  }

  #wake(): void {
    for (const waiter of [...this.#waiters]) waiter();
  }

  /** kubectl's pid (script's, with `tty`). */
  get pid(): number {
    return this.#child.pid;
  }

  /** Whether it has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Writes to its standard input. */
  async write(data: string | Uint8Array): Promise<void> {
    await this.#stdin.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /** Closes its standard input. */
  async closeStdin(): Promise<void> {
    await this.#stdin.close();
  }

  /**
   * Waits until standard output (or error) matches.
   *
   * @returns the match
   * @throws {TestBedError} with all output, when it ends or the time is over before
   */
  async waitFor(
    pattern: RegExp,
    options: { timeoutMs?: number; stream?: "stdout" | "stderr" } = {},
  ): Promise<RegExpExecArray> {
    const { timeoutMs = 30_000, stream = "stdout" } = options;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, timeoutMs);
    try {
      while (true) {
        const match = pattern.exec(this[stream]);
        if (match !== null) return match;
        if (this.#ended || late) {
          throw new TestBedError(
            `kubectl ${this.#ended ? "ended" : `went on for ${timeoutMs / 1000} s`} without ` +
              `${pattern} on ${stream}.\nstdout: ${this.stdout}\nstderr: ${this.stderr}`,
          );
        }
        await new Promise<void>((resolve) => {
          const waiter = (): void => {
            this.#waiters.delete(waiter);
            resolve();
          };
          this.#waiters.add(waiter);
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a signal, as SIGINT for Ctrl-C. */
  signal(signal: Deno.Signal): void {
    if (!this.#ended) this.#child.kill(signal);
  }

  /** Kills it and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.exited;
    await this.#stdin.close().catch(() => {});
  }
}

/** A command that runs another one in a terminal, with its output and exit code. */
export function withTerminal(
  command: readonly string[],
  os: typeof Deno.build.os = Deno.build.os,
): [command: string, args: string[]] {
  if (os === "darwin") return ["script", ["-q", "/dev/null", ...command]];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  return ["script", ["--quiet", "--return", "--command", `exec ${quoted}`, "/dev/null"]];
}
