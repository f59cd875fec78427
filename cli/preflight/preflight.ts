/**
 * Checks before anything is changed, one line each, as kubeadm prints them.
 *
 * @module
 */
import { CliError } from "../context.ts";
import { explain } from "../install/explain.ts";

/** Collects the results of checks. */
export class Preflight {
  readonly #err: (text: string) => void;
  readonly #signal: AbortSignal;
  #failed = 0;

  /**
   * Begins.
   *
   * @param err takes the lines
   * @param signal a check that it ends is not a failed one
   */
  constructor(err: (text: string) => void, signal: AbortSignal) {
    this.#err = err;
    this.#signal = signal;
    err("[preflight] Running pre-flight checks\n");
  }

  /**
   * Runs a check.
   *
   * @param work returns what is fine, or throws what is not
   * @returns whether it passed
   */
  async check(work: () => Promise<string>): Promise<boolean> {
    try {
      this.#err(`[preflight] ${await work()}\n`);
      return true;
    } catch (error) {
      this.#signal.throwIfAborted();
      this.#failed++;
      this.#err(`[preflight] ERROR: ${explain(error)}\n`);
      return false;
    }
  }

  /** Says what may become a trouble. */
  warn(text: string): void {
    this.#err(`[preflight] WARNING: ${text}\n`);
  }

  /**
   * Ends the checks.
   *
   * @throws {CliError} when one failed
   */
  finish(): void {
    if (this.#failed === 0) return;
    const checks = this.#failed === 1 ? "one check failed" : `${this.#failed} checks failed`;
    throw new CliError(
      `${checks} and nothing was changed; mend what is marked ERROR above, then run it again`,
    );
  }
}
