/**
 * Hub and agent as processes of the demo: started as `deno task hub` and `deno task agent` start
 * them, each with a log in the demo's directory.
 *
 * @module
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const READY_MS = 30_000;

/**
 * An agent keeps a lock file with the temporary files, and a program that is killed leaves its socket
 * there: both would outlive the demo. A socket's path has room for 104 bytes (macOS).
 */
function temporaryFiles(dir: string): Record<string, string> {
  return dir.length <= 50 ? { TMPDIR: dir } : {};
}

/** A running process. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #output = "";

  private constructor(readonly name: string, child: Deno.ChildProcess, log: Deno.FsFile) {
    this.#child = child;
    this.#reading = this.#read(log);
  }

  /**
   * Starts a program.
   *
   * @param log file that gets all that it prints
   */
  static start(task: "hub" | "agent", name: string, args: readonly string[], log: string): Program {
    const environment = temporaryFiles(dirname(log));
    const words = config.tasks[task].command.split(" ");
    const program = words.pop()!;
    // In place of the list of the permission set
    const writable = `--allow-write=${environment.TMPDIR ?? dirname(dirname(log))}`;
    const child = new Deno.Command(Deno.execPath(), {
      args: [...words.slice(1), writable, program, ...args],
      cwd: ROOT,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...environment },
    }).spawn();
    return new Program(name, child, Deno.openSync(log, { create: true, append: true }));
  }

  /** What it printed so far, its end at most. */
  get output(): string {
    return this.#output;
  }

  async #read(log: Deno.FsFile): Promise<void> {
    const take = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
      for await (const text of stream.pipeThrough(new TextDecoderStream() as never)) {
        this.#output = (this.#output + text).slice(-64 * 1024);
        log.writeSync(new TextEncoder().encode(text as unknown as string));
      }
    };
    await Promise.all([take(this.#child.stdout), take(this.#child.stderr)]);
    log.close();
  }

  /**
   * Waits until it prints what is looked for.
   *
   * @throws {Error} with its last lines, when it ends before or takes too long
   */
  async prints(pattern: RegExp): Promise<RegExpExecArray> {
    const end = performance.now() + READY_MS;
    let ended = false;
    void this.#child.status.then(() => ended = true);
    for (;;) {
      const found = pattern.exec(this.#output);
      if (found !== null) return found;
      if (ended || performance.now() > end) {
        const lines = this.#output.trimEnd().split("\n").slice(-15).join("\n");
        throw new Error(`${this.name} ${ended ? "ended" : "does not come up"}:\n${lines}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Ends it at once, as a power cut would. */
  async kill(): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It ended by itself
    }
    await this.#child.status;
    await this.#reading;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
