/**
 * How much may be under way at once, so that a flood cannot fill memory.
 *
 * Source: k8s.io/apiserver `pkg/server/filters/maxinflight.go`
 *
 * @module
 */
import { failure, StatusError } from "../../../shared/kube/status.ts";

/** Writes at once; kube-apiserver's `--max-requests-inflight`. */
const MAX_WRITES = 400;
/** Bytes of bodies that are being read or worked on. */
const MAX_BYTES = 96 * 1024 * 1024;

/** 429: come again. */
export function tooManyRequests(): StatusError {
  return new StatusError(failure(429, "Too many requests, please try again later.", {
    retryAfterSeconds: 1,
  }));
}

/** Counts writes and the bytes of their bodies. */
export class Budget {
  #writes = 0;
  #bytes = 0;

  /**
   * @param limits for tests
   */
  constructor(readonly limits = { writes: MAX_WRITES, bytes: MAX_BYTES }) {}

  /**
   * Lets a write in.
   *
   * @throws {StatusError} 429 when there are too many
   */
  enter(): Share {
    if (this.#writes >= this.limits.writes) throw tooManyRequests();
    this.#writes++;
    let held = 0;
    let open = true;
    return {
      take: (bytes) => {
        if (this.#bytes + bytes > this.limits.bytes) throw tooManyRequests();
        this.#bytes += bytes;
        held += bytes;
      },
      [Symbol.dispose]: () => {
        if (!open) return;
        open = false;
        this.#writes--;
        this.#bytes -= held;
      },
    };
  }
}

/** What one write holds of the budget, until it is disposed of. */
export interface Share extends Disposable {
  /**
   * Counts bytes that are kept.
   *
   * @throws {StatusError} 429 when there are too many
   */
  take(bytes: number): void;
}
