/**
 * A watchman that outlives us by a moment: whatever ends this process, SIGKILL included, the
 * watchman sees its standard input close and kills every process it was told of, and its group.
 *
 * A shell does for it: `prctl(PR_SET_PDEATHSIG)` exists on Linux only, and a wrapper around each
 * process would hide its pid, which tests need for SIGSTOP and kill -9.
 *
 * @module
 */

const SCRIPT = `
trap '' INT TERM HUP
pids=' '
while read -r op pid; do
  case $op in
    add) pids="$pids$pid " ;;
    del) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 "-$pid" 2>/dev/null; kill -9 "$pid" 2>/dev/null; done
exit 0
`;

/** See the module text. */
export class Warden implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;
  readonly #encoder = new TextEncoder();
  #closed = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#stdin = child.stdin.getWriter();
  }

  /**
   * Starts the watchman, in a session of its own: Ctrl-C and a kill of our process group pass it by.
   *
   * @example
   * ```ts ignore
   * await using warden = Warden.start();
   * await warden.watch(child.pid);
   * ```
   */
  static start(): Warden {
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", SCRIPT, "clusternet-testbed-warden"],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
    return new Warden(child);
  }

  /** From now on this process dies with us. */
  async watch(pid: number): Promise<void> {
    await this.#stdin.write(this.#encoder.encode(`add ${pid}\n`));
  }

  /** This process ended; its pid may belong to another one soon. */
  async forget(pid: number): Promise<void> {
    if (this.#closed) return;
    await this.#stdin.write(this.#encoder.encode(`del ${pid}\n`));
  }

  /** Kills what is still watched and ends the watchman. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#stdin.close();
    await this.#child.status;
  }
}
