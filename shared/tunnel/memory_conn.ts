/**
 * Two {@linkcode MessageConn}s joined in memory: a hub and an agent in one process, without a port.
 *
 * @module
 */
import { clearImmediate, setImmediate } from "node:timers";
import {
  type CloseInfo,
  LOW_WATER_BYTES,
  MAX_MESSAGE_BYTES,
  type MessageConn,
  type MessageHandler,
} from "./message_conn.ts";

/** Options of {@linkcode memoryConnPair}. */
export interface MemoryConnOptions {
  /** One way, in milliseconds. @default {0} */
  latencyMs?: number;
  /** Each way, in bytes per second. @default {Infinity} */
  bandwidth?: number;
  /** Messages kept before `start`, in bytes; above it the connection breaks. @default {1 MiB} */
  maxBuffered?: number;
  /** In milliseconds. @default {performance.now} */
  now?: () => number;
}

/**
 * Makes a pair. Delivery is in a later turn of the event loop, in order.
 *
 * @example
 * ```ts
 * import { memoryConnPair } from "./memory_conn.ts";
 * const [hub, agent] = memoryConnPair({ latencyMs: 50, bandwidth: 12_500_000 });
 * ```
 */
export function memoryConnPair(options: MemoryConnOptions = {}): [MessageConn, MessageConn] {
  const a = new MemoryConn(options);
  const b = new MemoryConn(options);
  a.peer = b;
  b.peer = a;
  return [a, b];
}

interface Parcel {
  message: Uint8Array | undefined;
  close: CloseInfo | undefined;
  /** When it is through the wire's bottleneck. */
  sentAt: number;
  /** When it reaches the peer. */
  dueAt: number;
}

