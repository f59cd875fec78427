/**
 * The requests and upgrades that the public port is serving: how many, on which connections, and
 * when the last of them is over. A drain waits for it.
 *
 * @module
 */
import type { Duplex } from "node:stream";

/**
 * Requests that one connection may have under way. node parses on while an answer is being made, and
 * one packet holds a thousand small requests. Honest clients, kube-apiserver among them, wait for
 * the answer; the next request may overtake its end by a moment, hence more than one.
 */
export const MAX_PIPELINED = 8;

/** Counts what is under way. */
export class UnderWay {
  /** The ends of what each connection carries. */
  readonly #onSocket = new WeakMap<Duplex, Set<() => void>>();
  #count = 0;
  readonly #onIdle = new Set<() => void>();

  /** Requests and upgrades under way. */
  get count(): number {
    return this.#count;
  }

  /**
   * A request or an upgrade begins. It ends with its connection at the latest: an answer that waits
   * behind another one on it is never told of the close.
   *
   * @param socket the connection that it came on
   * @param onEnd called once, at its end
   * @returns to be called at its end; once more does nothing
   */
  begin(socket: Duplex, onEnd: () => void = () => {}): () => void {
    const ends = this.#endsOn(socket);
    this.#count++;
    const end = (): void => {
      if (!ends.delete(end)) return;
      this.#count--;
      onEnd();
      if (this.#count > 0) return;
      for (const tell of this.#onIdle) tell();
    };
    ends.add(end);
    return end;
  }

  /** @returns whether a connection carries one: bytes of ours must not go in between */
  on(socket: Duplex): boolean {
    return (this.#onSocket.get(socket)?.size ?? 0) > 0;
  }

  /** @returns whether a connection carries as many as it may: one more, and it is cut */
  full(socket: Duplex): boolean {
    return (this.#onSocket.get(socket)?.size ?? 0) >= MAX_PIPELINED;
  }

  #endsOn(socket: Duplex): Set<() => void> {
    const known = this.#onSocket.get(socket);
    if (known !== undefined) return known;
    const ends = new Set<() => void>();
    this.#onSocket.set(socket, ends);
    socket.once("close", () => {
      for (const end of [...ends]) end();
    });
    return ends;
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
