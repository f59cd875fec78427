/**
 * What the test bed says when it cannot go on: one line for the reader, details below it.
 *
 * @module
 */

/** A failure whose message is meant for the person at the terminal; no stack is needed. */
export class TestBedError extends Error {
  /** Always `TestBedError`. */
  override name = "TestBedError";
}

/** A component ended, or did not become ready; the message holds the tail of its log. */
export class ProcessError extends Error {
  /** Always `ProcessError`. */
  override name = "ProcessError";
  /** The component, as `kube-apiserver`. */
  readonly component: string;
  /** The last lines of its log. */
  readonly tail: string;

  /**
   * @param component which process failed
   * @param what what it did, as `ended with code 1 before it was ready`
   * @param tail the last lines of its log
   * @param logFile where the rest is
   */
  constructor(component: string, what: string, tail: string, logFile: string) {
    super(`${component} ${what}. The end of its log (${logFile}):\n${tail}`);
    this.component = component;
    this.tail = tail;
  }

  /** True when another process holds a port this one was told to use. */
  get portTaken(): boolean {
    return /address already in use|failed to listen on/i.test(this.tail);
  }
}

/**
 * @param error anything thrown
 * @returns its message, or its text
 */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
