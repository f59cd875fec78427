/**
 * How much of the embedded API one caller may hold at a time, so that nobody holds up the others.
 * kube-apiserver shares its seats out by priority and fairness; here each caller has so many.
 *
 * Source: k8s.io/apiserver `pkg/server/filters/maxinflight.go` (the words, and that watches do not
 * count as requests in flight)
 *
 * @module
 */
import { MASTERS, type User } from "./user.ts";
import { tooManyRequests } from "./writes/body_budget.ts";

/** Limits of one caller. */
export interface CallerBudgetLimits {
  /** Requests that are not watches. */
  inFlight: number;
  /** Watches. */
  watches: number;
}

/** Half of the writes that all callers together may have under way, and more than any client. */
const DEFAULT_LIMITS: CallerBudgetLimits = { inFlight: 200, watches: 1_000 };

/**
 * Counts what callers hold; nothing is kept of one who holds nothing. Members of `system:masters`,
 * the hub's own controllers among them, are not counted, as in kube-apiserver.
 */
export class CallerBudget {
  readonly #limits: CallerBudgetLimits;
  readonly #held = new Map<string, CallerBudgetLimits>();

  /** @param limits for tests */
  constructor(limits: CallerBudgetLimits = DEFAULT_LIMITS) {
    this.#limits = limits;
  }

  /** Callers who hold something. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Lets a request in.
   *
   * @param user who was authenticated, whomever they impersonate
   * @returns the slot; it is returned once, when it is disposed of
   * @throws {StatusError} 429 when the caller has as many under way as they may
   */
  enter({ name, uid = "", groups }: User, watch: boolean): Disposable {
    if (groups.includes(MASTERS)) return { [Symbol.dispose]: () => {} };
    const key = `${name}\0${uid}`;
    const held = this.#held.get(key) ?? { inFlight: 0, watches: 0 };
    const field = watch ? "watches" : "inFlight";
    if (held[field] >= this.#limits[field]) throw tooManyRequests();
    held[field]++;
    this.#held.set(key, held);
    let open = true;
    return {
      [Symbol.dispose]: (): void => {
        if (!open) return;
        open = false;
        held[field]--;
        if (held.inFlight + held.watches === 0) this.#held.delete(key);
      },
    };
  }
}

/**
 * Holds a slot until an answer is out: its body read to the end, broken off or given up.
 *
 * @param signal aborts when the caller is gone
 * @returns the answer
 */
export function holdUntilRead(
  response: Response,
  slot: Disposable,
  signal: AbortSignal,
): Response {
  const { body } = response;
  const release = (): void => {
    signal.removeEventListener("abort", release);
    slot[Symbol.dispose]();
  };
  if (body === null || signal.aborted) {
    release();
    return response;
  }
  signal.addEventListener("abort", release, { once: true });
  const reader = body.getReader();
  const held = new ReadableStream<Uint8Array>({
    async pull(controller): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        release();
        controller.close();
      } catch (error) {
        release();
        controller.error(error);
      }
    },
    async cancel(reason): Promise<void> {
      release();
      await reader.cancel(reason);
    },
  }, { highWaterMark: 0 });
  return new Response(held, response);
}
