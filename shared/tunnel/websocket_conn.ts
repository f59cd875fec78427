/**
 * A {@linkcode MessageConn} over the runtime's native WebSocket, either end.
 *
 * @module
 */
import { CLOSE_CODE_BASE } from "./constants.ts";
import { SessionCode } from "./errors.ts";
import {
  type CloseInfo,
  LOW_WATER_BYTES,
  MAX_MESSAGE_BYTES,
  type MessageConn,
  type MessageHandler,
} from "./message_conn.ts";

/**
 * What carries the WebSocket, where it is ours (the agent's relay, the hub's splice). A native
 * WebSocket cannot be destroyed and does not tell when its buffer drains; what is below it can.
 */
export interface Underlay {
  /** Bytes that left the WebSocket and are not yet written to the network. */
  readonly bufferedAmount: number;
  /** Called whenever bytes moved on towards the network; set by the connection above. */
  onProgress: (() => void) | undefined;
  /** Destroys the sockets at once; idempotent. */
  destroy(): void;
}

/** Options of {@linkcode webSocketConn}. */
export interface WebSocketConnOptions {
  /** Without it, draining is polled and a connection to a silent peer cannot be destroyed. */
  underlay?: Underlay;
  /**
   * How long the close handshake may take before the underlay is destroyed, in milliseconds.
   * @default {2_000}
   */
  closeMs?: number;
}

/** Messages kept until `start`, in bytes; a peer cannot make us hold more. */
const MAX_EARLY_BYTES = 2 * MAX_MESSAGE_BYTES;
/** The same as a number of messages, since an empty message costs memory too. */
const MAX_EARLY_MESSAGES = 256;
/** How long the WebSocket may take to notice that its underlay is gone. */
const DESTROYED_MS = 250;
/** Draining without an underlay is looked at so often at most while bytes move, at least if not. */
const POLL_MS = { min: 1, max: 16 } as const;
/** With an underlay it tells of progress by itself; this is for the case that one was missed. */
const FALLBACK_MS = 50;
/** RFC 6455, section 7.4.1: no close handshake took place. */
const ABNORMAL = 1006;
/** RFC 6455, section 7.4.1: the close frame held no code. */
const NO_STATUS = 1005;
/** RFC 6455, section 5.5: a control frame holds 125 bytes, two of them the code. */
const MAX_REASON_BYTES = 123;

/**
 * Puts a {@linkcode MessageConn} on a native WebSocket: a client's, or the server's end from
 * `Deno.upgradeWebSocket`. From here on the WebSocket belongs to the connection.
 *
 * A text message ends the connection with code 4001, a message above 256 KiB with 4006 (a native
 * client may not send 1002 and 1009).
 *
 * @param ws open or connecting; messages sent while it connects are kept
 * @returns the connection
 *
 * @example
 * ```ts no-eval
 * import { webSocketConn } from "./websocket_conn.ts";
 * const conn = webSocketConn(new WebSocket("ws://127.0.0.1:8080/"));
 * conn.start({ message: (data) => conn.send(data), close: () => {} });
 * ```
 */
export function webSocketConn(ws: WebSocket, options: WebSocketConnOptions = {}): MessageConn {
  return new WebSocketConn(ws, options);
}

class WebSocketConn implements MessageConn {
  readonly #ws: WebSocket;
  readonly #underlay: Underlay | undefined;
  readonly #closeMs: number;
  #handler: MessageHandler | undefined;
  /** Messages that came before `start`. */
  #early: Uint8Array[] = [];
  #earlyBytes = 0;
  /** Messages sent before the WebSocket was open. */
  #unsent: Uint8Array<ArrayBuffer>[] = [];
  #unsentBytes = 0;
  #closeOnOpen: [code: number, reason: string] | undefined;
  /** This side wants the end: nothing is sent any more. */
  #closing = false;
  /** The peer broke a rule, or all is destroyed: nothing is delivered any more. */
  #deaf = false;
  /** What to report instead of what the WebSocket says. */
  #cause: CloseInfo | undefined;
  /** The end, once it is known. */
  #end: CloseInfo | undefined;
  #told = false;
  #destroyed = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #pollTimer: ReturnType<typeof setTimeout> | undefined;
  #pollMs: number = POLL_MS.min;
  #pollSeen = 0;
  #waiters: (() => void)[] = [];

