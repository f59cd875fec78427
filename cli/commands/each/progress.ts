/**
 * A line that tells how far it is, where somebody looks on.
 *
 * @module
 */
import type { CliContext } from "../../context.ts";

const CLEAR = "\r\x1b[K";

/** Writes nothing where standard error is no terminal. */
export class Progress {
  #done = 0;
  #failed = 0;

  constructor(readonly context: CliContext, readonly total: number) {}

  /** Shows how it stands. */
  show(): void {
    if (!this.context.terminal.err) return;
    const failed = this.#failed > 0 ? `, ${this.#failed} failed` : "";
    this.context.err(`${CLEAR}${this.#done} of ${this.total} clusters done${failed} `);
  }

  /** Counts one. */
  done(ok: boolean): void {
    this.#done++;
    if (!ok) this.#failed++;
    this.show();
  }

  /** Takes the line away. */
  clear(): void {
    if (this.context.terminal.err) this.context.err(CLEAR);
  }
}
