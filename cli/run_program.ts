/**
 * Other programs: kubectl above all.
 *
 * @module
 */
import { CliError, type Ran } from "./context.ts";

/** Options of both ways to run a program. */
export interface RunOptions {
  /** Beside this program's environment. */
  env?: Record<string, string> | undefined;
  /** Ctrl-C. */
  signal: AbortSignal;
}

/** Longest output that is kept, in bytes. */
const MAX_OUTPUT = 64 * 1024 * 1024;

function spawn(
  program: string,
  args: readonly string[],
  options: Deno.CommandOptions,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, { ...options, args: [...args] }).spawn();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) throw cause; // Callers know what it was for
    throw new CliError(`Cannot run ${program}: ${(cause as Error).message}`, 1, { cause });
  }
}

/**
 * Runs a program with nothing on its standard input.
 *
 * @returns what it printed, and its exit code
 * @throws {Deno.errors.NotFound} when there is none; {CliError} when it cannot be run, or prints more than 64 MiB; the signal's reason
 */
export async function captureProgram(
  program: string,
  args: readonly string[],
  { env, signal }: RunOptions,
): Promise<Ran> {
  signal.throwIfAborted();
  await using child = spawn(program, args, {
    ...(env === undefined ? {} : { env }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const stop = (): void => end(child, "SIGTERM");
  signal.addEventListener("abort", stop, { once: true });
  try {
    const [stdout, stderr] = await Promise.all([
      read(child.stdout, program),
      read(child.stderr, program),
    ]);
    const { code } = await child.status;
    signal.throwIfAborted();
    return { code, stdout, stderr };
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

async function read(stream: ReadableStream<Uint8Array>, program: string): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.byteLength;
    if (length > MAX_OUTPUT) throw new CliError(`${program} printed more than ${MAX_OUTPUT} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

/**
 * Runs a program on this terminal. At a Ctrl-C of the terminal it gets the signal by itself, as it
 * is in the same process group; a signal that only this program got is passed on.
 *
 * @returns its exit code
 * @throws {Deno.errors.NotFound} when there is none; {CliError} when it cannot be run
 */
export async function attachProgram(
  program: string,
  args: readonly string[],
  { env, signal }: RunOptions,
): Promise<number> {
  signal.throwIfAborted();
  const child = spawn(program, args, {
    ...(env === undefined ? {} : { env }),
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  const stop = (): void => {
    const { cause } = signal.reason as Error;
    if (cause !== "SIGINT") end(child, "SIGTERM");
    else if (!Deno.stdin.isTerminal()) end(child, "SIGINT");
  };
  signal.addEventListener("abort", stop, { once: true });
  try {
    return (await child.status).code;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

function end(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has just ended
  }
}
