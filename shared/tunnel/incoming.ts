/**
 * What comes in on a session: messages to frames, and each frame to the one it is for.
 *
 * @module
 */
import { decodeGoAway, decodeSync, decodeWindow, FrameDecoder, readUint32 } from "./decode.ts";
import { encodePing } from "./encode.ts";
import { HeadError, ProtocolError, ResetCode, SessionCode, StreamError } from "./errors.ts";
import type { FloodGuard } from "./flood.ts";
import { FrameType, frameTypeName } from "./frame.ts";
import { decodeHello, type PeerHello, type Role } from "./hello.ts";
import type { Life } from "./life.ts";
import { MAX_MESSAGE_BYTES } from "./message_conn.ts";
import type { Pinger } from "./pinger.ts";
import type { Scheduler } from "./scheduler.ts";
import type { GoAwayInfo, SessionLog } from "./session_types.ts";
import type { StreamTable } from "./streams.ts";
import { SyncCheck } from "./sync.ts";
import { broken, overflow } from "./violations.ts";

/** What an {@linkcode Incoming} needs. */
export interface IncomingOptions {
  /** Which end this is. */
  role: Role;
  /** The largest DATA payload allowed, in bytes. */
  maxFrame: number;
  /** What this end can do. */
  features: readonly string[];
  scheduler: Scheduler;
  streams: StreamTable;
  flood: FloodGuard;
  pinger: Pinger;
  life: Life;
  /** In milliseconds. */
  now: () => number;
  log: SessionLog | undefined;
  /** The peer's HELLO came. */
  onHello: (peer: PeerHello) => void;
  /** The first GOAWAY came. */
  onGoAway: ((info: GoAwayInfo) => void) | undefined;
  /** A message broke the protocol, or something here failed. */
  onFailure: (error: unknown) => void;
}

/** The receiving half of a session. */
export class Incoming {
  /** Frames so far. */
  framesIn = 0;
  /** Messages so far. */
  messagesIn = 0;
  /** Bytes so far. */
  bytesIn = 0;
  /** The peer's HELLO. */
  peer: PeerHello | undefined;
  /** The last GOAWAY. */
  goAway: GoAwayInfo | undefined;
  readonly #o: IncomingOptions;
  readonly #decoder: FrameDecoder;
  readonly #sync = new SyncCheck();
  /** When the message in hand came. */
  #at = 0;
  #stopped = false;

  constructor(options: IncomingOptions) {
    this.#o = options;
    this.#decoder = new FrameDecoder(this.#onFrame, options.maxFrame, this.#onUnknown);
  }

  /** Looks at nothing more, not even at the rest of the message in hand. */
  stop(): void {
    this.#stopped = true;
  }

  /** Takes one message; never throws. */
  readonly onMessage = (data: Uint8Array): void => {
    if (this.#stopped) return;
    const { life, flood, now, onFailure } = this.#o;
    life.heard();
    this.messagesIn++;
    this.bytesIn += data.length;
    this.#at = now();
    try {
      if (data.length > MAX_MESSAGE_BYTES) {
        throw new ProtocolError(
          SessionCode.FRAME_SIZE_ERROR,
          `The peer sent a message of ${data.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`,
        );
      }
      if (data.length === 0) flood.count("empty or unknown frames", this.#at);
      this.#decoder.push(data);
      if (!this.#stopped && !this.#decoder.atBoundary) {
        throw broken("a message that ends inside a frame");
      }
    } catch (error) {
      onFailure(error);
    }
  };

  readonly #onFrame = (type: FrameType, id: number, payload: Uint8Array): void => {
    if (this.#stopped) return;
    this.framesIn++;
    const { peer } = this;
    if (peer === undefined || type === FrameType.HELLO) return this.#onHello(type, id, payload);
    switch (type) {
      case FrameType.DATA:
      case FrameType.HEAD:
      case FrameType.OPEN:
      case FrameType.END:
      case FrameType.RESET:
        return this.#o.streams.onFrame(type, id, payload, peer, this.#at);
      case FrameType.WINDOW:
        return this.#onWindow(id, decodeWindow(payload));
    }
    if (id !== 0) {
      throw broken(`${frameTypeName(type)} on stream ${id}; it belongs to the session`);
    }
    switch (type) {
      case FrameType.PING:
        return this.#onPing(payload);
      case FrameType.PONG:
        if (!this.#o.pinger.onPong(payload)) this.#o.flood.count("PING", this.#at);
        return;
      case FrameType.GOAWAY:
        return this.#onGoAway(payload);
      case FrameType.SYNC:
        return this.#onSync(payload);
    }
  };

  readonly #onUnknown = (type: number): void => {
    if (this.#stopped) return;
    this.framesIn++;
    if (this.peer === undefined) throw broken(`type ${type} before its HELLO`);
    this.#o.flood.count("empty or unknown frames", this.#at);
  };

  #onHello(type: FrameType, id: number, payload: Uint8Array): void {
    const { role, features, scheduler, onHello } = this.#o;
    if (type !== FrameType.HELLO) throw broken(`${frameTypeName(type)} before its HELLO`);
    if (this.peer !== undefined || id !== 0) throw broken("a second HELLO, or one on a stream");
    try {
      this.peer = decodeHello(payload, role, features);
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      throw new ProtocolError(SessionCode.PROTOCOL_ERROR, `HELLO: ${error.message}`);
    }
    scheduler.addCredit(this.peer.sessionWindow);
    onHello(this.peer);
  }

  #onWindow(id: number, delta: number): void {
    if (delta === 0) throw broken("a WINDOW of 0");
    if (id !== 0) return this.#o.streams.onWindow(id, delta);
    if (!this.#o.scheduler.addCredit(delta)) throw overflow(0);
  }

  #onPing(payload: Uint8Array): void {
    this.#o.flood.count("PING", this.#at);
    const answer = encodePing(FrameType.PONG, readUint32(payload, 0), readUint32(payload, 4));
    this.#o.scheduler.control(answer);
  }

  #onGoAway(payload: Uint8Array): void {
    const { flood, streams, onGoAway, log } = this.#o;
    flood.count("PING", this.#at);
    const { lastId, code, waitMs, reason } = decodeGoAway(payload);
    const first = this.goAway === undefined;
    this.goAway = { code, waitMs, reason };
    streams.cutWhere(
      (id) => streams.isOurs(id) && id > lastId,
      new StreamError(ResetCode.REFUSED_STREAM, reason, true),
    );
    if (!first) return;
    try {
      onGoAway?.({ code, waitMs, reason });
    } catch (error) {
      log?.warn("The handler of GOAWAY failed", { error: String(error) });
    }
  }

  #onSync(payload: Uint8Array): void {
    const { flood, streams, log } = this.#o;
    flood.count("SYNC", this.#at);
    const { highestPeerId, liveIds } = decodeSync(payload);
    const gone = this.#sync.check(streams.live.keys(), streams.isOurs, highestPeerId, liveIds);
    for (const id of gone) {
      const state = streams.live.get(id);
      if (state === undefined) continue;
      log?.warn("A stream lives here that the peer does not know", { stream: id });
      streams.reset(state, ResetCode.UNKNOWN_STREAM, "the peer does not know this stream");
    }
  }
}
