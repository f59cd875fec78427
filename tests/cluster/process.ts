/**
 * One child process of the test bed: log file, readiness, signals, a record for later clean-up.
 *
 * @module
 */
import { delay, withDeadline } from "../../shared/backoff.ts";
import { ProcessError } from "./errors.ts";
import { openFileCount, processIdentity, residentBytes } from "./process_info.ts";
import { forgetPid, killGroup, recordPid } from "./stale.ts";
import type { Warden } from "./warden.ts";

/** What to run, and how one sees that it is up. */
export interface ProcessOptions {
  /** Names the log and the pid record: `<dir>/<name>.log`, `<dir>/<name>.pid`. */
  name: string;
  /** Program to run. */
  command: string;
  /** Its arguments; a function is asked anew at each start. */
  args: readonly string[] | (() => readonly string[]);
  /** Where logs and pid records go. */
  dir: string;
  /** Added to (or, with `clearEnv`, in place of) our environment. */
  env?: Record<string, string>;
  /** Starts it with `env` alone. @default {false} */
  clearEnv?: boolean;
  /** Working directory. */
  cwd?: string;
  /** Kills it when this process dies. Without one, and with `detached`, it lives on. */
  warden?: Warden | undefined;
  /** Lets our own process end while it runs. @default {false} */
  detached?: boolean;
  /** Asked every 50 ms until it says `true`; it may throw while the process is not up. */
  ready?: (signal: AbortSignal) => Promise<boolean>;
  /** @default {90_000} */
  readyTimeoutMs?: number;
}

/** How a process ended. */
export interface ProcessEnd {
  /** Exit code; 128 + signal when a signal ended it. */
  code: number;
  /** The signal, where one ended it. */
  signal: Deno.Signal | null;
}

// The log is opened by a shell that then becomes the program: the pid is the program's own, and
// the log goes on when we are gone.
const EXEC_WITH_LOG = 'log=$1; shift; exec "$@" >>"$log" 2>&1';

/**
 * A process that can be started, paused, killed and started again with the same arguments.
 *
 * @example
 * ```ts ignore
 * const etcd = new ManagedProcess({ name: "etcd", command: "/bin/etcd", args: [], dir, warden });
 * await etcd.start();
 * await etcd.kill9();
 * await etcd.start();
 * await etcd.stop();
 * ```
 */
export class ManagedProcess implements AsyncDisposable {
  readonly #options: ProcessOptions;
  #child: Deno.ChildProcess | undefined;
  #exited: Promise<ProcessEnd> | undefined;
  #running = false;

  /** @param options what to run; nothing is started yet */
  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  /** Its name, as `kube-apiserver`. */
  get name(): string {
    return this.#options.name;
  }

  /** Where standard output and error go. */
  get logFile(): string {
    return `${this.#options.dir}/${this.name}.log`;
  }

  /** Whether it was started and has not ended. A paused process is running. */
  get running(): boolean {
    return this.#running;
  }

  /**
   * The pid of the program itself, no wrapper's.
   *
   * @throws {Error} when it was never started
   */
  get pid(): number {
    if (this.#child === undefined) throw new Error(`${this.name} was not started`);
    return this.#child.pid;
  }

  /** Resolves when the present run ends; never rejects. */
  get exited(): Promise<ProcessEnd> {
    return this.#exited ?? Promise.reject(new Error(`${this.name} was not started`));
  }

  /**
   * Starts it and waits until it is ready.
   *
   * @throws {ProcessError} when it ends before, or is not ready in time; it is killed then
   */
  async start(): Promise<void> {
    if (this.#running) throw new Error(`${this.name} runs already (pid ${this.pid})`);
    const { command, args, env, clearEnv, cwd, detached, dir, warden } = this.#options;
    const list = typeof args === "function" ? args() : args;
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", EXEC_WITH_LOG, "sh", this.logFile, command, ...list],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      ...(env === undefined ? {} : { env }),
      ...(cwd === undefined ? {} : { cwd }),
      clearEnv: clearEnv ?? false,
      detached: true, // a group of its own: what it starts dies with it
    }).spawn();
    this.#child = child;
    this.#running = true;
    if (detached) child.unref();
    const watched = warden?.watch(child.pid);
    this.#exited = child.status.then(async ({ code, signal }) => {
      this.#running = false;
      await warden?.forget(child.pid);
      await forgetPid(dir, this.name, child.pid);
      return { code, signal };
    });
    await watched;
    await recordPid(dir, this.name, child.pid);
    await this.#becomeReady();
  }

  async #becomeReady(): Promise<void> {
    const { ready, readyTimeoutMs = 90_000 } = this.#options;
    if (ready === undefined) return;
    const deadline = performance.now() + readyTimeoutMs;
    while (this.#running) {
      if (performance.now() > deadline) {
        await this.kill9();
        throw await this.#failure(`was not ready after ${readyTimeoutMs / 1000} s`);
      }
      // One stuck probe must not eat the whole deadline.
      if (await withDeadline(5000, "probe", ready).catch(() => false)) return;
      await delay(50);
    }
    const { code } = await this.exited;
    throw await this.#failure(`ended with code ${code} before it was ready`);
  }

  async #failure(what: string): Promise<ProcessError> {
    return new ProcessError(this.name, what, await this.logTail(), this.logFile);
  }

  /**
   * SIGTERM, and SIGKILL when it still runs after `graceMs`.
   *
   * @returns how it ended
   */
  async stop(graceMs = 10_000): Promise<ProcessEnd | undefined> {
    if (!this.#running) return await this.#exited;
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), graceMs);
    });
    const ended = await Promise.race([this.exited, late]);
    clearTimeout(timer);
    return ended ?? await this.kill9();
  }

  /** SIGKILL to it and to what it started; resolves when it is gone. */
  async kill9(): Promise<ProcessEnd | undefined> {
    if (this.#running) killGroup(this.pid);
    this.signal("SIGKILL");
    return await this.#exited;
  }

  /** SIGSTOP: it keeps its memory, ports and connections, and does nothing. */
  pause(): void {
    this.signal("SIGSTOP");
  }

  /** SIGCONT. */
  resume(): void {
    this.signal("SIGCONT");
  }

  /** Kills it (or, with `graceMs`, stops it) and starts it with the same arguments and data. */
  async restart(graceMs = 0): Promise<void> {
    if (graceMs > 0) await this.stop(graceMs);
    else await this.kill9();
    await this.start();
  }

  /** Sends any signal; nothing happens when it has ended. */
  signal(signal: Deno.Signal): void {
    if (!this.#running || this.#child === undefined) return;
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** @returns resident memory in bytes; 0 when it does not run */
  async rssBytes(): Promise<number> {
    return this.#running ? await residentBytes(this.pid) : 0;
  }

  /** @returns how many files, sockets and pipes it holds open */
  async openFiles(): Promise<number> {
    return this.#running ? await openFileCount(this.pid) : 0;
  }

  /** @returns whether the pid still is the process that was started */
  async alive(): Promise<boolean> {
    return this.#running && await processIdentity(this.pid) !== undefined;
  }

  /** @returns the whole log */
  async log(): Promise<string> {
    return await Deno.readTextFile(this.logFile).catch(() => "");
  }

  /** @returns the last lines of the log */
  async logTail(lines = 30): Promise<string> {
    return (await this.log()).trimEnd().split("\n").slice(-lines).join("\n");
  }

  /** Kills it at once: tests have no use for a graceful end that they did not ask for. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill9();
  }
}
