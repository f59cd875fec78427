/**
 * The streams of one session: ids, limits, and what each frame of a stream means.
 *
 * @module
 */
import type { SessionConfig } from "./config.ts";
import { MAX_STREAM_ID } from "./constants.ts";
import { decodeReset } from "./decode.ts";
import { encodeReset } from "./encode.ts";
import { HeadError, ResetCode, SessionError, StreamError } from "./errors.ts";
import { FrameType, frameTypeName } from "./frame.ts";
import type { FloodGuard } from "./flood.ts";
import {
  decodeRequestHead,
  decodeResponseHead,
  encodeRequestHead,
  type RequestHead,
} from "./head.ts";
import type { PeerHello, Role } from "./hello.ts";
import type { ReceiveQueue } from "./receive_queue.ts";
import type { Scheduler } from "./scheduler.ts";
import { SendQueue } from "./send_queue.ts";
import { type StreamHost, StreamState, type TunnelStream } from "./stream.ts";
import { broken, noCredit, overflow } from "./violations.ts";
import { ReceiveWindow, type RoundTrips, type WindowBudget } from "./window.ts";

/** What a {@linkcode StreamTable} needs. */
export interface StreamTableOptions {
  /** Which end this is: the hub opens odd ids. */
  role: Role;
  config: SessionConfig;
  budget: WindowBudget;
  scheduler: Scheduler;
  flood: FloodGuard;
  /** How long a round trip is. */
  roundTrips: RoundTrips;
  /** Credit of the whole session. */
  sessionWindow: ReceiveWindow;
  /** Takes streams that the peer opens; without it all are refused. */
  onStream: ((stream: TunnelStream) => void) | undefined;
  /** `onStream` threw. */
  onFault: (error: unknown) => void;
  /** The last stream is gone. */
  onEmpty: () => void;
}

/** What happened to streams so far. */
export interface StreamCounts {
  /** Streams that this side opened. */
  opened: number;
  /** Streams that the peer opened and this side took. */
  accepted: number;
  /** Streams that the peer opened and this side refused. */
  refused: number;
  /** RESETs that cut a live stream. */
  resetsIn: number;
  /** RESETs that this side sent. */
  resetsOut: number;
}

/** Knows every live stream of a session. */
export class StreamTable implements StreamHost {
  /** Live streams by id. */
  readonly live = new Map<number, StreamState>();
  /** What happened so far. */
  readonly counts: StreamCounts = {
    opened: 0,
    accepted: 0,
    refused: 0,
    resetsIn: 0,
    resetsOut: 0,
  };
  /** The peer's id that was accepted or refused last; 0 before the first. */
  highestPeerId = 0;
  /** Refuse what the peer opens: GOAWAY was sent. */
  refusing = false;
  readonly #o: StreamTableOptions;
  #nextId: number;
  /** Of the live streams, how many this side opened. */
  #ours = 0;

  constructor(options: StreamTableOptions) {
    this.#o = options;
    this.#nextId = options.role === "hub" ? 1 : 2;
  }

