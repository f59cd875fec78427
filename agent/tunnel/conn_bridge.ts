/**
 * Joins the connection that leads to the native WebSocket with the one that leads to the network.
 *
 * @module
 */
import type { Underlay } from "../../shared/tunnel/websocket_conn.ts";
import { closeFrame, WebSocketGuard } from "../../shared/websocket_guard.ts";
import { close } from "./connect.ts";

/** What the bridge needs of a connection. */
export type BridgeEnd = Pick<Deno.Conn, "read" | "write" | "close" | "closeWrite">;

/** Options of {@linkcode ConnBridge}. */
export interface ConnBridgeOptions {
  /** Leads to the native WebSocket in this process. */
  inner: BridgeEnd;
  /** Leads to the network. */
  outer: BridgeEnd;
  /** Bytes that were read off `outer` already and belong to `inner`. */
  first?: Uint8Array;
  /**
   * How long the other direction may go on once one has ended, in milliseconds. After its close
   * handshake a WebSocket has nothing more to say.
   * @default {2_000}
   */
  halfOpenMs?: number;
}

/** For each direction, in bytes; used over and over. */
const BUFFER_BYTES = 64 * 1024;

/** How long the close frames may take once the hub broke a rule, in milliseconds. */
const VIOLATION_MS = 250;

/**
 * Copies bytes both ways, passes a half-close on, and closes both connections when one breaks. A
 * direction reads again only when all it read is written: that is the backpressure, and the bound
 * of what it holds. What comes from the network is looked at by a {@linkcode WebSocketGuard}, so that
 * no message is begun that the runtime would have to keep: the WebSocket then sees a close frame
 * with the reason, and both connections are closed soon after.
 */
export class ConnBridge implements Underlay {
  readonly #inner: BridgeEnd;
  readonly #outer: BridgeEnd;
  #outgoing = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** See {@linkcode Underlay}. */
  onProgress: (() => void) | undefined;
  /** Resolves when both directions have ended and both connections are closed; never rejects. */
  readonly closed: Promise<void>;

  /** Starts to copy at once. */
  constructor({ inner, outer, first, halfOpenMs = 2_000 }: ConnBridgeOptions) {
    this.#inner = inner;
    this.#outer = outer;
    const ended = async (copy: Promise<void>, to: BridgeEnd): Promise<void> => {
      try {
        await copy;
        this.#timer ??= setTimeout(() => this.destroy(), halfOpenMs);
        await to.closeWrite();
      } catch {
        this.destroy();
      }
    };
    this.closed = Promise.all([
      ended(this.#copyOut(), outer),
      ended(this.#copyIn(first), inner),
    ]).then(() => this.destroy());
  }

  /** Bytes that wait for the network. */
  get bufferedAmount(): number {
    return this.#outgoing;
  }

  /** Closes both connections at once. */
  destroy(): void {
    clearTimeout(this.#timer);
    close(this.#inner);
    close(this.#outer);
  }

  async #copyOut(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const length = await this.#inner.read(buffer);
      if (length === null) return;
      this.#outgoing = length;
      this.onProgress?.();
      for (let at = 0; at < length;) {
        at += await this.#outer.write(buffer.subarray(at, length));
        this.#outgoing = length - at;
      }
      this.onProgress?.();
    }
  }

  async #copyIn(first: Uint8Array | undefined): Promise<void> {
    const write = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length;) at += await this.#inner.write(bytes.subarray(at));
    };
    const guard = new WebSocketGuard({ masked: false });
    const pass = async (bytes: Uint8Array): Promise<boolean> => {
      const { head, body, violation } = guard.admit(bytes);
      if (violation !== undefined) {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.destroy(), VIOLATION_MS);
      }
      if (head !== undefined) await write(head);
      await write(body);
      if (violation === undefined) return true;
      await write(closeFrame(violation, false));
      return false;
    };
    if (first !== undefined && !await pass(first)) return;
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const length = await this.#outer.read(buffer);
      if (length === null || !await pass(buffer.subarray(0, length))) return;
    }
  }
}