  constructor(ws: WebSocket, { underlay, closeMs = 2_000 }: WebSocketConnOptions) {
    this.#ws = ws;
    this.#underlay = underlay;
    this.#closeMs = closeMs;
    ws.binaryType = "arraybuffer";
    ws.onopen = () => this.#opened();
    ws.onmessage = (event) => this.#received(event.data);
    // Deno reports some ends twice (1001, then 1005 after a missed ping): the first one counts
    ws.onclose = (event) => this.#finish(closeInfo(event));
    ws.onerror = () => {};
    if (underlay !== undefined) underlay.onProgress = () => this.#progress();
    if (ws.readyState === WebSocket.CLOSED) {
      queueMicrotask(() => this.#finish({ code: ABNORMAL, reason: "", clean: false }));
    }
  }

  start(handler: MessageHandler): void {
    if (this.#handler !== undefined) throw new TypeError("Cannot start the connection twice");
    this.#handler = handler;
    queueMicrotask(() => {
      for (const message of this.#early.splice(0)) if (!this.#deaf) handler.message(message);
      this.#tell();
    });
  }

  send(message: Uint8Array): void {
    if (this.#closing || this.#end !== undefined) return;
    switch (this.#ws.readyState) {
      case WebSocket.OPEN:
        // The runtime copies the bytes before it returns
        return this.#ws.send(message as Uint8Array<ArrayBuffer>);
      case WebSocket.CONNECTING:
        this.#unsent.push(new Uint8Array(message));
        this.#unsentBytes += message.length;
    }
  }

  get bufferedAmount(): number {
    if (this.#deaf || this.#end !== undefined) return 0;
    return this.#unsentBytes + this.#ws.bufferedAmount + (this.#underlay?.bufferedAmount ?? 0);
  }

  drained(): Promise<void> {
    if (this.#closing || this.bufferedAmount <= LOW_WATER_BYTES) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiters.push(resolve);
      this.#watch();
    });
  }

  close(code: number, reason: string): void {
    if (this.#closing || this.#end !== undefined) return;
    this.#closing = true;
    this.#release();
    if (this.#ws.readyState === WebSocket.OPEN) this.#ws.close(code, cutReason(reason));
    else this.#closeOnOpen = [code, cutReason(reason)];
    const destroy = (): void =>
      this.#destroy({
        code: ABNORMAL,
        reason: `the peer did not answer the close within ${this.#closeMs / 1000} s`,
        clean: false,
      });
    this.#closeTimer = setTimeout(destroy, this.#closeMs);
  }

  abort(reason: string): void {
    if (this.#end !== undefined || this.#destroyed) return;
    this.#closing = true;
    this.#release();
    this.#destroy({ code: ABNORMAL, reason, clean: false });
  }

  /** Cuts what is below; the WebSocket notices within a turn or two and then the end is told. */
  #destroy(cause: CloseInfo): void {
    this.#destroyed = this.#deaf = true;
    this.#cause ??= cause;
    clearTimeout(this.#closeTimer);
    this.#closeTimer = setTimeout(() => this.#finish(cause), DESTROYED_MS);
    this.#underlay?.destroy();
    if (this.#ws.readyState < WebSocket.CLOSING) this.#ws.close();
  }

  #opened(): void {
    for (const message of this.#unsent.splice(0)) this.#ws.send(message);
    this.#unsentBytes = 0;
    if (this.#closeOnOpen !== undefined) this.#ws.close(...this.#closeOnOpen);
  }

  #received(data: unknown): void {
    if (this.#deaf || this.#end !== undefined) return;
    if (!(data instanceof ArrayBuffer)) {
      return this.#refuse(SessionCode.PROTOCOL_ERROR, "text messages are not part of the protocol");
    }
    if (data.byteLength > MAX_MESSAGE_BYTES) {
      return this.#refuse(
        SessionCode.FRAME_SIZE_ERROR,
        `message of ${data.byteLength} bytes, the limit is ${MAX_MESSAGE_BYTES}`,
      );
    }
    const message = new Uint8Array(data);
    if (this.#handler !== undefined && this.#early.length === 0) {
      return this.#handler.message(message);
    }
    this.#early.push(message);
    this.#earlyBytes += message.length;
    if (this.#earlyBytes > MAX_EARLY_BYTES || this.#early.length > MAX_EARLY_MESSAGES) {
      this.#refuse(SessionCode.FLOOD, "too many messages before this side was ready");
    }
  }

  #refuse(code: number, reason: string): void {
    this.#cause ??= { code: CLOSE_CODE_BASE + code, reason, clean: true };
    this.#deaf = true;
    this.close(CLOSE_CODE_BASE + code, reason);
  }

  #finish(info: CloseInfo): void {
    if (this.#end !== undefined) return;
    this.#end = this.#cause ?? info;
    clearTimeout(this.#closeTimer);
    this.#ws.onopen =
      this.#ws.onmessage =
      this.#ws.onclose =
      this.#ws.onerror =
        null;
    if (this.#underlay !== undefined) {
      this.#underlay.onProgress = undefined;
      // After a clean close the sockets end by themselves, and destroy the rest at their deadline
      if (!info.clean) this.#underlay.destroy();
    }
    this.#release();
    this.#unsent = [];
    this.#tell();
  }

  /** Tells the end, once, and after the last message. */
  #tell(): void {
    if (this.#end === undefined || this.#handler === undefined || this.#early.length > 0) return;
    if (this.#told) return;
    this.#told = true;
    this.#handler.close(this.#end);
  }

  #progress(): void {
    if (this.#waiters.length > 0 && this.bufferedAmount <= LOW_WATER_BYTES) this.#release();
  }

  /** Looks at the buffer from time to time, only while somebody waits for it. */
  #watch(): void {
    if (this.#pollTimer !== undefined) return;
    const wait = this.#underlay === undefined ? this.#pollMs : FALLBACK_MS;
    this.#pollTimer = setTimeout(() => {
      this.#pollTimer = undefined;
      const buffered = this.bufferedAmount;
      if (buffered <= LOW_WATER_BYTES) return this.#release();
      const moved = buffered !== this.#pollSeen;
      this.#pollSeen = buffered;
      this.#pollMs = moved ? POLL_MS.min : Math.min(this.#pollMs * 2, POLL_MS.max);
      this.#watch();
    }, wait);
  }

  /** Lets all go on that wait for the buffer to drain. */
  #release(): void {
    clearTimeout(this.#pollTimer);
    this.#pollTimer = undefined;
    this.#pollMs = POLL_MS.min;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

/**
 * The runtime reports a cut with code 0 or 1005 and `wasClean` false. A close frame without a code
 * (1005 too) is what `abort` sends where there is no underlay to destroy.
 */
function closeInfo({ code, reason, wasClean }: CloseEvent): CloseInfo {
  const clean = wasClean && code !== NO_STATUS;
  return { code: clean ? code : ABNORMAL, reason, clean };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Cuts a reason to what fits a close frame, at a character's border. */
function cutReason(reason: string): string {
  const bytes = encoder.encode(reason);
  if (bytes.length <= MAX_REASON_BYTES) return reason;
  return decoder.decode(bytes.subarray(0, MAX_REASON_BYTES)).replace(/\uFFFD+$/, "");
}