  /** Ids that this side can still use. */
  get idsLeft(): number {
    return Math.floor((MAX_STREAM_ID - this.#nextId) / 2) + 1;
  }

  /** Whether this side opened (or will open) the stream. */
  readonly isOurs = (id: number): boolean => (id & 1) === (this.#nextId & 1);

  /**
   * Opens a stream.
   *
   * @throws {SessionError} `too-many-streams`
   * @throws {HeadError} when the head cannot be written
   */
  open(head: RequestHead, peer: PeerHello): TunnelStream {
    if (this.#ours >= peer.maxStreams) {
      throw new SessionError(
        "too-many-streams",
        `Cannot open a stream: ${this.#ours} are open and the peer allows ${peer.maxStreams}. Try again when one has ended`,
      );
    }
    const block = encodeRequestHead(head);
    const id = this.#nextId;
    this.#nextId += 2;
    const state = this.#add(id, head, true, peer);
    this.#ours++;
    this.counts.opened++;
    state.out.pushHead(FrameType.OPEN, block);
    this.activate(state.out);
    return state.stream;
  }

  /** Handles a frame of a stream. @throws {ProtocolError} when it ends the session */
  onFrame(
    type: FrameType,
    id: number,
    payload: Uint8Array,
    peer: PeerHello,
    now: number,
  ): void {
    if (id === 0) throw broken(`${frameTypeName(type)} on stream 0`);
    if (type === FrameType.OPEN) return this.#onOpen(id, payload, peer, now);
    if (type === FrameType.RESET) this.#o.flood.count("RESET", now);
    const state = this.live.get(id);
    if (type === FrameType.DATA) return this.#onData(state, id, payload, now);
    if (state === undefined) return this.#checkOld(type, id);
    if (type === FrameType.HEAD) this.#onHead(state, payload);
    else if (type === FrameType.END) this.#onEnd(state);
    else if (type === FrameType.RESET) this.#onReset(state, payload);
  }

  /** Handles a WINDOW of a stream. */
  onWindow(id: number, delta: number): void {
    const state = this.live.get(id);
    if (state === undefined) return this.#checkOld(FrameType.WINDOW, id);
    if (!state.out.addCredit(delta)) throw overflow(id);
    this.activate(state.out);
  }

  /** END of a stream was put into a message. */
  onEnded(queue: SendQueue): void {
    const state = this.live.get(queue.id);
    if (state === undefined) return;
    if (state.in.ended) this.#finish(state);
    else if (state.resetAfterEnd !== undefined) {
      this.reset(state, ResetCode.NO_ERROR, state.resetAfterEnd);
    }
  }

  activate(queue: SendQueue): void {
    this.#o.scheduler.activate(queue);
  }

  returnCredit(window: ReceiveWindow): void {
    this.#o.scheduler.window(window);
  }

  reset(state: StreamState, code: number, reason: string): void {
    if (state.done) return;
    // The peer has not heard of a stream whose OPEN still waits
    const known = !(state.opener && state.out.headWaits);
    this.#remove(state);
    state.cut(new StreamError(code, reason));
    if (known) this.#sendReset(state.out.id, code, reason);
  }

  /** Cuts streams without telling the peer: it knows, or is gone. */
  cutWhere(which: (id: number) => boolean, error: StreamError): void {
    for (const [id, state] of this.live) {
      if (!which(id)) continue;
      this.#remove(state);
      state.cut(error);
    }
  }

  /** Bytes that wait in all streams: to be sent, and to be read. */
  buffered(): { out: number; in: number } {
    const sum = { out: 0, in: 0 };
    for (const state of this.live.values()) {
      sum.out += state.out.bytes;
      sum.in += state.in.bytes;
    }
    return sum;
  }

  #onOpen(id: number, payload: Uint8Array, peer: PeerHello, now: number): void {
    const { flood, config, onStream, onFault } = this.#o;
    if (this.isOurs(id) || id <= this.highestPeerId) {
      throw broken(
        `OPEN with stream id ${id} after ${this.highestPeerId}; ids of that side rise and are never reused`,
      );
    }
    flood.count("OPEN", now);
    this.highestPeerId = id;
    const theirs = this.live.size - this.#ours;
    if (onStream === undefined || this.refusing || theirs >= config.maxStreams) {
      flood.count("RESET", now);
      this.counts.refused++;
      const reason = onStream === undefined
        ? "this side takes no streams"
        : this.refusing
        ? "this side is going away"
        : `more than ${config.maxStreams} streams`;
      return this.#sendReset(id, ResetCode.REFUSED_STREAM, reason);
    }
    let head: RequestHead;
    try {
      head = decodeRequestHead(payload);
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      flood.count("RESET", now);
      return this.#sendReset(id, ResetCode.PROTOCOL_ERROR, error.message);
    }
    const state = this.#add(id, head, false, peer);
    this.counts.accepted++;
    try {
      onStream(state.stream);
    } catch (error) {
      onFault(error);
      this.reset(state, ResetCode.INTERNAL_ERROR, "the stream's handler failed");
    }
  }

  #onData(state: StreamState | undefined, id: number, payload: Uint8Array, now: number): void {
    const { sessionWindow, scheduler, flood } = this.#o;
    const { length } = payload;
    if (length === 0) flood.count("empty or unknown frames", now);
    if (!sessionWindow.receive(length)) throw noCredit("the session");
    // Whatever becomes of the bytes, they do not hold the session up
    if (sessionWindow.consume(length)) scheduler.window(sessionWindow);
    if (state === undefined) return this.#checkOld(FrameType.DATA, id);
    if (state.in.ended) {
      return this.reset(state, ResetCode.STREAM_CLOSED, "DATA came after END");
    }
    if (state.opener && state.responseHead === undefined) {
      return this.reset(state, ResetCode.PROTOCOL_ERROR, "DATA came before HEAD");
    }
    const { window } = state;
    if (!window.receive(length)) throw noCredit(`stream ${id}`);
    if (length === 0) return;
    const taken = state.in.push(payload);
    if (taken > 0 && window.consume(taken)) scheduler.window(window);
  }

  #onHead(state: StreamState, payload: Uint8Array): void {
    if (!state.opener || state.responseHead !== undefined || state.in.ended) {
      return this.reset(state, ResetCode.PROTOCOL_ERROR, "an unexpected HEAD came");
    }
    try {
      state.gotHead(decodeResponseHead(payload));
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      this.reset(state, ResetCode.PROTOCOL_ERROR, error.message);
    }
  }

