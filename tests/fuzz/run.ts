/**
 * Runs one target: the whole corpus, then inputs that are made and changed until time is up.
 *
 * @module
 */
import { readCorpus } from "./corpus.ts";
import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

/** What one case may take, in milliseconds, on a machine that does other things too. */
export const CASE_MS = 10_000;

/** Options of {@linkcode fuzz}. */
export interface FuzzOptions {
  target: FuzzTarget;
  /** Repeats a run. */
  seed: number;
  /** How long, in milliseconds. */
  ms: number;
  /** In milliseconds. */
  now: () => number;
  /** Told of each input before it is fed. */
  onCase?: (input: Uint8Array, index: number) => void;
}

/** An input after which something did not hold. */
export interface Finding {
  input: Uint8Array;
  /** Number of the case; -1 for one of the corpus. */
  index: number;
  /** Of the corpus, where it comes from there. */
  name?: string;
  error: unknown;
}

/** How a run ended. */
export interface FuzzResult {
  /** Inputs fed. */
  cases: number;
  /** How long it took, in milliseconds. */
  ms: number;
  /** The slowest case, in milliseconds. */
  slowestMs: number;
  finding?: Finding;
}

/** Throws what went wrong outside of any call: in a timer, or in a promise that nobody awaits. */
class Strays implements Disposable {
  #error: { error: unknown } | undefined;
  readonly #onRejection = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    this.#error ??= { error: event.reason };
  };
  readonly #onError = (event: ErrorEvent): void => {
    event.preventDefault();
    this.#error ??= { error: event.error };
  };

  constructor() {
    globalThis.addEventListener("unhandledrejection", this.#onRejection);
    globalThis.addEventListener("error", this.#onError);
  }

  check(): void {
    const stray = this.#error;
    this.#error = undefined;
    if (stray !== undefined) throw new Error("Uncaught", { cause: stray.error });
  }

  [Symbol.dispose](): void {
    globalThis.removeEventListener("unhandledrejection", this.#onRejection);
    globalThis.removeEventListener("error", this.#onError);
  }
}

/** Feeds one input, within its time. */
async function runCase(target: FuzzTarget, input: Uint8Array, strays: Strays): Promise<void> {
  const running = target.run(input);
  if (running !== undefined) {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`The case hangs for ${CASE_MS} ms`)), CASE_MS);
    });
    try {
      await Promise.race([running, late]);
    } finally {
      clearTimeout(timer);
    }
  }
  strays.check();
}

/** A new input: often an old one that is changed. */
function nextInput(
  target: FuzzTarget,
  random: Random,
  corpus: readonly Uint8Array[],
): Uint8Array {
  const { dictionary, maxBytes } = target;
  const kind = random.below(8);
  const base = kind < 4 || corpus.length === 0 ? target.generate(random) : random.pick(corpus);
  if (kind < 2) return base.subarray(0, maxBytes);
  return mutate(base, random, { dictionary, corpus }, maxBytes);
}

/**
 * Fuzzes one target until its time is up, or something is found.
 *
 * @returns how it went
 */
export async function fuzz({ target, seed, ms, now, onCase }: FuzzOptions): Promise<FuzzResult> {
  using strays = new Strays();
  const start = now();
  let cases = 0;
  let slowestMs = 0;
  const result = (finding?: Finding): FuzzResult => ({
    cases,
    ms: now() - start,
    slowestMs,
    ...(finding === undefined ? {} : { finding }),
  });
  const feed = async (input: Uint8Array, index: number): Promise<unknown> => {
    onCase?.(input, index);
    const before = now();
    cases++;
    try {
      await runCase(target, input, strays);
      const took = now() - before;
      slowestMs = Math.max(slowestMs, took);
      if (took > CASE_MS) throw new Error(`The case took ${Math.round(took)} ms`);
      return undefined;
    } catch (error) {
      return error ?? new Error("Something empty was thrown");
    }
  };
  const corpus = await readCorpus(target.name);
  for (const { name, input } of corpus) {
    const error = await feed(input, -1);
    if (error !== undefined) return result({ input, index: -1, name, error });
  }
  const inputs = corpus.map(({ input }) => input);
  for (let index = 0; now() - start < ms; index++) {
    const input = nextInput(target, new Random(seed, index), inputs);
    const error = await feed(input, index);
    if (error !== undefined) return result({ input, index, error });
    // Targets that never wait would keep timers and signals from running
    if (index % 256 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return result();
}
