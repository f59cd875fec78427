/**
 * Runs one target apart from the main thread, so that an input on which it never comes back is
 * known.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { fuzz } from "./run.ts";
import { targets } from "./targets.ts";

/** What the main thread sends. */
export interface Task {
  target: string;
  seed: number;
  ms: number;
  /** Case number, length, then the input: what is fed now. */
  shared: SharedArrayBuffer;
}

/** What it is told at the end. */
export interface Report {
  cases: number;
  ms: number;
  slowestMs: number;
  finding?: { input: Uint8Array; index: number; name?: string; error: string };
}

/** Bytes before the input in {@linkcode Task.shared}. */
export const SHARED_HEAD_BYTES = 8;

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `\ncaused by ${describe(error.cause)}`;
  return (error.stack ?? error.message) + cause;
}

if (typeof self !== "undefined" && "onmessage" in self && "close" in self) {
  self.onmessage = async ({ data }: MessageEvent<Task>): Promise<void> => {
    const { seed, ms, shared } = data;
    const target = targets.find(({ name }) => name === data.target)!;
    const head = new Int32Array(shared, 0, 2);
    const bytes = new Uint8Array(shared, SHARED_HEAD_BYTES);
    let count = 0;
    const { finding, ...figures } = await fuzz({
      target,
      seed,
      ms,
      now: () => performance.now(),
      onCase: (input) => {
        bytes.set(input.subarray(0, bytes.length));
        Atomics.store(head, 1, Math.min(input.length, bytes.length));
        Atomics.store(head, 0, ++count);
      },
    });
    const report: Report = finding === undefined
      ? figures
      : { ...figures, finding: { ...finding, error: describe(finding.error) } };
    self.postMessage(report);
  };
}
