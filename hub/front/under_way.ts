/**
 * The requests and upgrades that the public port is serving: how many, on which connections, and
 * when the last of them is over. A drain waits for it.
 *
 * @module
 */
import type { Duplex } from "node:stream";

/** Counts what is under way. */
export class UnderWay {
  /** Requests being answered on each connection. */
  readonly #onSocket = new WeakMap<Duplex, number>();
  #count = 0;
  readonly #onIdle = new Set<() => void>();

  /** Requests and upgrades under way. */
  get count(): number {
    return this.#count;
  }

  /**
   * A request or an upgrade begins.
   *
   * @param socket the connection that it came on
   * @returns to be called at its end; once more does nothing
   */
  begin(socket: Duplex): () => void {
    this.#count++;
    this.#onSocket.set(socket, (this.#onSocket.get(socket) ?? 0) + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      this.#onSocket.set(socket, (this.#onSocket.get(socket) ?? 1) - 1);
      if (--this.#count > 0) return;
      for (const tell of this.#onIdle) tell();
    };
  }

  /** @returns whether a connection carries one: bytes of ours must not go in between */
  on(socket: Duplex): boolean {
    return (this.#onSocket.get(socket) ?? 0) > 0;
  }

  /**
   * Waits until no request is under way.
   *
   * @param maxMs gives up after this, in milliseconds
   */
  async idle(maxMs: number): Promise<void> {
    if (this.#count === 0) return;
    const idle = Promise.withResolvers<void>();
    const timer = setTimeout(idle.resolve, maxMs);
    this.#onIdle.add(idle.resolve);
    await idle.promise;
    clearTimeout(timer);
    this.#onIdle.delete(idle.resolve);
  }
}