  #onEnd(state: StreamState): void {
    if (state.in.ended) return this.reset(state, ResetCode.STREAM_CLOSED, "END came twice");
    if (state.opener && state.responseHead === undefined) {
      return this.reset(state, ResetCode.PROTOCOL_ERROR, "END came before HEAD");
    }
    state.in.end();
    // No more data can come, so growth is only held for what lies unread
    if (state.in.bytes === 0) state.window.close();
    if (state.out.ended) this.#finish(state);
  }

  #onReset(state: StreamState, payload: Uint8Array): void {
    const { code, reason } = decodeReset(payload);
    this.counts.resetsIn++;
    this.#remove(state);
    const error = new StreamError(code, reason, true);
    if (code === ResetCode.NO_ERROR && state.in.ended) state.cutSending(error);
    else state.cut(error);
  }

  #add(id: number, head: RequestHead, opener: boolean, peer: PeerHello): StreamState {
    const { config, budget, roundTrips } = this.#o;
    const out = new SendQueue(id, peer.streamWindow, peer.maxFrame, config.sendQueueBytes);
    const window = (unread: ReceiveQueue): ReceiveWindow =>
      new ReceiveWindow({
        id,
        base: config.streamWindow,
        max: config.maxStreamWindow,
        budget,
        unread,
        roundTrips,
      });
    const state = new StreamState(head, opener, out, window, this);
    this.live.set(id, state);
    return state;
  }

  #finish(state: StreamState): void {
    this.#remove(state);
    state.finish();
  }

  #remove(state: StreamState): void {
    if (!this.live.delete(state.out.id)) return;
    if (state.opener) this.#ours--;
    if (this.live.size === 0) this.#o.onEmpty();
  }

  #sendReset(id: number, code: number, reason: string): void {
    this.counts.resetsOut++;
    this.#o.scheduler.control(encodeReset(id, code, reason));
  }

  /** A frame of a stream that is not live: fine after its end, an error before its OPEN. */
  #checkOld(type: FrameType, id: number): void {
    if (this.isOurs(id) ? id >= this.#nextId : id > this.highestPeerId) {
      throw broken(`${frameTypeName(type)} for stream ${id}, which was never opened`);
    }
  }
}