class MemoryConn implements MessageConn {
  peer: MemoryConn | undefined;
  readonly #latencyMs: number;
  readonly #bandwidth: number;
  readonly #maxBuffered: number;
  readonly #now: () => number;
  #handler: MessageHandler | undefined;
  /** Came before `start`. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #closeInfo: CloseInfo | undefined;
  #closeDelivered = false;
  /** On the wire to the peer. */
  #wire: Parcel[] = [];
  #wireFirst = 0;
  /** Index of the first parcel that is not through the bottleneck. */
  #unsent = 0;
  #freeAt = 0;
  #buffered = 0;
  #sendClosed = false;
  #waiters: (() => void)[] = [];
  #immediate: ReturnType<typeof setImmediate> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    {
      latencyMs = 0,
      bandwidth = Infinity,
      maxBuffered = 1024 * 1024,
      now = () => performance.now(),
    }: MemoryConnOptions,
  ) {
    this.#latencyMs = latencyMs;
    this.#bandwidth = bandwidth;
    this.#maxBuffered = maxBuffered;
    this.#now = now;
  }

  get bufferedAmount(): number {
    return this.#buffered;
  }

  start(handler: MessageHandler): void {
    if (this.#handler !== undefined) throw new TypeError("The connection was started already");
    this.#handler = handler;
    if (this.#early.length === 0 && this.#closeInfo === undefined) return;
    setImmediate(() => {
      const early = this.#early;
      this.#early = [];
      for (const message of early) if (!this.#closeDelivered) handler.message(message);
      if (this.#closeInfo !== undefined) this.#deliverClose(this.#closeInfo);
    });
  }

  send(message: Uint8Array): void {
    if (this.#sendClosed) return;
    this.#buffered += message.length;
    this.#put(message.slice(), undefined);
  }

  drained(): Promise<void> {
    if (this.#buffered <= LOW_WATER_BYTES || this.#sendClosed) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  close(code: number, reason: string): void {
    if (this.#sendClosed) return;
    this.#sendClosed = true;
    this.#wake();
    this.#put(undefined, { code, reason: cutReason(reason), clean: true });
  }

  abort(reason: string): void {
    if (this.#closeInfo !== undefined) return;
    const info = { code: 1006, reason: cutReason(reason), clean: false };
    this.#destroy();
    this.#later(info);
    this.peer?.broken();
  }

  /** The other end is gone without a word. */
  broken(): void {
    if (this.#closeInfo !== undefined) return;
    this.#destroy();
    this.#later({ code: 1006, reason: "", clean: false });
  }

  #put(message: Uint8Array | undefined, close: CloseInfo | undefined): void {
    if (this.#bandwidth === Infinity && this.#latencyMs === 0) {
      this.#wire.push({ message, close, sentAt: 0, dueAt: 0 });
    } else {
      const now = this.#now();
      this.#freeAt = Math.max(now, this.#freeAt) +
        (message?.length ?? 0) / this.#bandwidth * 1000;
      this.#wire.push({
        message,
        close,
        sentAt: this.#freeAt,
        dueAt: this.#freeAt + this.#latencyMs,
      });
    }
    this.#arm();
  }

  /** Delivers what is due, in one turn. */
  readonly #deliver = (): void => {
    this.#immediate = undefined;
    this.#timer = undefined;
    const now = this.#now();
    // What the handlers send back now travels in the next turn
    const end = this.#wire.length;
    for (; this.#unsent < end; this.#unsent++) {
      const parcel = this.#wire[this.#unsent];
      if (parcel === undefined || parcel.sentAt > now) break;
      this.#buffered -= parcel.message?.length ?? 0;
    }
    while (this.#wireFirst < end && this.#wireFirst < this.#wire.length) {
      const parcel = this.#wire[this.#wireFirst]!;
      if (parcel.dueAt > now) break;
      this.#wireFirst++;
      if (parcel.message !== undefined) this.peer?.receive(parcel.message);
      if (parcel.close !== undefined) {
        this.peer?.receiveClose(parcel.close);
        this.#destroy();
        this.#later(parcel.close);
        return;
      }
    }
    if (this.#wireFirst > 0) {
      this.#wire.splice(0, this.#wireFirst);
      this.#unsent = Math.max(0, this.#unsent - this.#wireFirst);
      this.#wireFirst = 0;
    }
    if (this.#buffered <= LOW_WATER_BYTES) this.#wake();
    this.#arm();
  };

  receive(message: Uint8Array): void {
    if (this.#closeInfo !== undefined) return;
    if (message.length > MAX_MESSAGE_BYTES) return this.close(1009, "the message is too large");
    if (this.#handler !== undefined && this.#early.length === 0) {
      return this.#handler.message(message);
    }
    this.#early.push(message);
    this.#earlyBytes += message.length;
    if (this.#earlyBytes > this.#maxBuffered) this.abort("too much came before the start");
  }

  receiveClose(info: CloseInfo): void {
    if (this.#closeInfo !== undefined) return;
    this.#destroy();
    this.#later(info);
  }

  #later(info: CloseInfo): void {
    this.#closeInfo = info;
    if (this.#handler !== undefined) setImmediate(() => this.#deliverClose(info));
  }

  #deliverClose(info: CloseInfo): void {
    if (this.#closeDelivered) return;
    this.#closeDelivered = true;
    this.#handler?.close(info);
  }

  #destroy(): void {
    this.#sendClosed = true;
    this.#wire = [];
    this.#wireFirst = 0;
    this.#unsent = 0;
    this.#buffered = 0;
    clearImmediate(this.#immediate);
    clearTimeout(this.#timer);
    this.#immediate = undefined;
    this.#timer = undefined;
    this.#wake();
  }

  #arm(): void {
    if (this.#immediate !== undefined || this.#timer !== undefined) return;
    const first = this.#wire[this.#wireFirst];
    if (first === undefined) return;
    const unsent = this.#wire[this.#unsent];
    const waitMs = Math.min(first.dueAt, unsent?.sentAt ?? Infinity) - this.#now();
    if (waitMs < 0.5) this.#immediate = setImmediate(this.#deliver);
    else this.#timer = setTimeout(this.#deliver, waitMs);
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** A WebSocket close reason holds 123 bytes. */
function cutReason(reason: string): string {
  const bytes = new Uint8Array(123);
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return new TextDecoder().decode(bytes.subarray(0, written));
}
