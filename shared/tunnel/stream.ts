/**
 * One stream of a session: a request head, a response head, and bytes both ways.
 *
 * @module
 */
import { ResetCode, StreamError } from "./errors.ts";
import { encodeResponseHead, type RequestHead, type ResponseHead } from "./head.ts";
import { FrameType } from "./frame.ts";
import { ReceiveQueue } from "./receive_queue.ts";
import type { SendQueue } from "./send_queue.ts";
import type { ReceiveWindow } from "./window.ts";

/** What a stream asks of the session that carries it. */
export interface StreamHost {
  /** The stream may have something to send. */
  activate(queue: SendQueue): void;
  /** The stream's window has credit to return. */
  returnCredit(window: ReceiveWindow): void;
  /** Cuts the stream: tells the peer and calls {@linkcode StreamState.cut}. */
  reset(state: StreamState, code: number, reason: string): void;
}

/** The session's view of a stream; applications see {@linkcode TunnelStream}. */
export class StreamState {
  /** Where it goes out. */
  readonly out: SendQueue;
  /** Where it comes in. */
  readonly in: ReceiveQueue;
  /** Credit given to the peer. */
  readonly window: ReceiveWindow;
  /** Whether this side opened it. */
  readonly opener: boolean;
  /** The response head, once it was sent or came in. */
  responseHead: ResponseHead | undefined;
  /** Why it was cut, if it was. */
  error: StreamError | undefined;
  /** Whether both directions are done, or it was cut. */
  done = false;
  /** RESET(NO_ERROR) follows END: the reason to send. */
  resetAfterEnd: string | undefined;
  /** What the application holds. */
  readonly stream: TunnelStream;
  #head: PromiseWithResolvers<ResponseHead> | undefined;
  #closed: PromiseWithResolvers<void> | undefined;

  constructor(
    head: RequestHead,
    opener: boolean,
    out: SendQueue,
    window: (unread: ReceiveQueue) => ReceiveWindow,
    host: StreamHost,
  ) {
    this.opener = opener;
    this.out = out;
    this.in = new ReceiveQueue();
    this.window = window(this.in);
    this.stream = new TunnelStream(head, this, host);
  }

  /** Made when somebody asks: most streams never wait here. */
  get headPromise(): Promise<ResponseHead> {
    if (this.#head === undefined) {
      this.#head = Promise.withResolvers();
      this.#head.promise.catch(() => {});
      if (this.responseHead !== undefined) this.#head.resolve(this.responseHead);
      else if (this.error !== undefined) this.#head.reject(this.error);
    }
    return this.#head.promise;
  }

  /** Made when somebody asks. */
  get closedPromise(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers();
      if (this.done) this.#closed.resolve();
    }
    return this.#closed.promise;
  }

  /** The response head came in. */
  gotHead(head: ResponseHead): void {
    this.responseHead = head;
    this.#head?.resolve(head);
  }

  /** Both directions are done. */
  finish(): void {
    this.done = true;
    if (this.in.bytes === 0) this.window.close();
    this.#closed?.resolve();
  }

  /** Cuts both directions: what waits is dropped, everyone who waits gets the error. */
  cut(error: StreamError): void {
    if (this.done) return;
    this.error = error;
    this.out.drop(error);
    this.in.fail(error);
    this.window.close();
    this.#head?.reject(error);
    this.finish();
  }

  /** Nobody will read what came before the end. */
  discard(error: StreamError): void {
    if (this.in.bytes === 0) return;
    this.in.fail(error);
    this.window.close();
  }

  /** The peer has all it wanted and sent its END: only our sending stops. */
  cutSending(error: StreamError): void {
    this.out.drop(error);
    this.finish();
  }
}

/**
 * A stream of a {@linkcode Session}.
 *
 * The opener's side reads {@linkcode TunnelStream.responseHead} and then the body; the acceptor's
 * side reads the body and calls {@linkcode TunnelStream.sendHead} once. After a 101 both directions
 * are raw bytes. A stream that was cut never looks like one that ended: reading rejects.
 *
 * @example
 * ```ts
 * import type { TunnelStream } from "./stream.ts";
 *
 * async function echo(stream: TunnelStream): Promise<void> {
 *   stream.sendHead({ status: 200, statusText: "OK", headers: [] });
 *   for (let chunk; (chunk = await stream.read()) !== null;) await stream.write(chunk);
 *   stream.end();
 * }
 * ```
 */
export class TunnelStream {
  /** Odd: opened by the hub; even: by the agent. Never used again in a session. */
  readonly id: number;
  /** What OPEN said. */
  readonly head: RequestHead;
  readonly #state: StreamState;
  readonly #host: StreamHost;

  /** Streams come from {@linkcode Session.open} and `onStream`. */
  constructor(head: RequestHead, state: StreamState, host: StreamHost) {
    this.id = state.out.id;
    this.head = head;
    this.#state = state;
    this.#host = host;
  }

  /**
   * Acceptor only, once, before the first `write`: sends the response head.
   *
   * @throws {HeadError} when the head cannot be written (the stream is left as it is)
   * @throws {TypeError} on the opener's side, or at the second call
   * @throws {StreamError} when the stream was cut
   */
  sendHead(head: ResponseHead): void {
    const state = this.#state;
    if (state.opener) {
      throw new TypeError("Cannot send a response head: this side sent the request");
    }
    if (state.error !== undefined) throw state.error;
    if (state.responseHead !== undefined) {
      throw new TypeError("Cannot send a response head: one was sent already");
    }
    if (state.out.ending) throw new TypeError("Cannot send a response head after end()");
    const block = encodeResponseHead(head);
    state.responseHead = head;
    state.out.pushHead(FrameType.HEAD, block);
    this.#host.activate(state.out);
  }

  /**
   * The response head: on the opener's side when HEAD comes in; rejects with StreamError when the
   * stream is cut first. Need not be handled.
   */
  get responseHead(): Promise<ResponseHead> {
    return this.#state.headPromise;
  }

  /**
   * Queues data. The chunk is kept by reference and must not be changed afterwards.
   *
   * @returns `undefined`: go on at once. A promise: wait for it, or be refused once 16 times the
   * queue's mark wait. It rejects with StreamError when the stream is cut, with TypeError after
   * `end()` or before `sendHead()`; it need not be handled
   */
  write(chunk: Uint8Array): Promise<void> | undefined {
    const state = this.#state;
    if (!state.opener && state.responseHead === undefined && state.error === undefined) {
      const early = Promise.reject(new TypeError("Cannot write: call sendHead() first"));
      early.catch(() => {});
      return early;
    }
    const wait = state.out.push(chunk);
    if (!state.out.scheduled) this.#host.activate(state.out);
    return wait;
  }

  /**
   * Half-close: END goes out after all that was written. Does nothing at the second call or after
   * a cut.
   *
   * @throws {TypeError} on the acceptor's side before `sendHead()`: an answer has a head
   */
  end(): void {
    const state = this.#state;
    if (state.done || state.out.ending) return;
    if (!state.opener && state.responseHead === undefined) {
      throw new TypeError("Cannot end a stream without an answer: call sendHead() or reset()");
    }
    state.out.finish();
    this.#host.activate(state.out);
  }

  /**
   * The next chunk of the peer's data, in whatever cut; `null` at its END, again and again. Gives
   * the stream's credit back: what is not read holds the peer.
   *
   * @returns rejects with StreamError when the stream was cut, with TypeError while another read
   * waits
   */
  read(): Promise<Uint8Array | null> {
    let chunk: Uint8Array | null | undefined;
    try {
      chunk = this.readSync();
    } catch (error) {
      return Promise.reject(error);
    }
    return chunk === undefined ? this.#state.in.wait() : Promise.resolve(chunk);
  }

  /**
   * {@linkcode TunnelStream.read} without a promise, for pumps: empty the buffer with it, then
   * `await read()`.
   *
   * @returns `undefined` when nothing is there yet
   * @throws {StreamError} when the stream was cut
   */
  readSync(): Uint8Array | null | undefined {
    const state = this.#state;
    const chunk = state.in.shift();
    if (chunk !== null && chunk !== undefined) {
      if (state.in.ended) {
        // Nothing more comes: no credit to return, only growth
        if (state.in.bytes === 0) state.window.close();
      } else if (state.window.consume(chunk.length)) this.#host.returnCredit(state.window);
    }
    return chunk;
  }

  /**
   * Cuts the stream in both directions and drops what waits on both sides. Idempotent. Once both
   * directions are done it only drops what was not read. Whoever stops reading before the end calls
   * it: unread bytes are memory, and count in the process's budget. With `ResetCode.NO_ERROR` after `end()` it lets the answer go
   * out whole first and only then tells the peer to stop sending (RFC 9113, section 8.1).
   *
   * @param code see `ResetCode`
   * @param reason for a human; at most 1 KiB of UTF-8
   */
  reset(code: number, reason: string): void {
    const state = this.#state;
    if (state.done) return state.discard(new StreamError(code, reason));
    if (code === ResetCode.NO_ERROR && state.out.ending && !state.out.ended) {
      state.resetAfterEnd = reason;
      return;
    }
    this.#host.reset(state, code, reason);
  }

  /** Resolves when both directions are done, or the stream was cut; never rejects. */
  get closed(): Promise<void> {
    return this.#state.closedPromise;
  }

  /** Why the stream was cut; `undefined` while it lives and after a regular end. */
  get resetError(): StreamError | undefined {
    return this.#state.error;
  }

  /** Bytes that were written and wait for credit or for the connection. */
  get queuedBytes(): number {
    return this.#state.out.bytes;
  }

  /** Bytes that came in and were not read yet. */
  get unreadBytes(): number {
    return this.#state.in.bytes;
  }
}
