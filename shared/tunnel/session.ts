/**
 * The mux: many streams over one {@linkcode MessageConn}. Both ends use the same class; PROTOCOL.md
 * is the law it follows.
 *
 * @module
 */
import { type SessionConfig, verifyConfig } from "./config.ts";
import { CLOSE_CODE_BASE } from "./constants.ts";
import { decodeGoAway, decodeSync, decodeWindow, FrameDecoder, readUint32 } from "./decode.ts";
import { encodeFrame, encodeGoAway, encodePing, encodeSync, encodeWindow } from "./encode.ts";
import {
  HeadError,
  ProtocolError,
  ResetCode,
  SessionCode,
  sessionCodeName,
  SessionError,
  StreamError,
} from "./errors.ts";
import { FloodGuard } from "./flood.ts";
import { FrameType, frameTypeName } from "./frame.ts";
import { GrowthSampler } from "./growth.ts";
import type { RequestHead } from "./head.ts";
import { decodeHello, encodeHello, type HelloOptions, type PeerHello, type Role } from "./hello.ts";
import { Heartbeat, realTimer, type SetTimer, Silence } from "./keepalive.ts";
import { type CloseInfo, MAX_MESSAGE_BYTES, type MessageConn } from "./message_conn.ts";
import { Pinger } from "./pinger.ts";
import { Scheduler } from "./scheduler.ts";
import type { TunnelStream } from "./stream.ts";
import { overflow, type StreamCounts, StreamTable } from "./streams.ts";
import { SyncCheck } from "./sync.ts";
import { ReceiveWindow, WindowBudget } from "./window.ts";

/** The part of a log that a session writes to. */
export interface SessionLog {
  /** For the one who looks for a fault. */
  debug(message: string, properties?: Record<string, unknown>): void;
  /** The peer broke a rule, or a handler of ours failed. */
  warn(message: string, properties?: Record<string, unknown>): void;
}

/** What GOAWAY told us. */
export interface GoAwayInfo {
  /** See `SessionCode`. */
  code: number;
  /** How long to wait before dialling anew, in milliseconds. */
  waitMs: number;
  /** For a human. */
  reason: string;
}

/** How a session ended. */
export interface SessionEnd {
  /** See `SessionCode`. */
  code: number;
  /** For a human. */
  reason: string;
  /** Whether it ended on purpose: NO_ERROR, with a close handshake or by `close`. */
  clean: boolean;
}

/** Figures of a session. */
export interface SessionStats extends StreamCounts {
  /** Live streams. */
  streams: number;
  /** Frames that came in. */
  framesIn: number;
  /** Frames that were put into messages. */
  framesOut: number;
  /** Messages that came in. */
  messagesIn: number;
  /** Messages that were given to the connection. */
  messagesOut: number;
  /** Bytes that came in, headers included. */
  bytesIn: number;
  /** Bytes that were given to the connection, headers included. */
  bytesOut: number;
  /** Bytes that came in and were not read yet. */
  unread: number;
  /** Bytes that wait to be sent, without those in the connection. */
  queued: number;
  /** Credit left for sending, in bytes. */
  sendCredit: number;
  /** Size of the session's receive window now, in bytes. */
  receiveWindow: number;
}

/** What a {@linkcode Session} needs. */
export interface SessionOptions {
  /** Which end this is. */
  role: Role;
  /** The session owns it from here on. */
  conn: MessageConn;
  /** Names this process; not empty. */
  instanceId: string;
  /** See {@linkcode SessionConfig}. */
  config?: Partial<SessionConfig>;
  /** One for each process. @default {a budget of its own, 32 MiB} */
  budget?: WindowBudget;
  /** What to add to HELLO. */
  hello?: HelloOptions;
  /**
   * Takes streams that the peer opens; called at once, so that it must not block. Without it all
   * are refused.
   */
  onStream?: (stream: TunnelStream) => void;
  /** The peer sent GOAWAY: dial anew; streams that are open go on. */
  onGoAway?: (info: GoAwayInfo) => void;
  /** Told of broken rules and of handlers that fail. @default {none} */
  log?: SessionLog;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
  /** Spreads the timers of many sessions; 0 to 1. @default {Math.random} */
  random?: () => number;
  /** Sets timers. @default {setTimeout} */
  setTimer?: SetTimer;
}

const EMPTY = { bytes: 0 } as const;

/**
 * One end of a tunnel.
 *
 * @example
 * ```ts
 * import { memoryConnPair } from "./memory_conn.ts";
 * import { Session } from "./session.ts";
 *
 * const [a, b] = memoryConnPair();
 * const agent = new Session({
 *   role: "agent",
 *   conn: b,
 *   instanceId: "agent-1",
 *   onStream: (stream) => {
 *     stream.sendHead({ status: 204, statusText: "No Content", headers: [] });
 *     stream.end();
 *   },
 * });
 * const hub = new Session({ role: "hub", conn: a, instanceId: "hub-1" });
 * await hub.hello;
 * const stream = hub.open({
 *   method: "GET",
 *   target: "direct",
 *   path: "/version",
 *   upgrade: false,
 *   headers: [],
 * });
 * stream.end();
 * const { status } = await stream.responseHead;
 * hub.close(0, "done");
 * await agent.closed;
 * ```
 */
export class Session {
  /** The peer's HELLO; rejects with SessionError when the session ends first. Need not be handled. */
  readonly hello: Promise<PeerHello>;
  /** Resolves when the session has ended; never rejects. */
  readonly closed: Promise<SessionEnd>;
  readonly #role: Role;
  readonly #conn: MessageConn;
  readonly #config: SessionConfig;
  readonly #features: readonly string[];
  readonly #onGoAway: ((info: GoAwayInfo) => void) | undefined;
  readonly #log: SessionLog | undefined;
  readonly #now: () => number;
  readonly #decoder: FrameDecoder;
  readonly #scheduler: Scheduler;
  readonly #window: ReceiveWindow;
  readonly #streams: StreamTable;
  readonly #flood: FloodGuard;
  readonly #pinger: Pinger;
  readonly #silence: Silence;
  readonly #sync = new SyncCheck();
  readonly #heartbeat: Heartbeat;
  readonly #hello = Promise.withResolvers<PeerHello>();
  readonly #closed = Promise.withResolvers<SessionEnd>();
  #clearHelloTimer: (() => void) | undefined;
  #peer: PeerHello | undefined;
  #end: SessionEnd | undefined;
  /** When the message in hand came. */
  #messageAt = 0;
  #framesIn = 0;
  #messagesIn = 0;
  #bytesIn = 0;
  #goAwaySent = false;
  #goAwayReceived: GoAwayInfo | undefined;
  #drainWaiters: (() => void)[] = [];
  #pings = new Set<PromiseWithResolvers<number>>();

  /**
   * Sends HELLO at once.
   *
   * @throws {RangeError} when the configuration is out of its limits
   */
  constructor(options: SessionOptions) {
    const { role, conn, instanceId, hello = {}, now = () => performance.now() } = options;
    const { random = Math.random, setTimer = realTimer, budget = new WindowBudget() } = options;
    const config = verifyConfig(options.config);
    this.#role = role;
    this.#conn = conn;
    this.#config = config;
    this.#features = [...(hello.features ?? []), ...(hello.requiredFeatures ?? [])];
    this.#onGoAway = options.onGoAway;
    this.#log = options.log;
    this.#now = now;
    this.hello = this.#hello.promise;
    this.hello.catch(() => {});
    this.closed = this.#closed.promise;
    const start = now();
    this.#flood = new FloodGuard(config, start);
    this.#decoder = new FrameDecoder(this.#onFrame, config.maxFrame, this.#onUnknown);
    this.#scheduler = new Scheduler({
      conn,
      messageBytes: config.messageBytes,
      onEnded: (queue) => this.#streams.onEnded(queue),
      onOverflow: () =>
        this.#fail(new ProtocolError(SessionCode.FLOOD, "The peer does not read what it asks for")),
    });
    this.#pinger = new Pinger((frame) => this.#scheduler.control(frame), now);
    this.#window = new ReceiveWindow({
      id: 0,
      base: config.sessionWindow,
      max: config.maxSessionWindow,
      budget,
      unread: EMPTY,
    });
    this.#streams = new StreamTable({
      role,
      config,
      budget,
      scheduler: this.#scheduler,
      flood: this.#flood,
      sampler: new GrowthSampler({
        ping: (done) => this.#pinger.ping(done),
        onGrown: (window) => this.#scheduler.window(window),
        now,
      }),
      sessionWindow: this.#window,
      onStream: options.onStream,
      onFault: (error) => this.#log?.warn("A stream handler failed", { error: String(error) }),
      onEmpty: () => this.#onEmpty(),
    });
    const checkMs = Math.max(1, config.deadAfterMs / 15);
    this.#silence = new Silence(config.deadAfterMs, checkMs, start);
    const payload = encodeHello(role, instanceId, config, hello);
    this.#clearHelloTimer = setTimer(this.#onHelloTimeout, config.helloTimeoutMs);
    this.#heartbeat = new Heartbeat(
      [
        // Not all sessions of a hub at once
        { everyMs: config.pingIntervalMs * (1 - 0.1 * random()), run: this.#sendPing },
        { everyMs: checkMs, run: this.#checkSilence },
        { everyMs: config.syncIntervalMs * (1 - 0.1 * random()), run: this.#sendSync },
        { everyMs: config.idleWindowMs, run: this.#shrinkIdle },
      ],
      now,
      setTimer,
    );
    conn.start({ message: this.#onMessage, close: this.#onConnClose });
    conn.send(encodeFrame(FrameType.HELLO, 0, payload));
  }

  /** Live streams. */
  get streamCount(): number {
    return this.#streams.live.size;
  }

  /** Smoothed round-trip time, in milliseconds; `undefined` before the first PONG. */
  get rttMs(): number | undefined {
    return this.#pinger.rttMs;
  }

  /** Whether {@linkcode Session.open} may succeed now, streams permitting. */
  get usable(): boolean {
    return this.#peer !== undefined && this.#end === undefined && !this.#goAwaySent &&
      this.#goAwayReceived === undefined;
  }

  /**
   * Opens a stream; its OPEN goes out with the next message.
   *
   * @throws {SessionError} see {@linkcode SessionError.code}
   * @throws {HeadError} when the head cannot be written
   */
  open(head: RequestHead): TunnelStream {
    if (this.#end !== undefined) {
      throw new SessionError(
        "closed",
        `Cannot open a stream: the session has ended (${this.#end.reason})`,
      );
    }
    if (this.#peer === undefined) {
      throw new SessionError(
        "no-hello",
        "Cannot open a stream: the peer's HELLO has not come yet. Wait for session.hello",
      );
    }
    if (this.#goAwaySent || this.#goAwayReceived !== undefined) {
      throw new SessionError(
        "going-away",
        "Cannot open a stream: the session is going away. Use the next one",
      );
    }
    const stream = this.#streams.open(head, this.#peer);
    if (this.#streams.idsLeft < ID_RESERVE) {
      this.goAway({
        code: SessionCode.NO_ERROR,
        waitMs: 0,
        reason: "the ids of streams run out",
      });
    }
    return stream;
  }

  /** Tells the peer to dial anew; new streams are refused on both sides, open ones go on. */
  goAway({ code, waitMs, reason }: GoAwayInfo): void {
    if (this.#end !== undefined) return;
    this.#goAwaySent = true;
    this.#streams.refusing = true;
    const lastId = this.#streams.highestPeerId;
    const wait = Math.max(0, Math.min(Math.round(waitMs), 0xffffffff));
    this.#scheduler.control(encodeGoAway({ lastId, code, waitMs: wait, reason }));
  }

  /** Resolves when no stream is left (at once if there is none), or the session has ended. */
  drained(): Promise<void> {
    if (this.#streams.live.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drainWaiters.push(resolve));
  }

  /**
   * Ends the session at once: all streams are cut, the peer is told code and reason.
   *
   * @param code see `SessionCode`
   * @param reason for a human
   */
  close(code: number, reason: string): void {
    this.#finish({ code, reason, clean: code === SessionCode.NO_ERROR }, "close");
  }

  /**
   * Measures a round trip.
   *
   * @returns milliseconds; rejects with SessionError when the session ends first. At most 16 may
   * wait at once
   */
  ping(): Promise<number> {
    if (this.#end !== undefined || this.#pings.size >= 16) {
      return Promise.reject(
        this.#end !== undefined
          ? new SessionError("closed", "Cannot ping: the session has ended")
          : new TypeError("Cannot ping: 16 PINGs wait for an answer already"),
      );
    }
    const waiter = Promise.withResolvers<number>();
    this.#pings.add(waiter);
    this.#pinger.ping((rttMs) => {
      this.#pings.delete(waiter);
      waiter.resolve(rttMs);
    });
    return waiter.promise;
  }

  /** Figures, for metrics. */
  stats(): SessionStats {
    const buffered = this.#streams.buffered();
    return {
      ...this.#streams.counts,
      streams: this.#streams.live.size,
      framesIn: this.#framesIn,
      framesOut: this.#scheduler.frames,
      messagesIn: this.#messagesIn,
      messagesOut: this.#scheduler.messages,
      bytesIn: this.#bytesIn,
      bytesOut: this.#scheduler.bytes,
      unread: buffered.in,
      queued: buffered.out,
      sendCredit: this.#scheduler.credit,
      receiveWindow: this.#window.size,
    };
  }

  readonly #onMessage = (data: Uint8Array): void => {
    if (this.#end !== undefined) return;
    this.#silence.heard();
    this.#messagesIn++;
    this.#bytesIn += data.length;
    this.#messageAt = this.#now();
    try {
      if (data.length > MAX_MESSAGE_BYTES) {
        throw new ProtocolError(
          SessionCode.FRAME_SIZE_ERROR,
          `The peer sent a message of ${data.length} bytes; at most ${MAX_MESSAGE_BYTES} are allowed`,
        );
      }
      if (data.length === 0) this.#flood.count("empty or unknown frames", this.#messageAt);
      this.#decoder.push(data);
      if (this.#end === undefined && !this.#decoder.atBoundary) {
        throw new ProtocolError(
          SessionCode.PROTOCOL_ERROR,
          "The peer sent a message that ends inside a frame",
        );
      }
    } catch (error) {
      this.#fail(error);
    }
  };

  readonly #onFrame = (type: FrameType, id: number, payload: Uint8Array): void => {
    // A frame before it in the same message may have ended the session
    if (this.#end !== undefined) return;
    this.#framesIn++;
    const peer = this.#peer;
    if (peer === undefined || type === FrameType.HELLO) return this.#onHello(type, id, payload);
    switch (type) {
      case FrameType.DATA:
      case FrameType.HEAD:
      case FrameType.OPEN:
      case FrameType.END:
      case FrameType.RESET:
        return this.#streams.onFrame(type, id, payload, peer, this.#messageAt);
      case FrameType.WINDOW:
        return this.#onWindow(id, decodeWindow(payload));
    }
    if (id !== 0) {
      throw new ProtocolError(
        SessionCode.PROTOCOL_ERROR,
        `The peer sent ${frameTypeName(type)} on stream ${id}; it belongs to the session`,
      );
    }
    if (type === FrameType.PING) {
      this.#flood.count("PING", this.#messageAt);
      this.#scheduler.control(
        encodePing(FrameType.PONG, readUint32(payload, 0), readUint32(payload, 4)),
      );
    } else if (type === FrameType.PONG) {
      if (!this.#pinger.onPong(payload)) this.#flood.count("PING", this.#messageAt);
    } else if (type === FrameType.GOAWAY) this.#onGoAwayFrame(payload);
    else if (type === FrameType.SYNC) this.#onSync(payload);
  };

  readonly #onUnknown = (type: number): void => {
    if (this.#end !== undefined) return;
    this.#framesIn++;
    if (this.#peer === undefined) throw noHello(`type ${type}`);
    this.#flood.count("empty or unknown frames", this.#messageAt);
  };

  #onHello(type: FrameType, id: number, payload: Uint8Array): void {
    if (type !== FrameType.HELLO) throw noHello(frameTypeName(type));
    if (this.#peer !== undefined || id !== 0) {
      throw new ProtocolError(SessionCode.PROTOCOL_ERROR, "The peer sent a second or odd HELLO");
    }
    let peer: PeerHello;
    try {
      peer = decodeHello(payload, this.#role, this.#features);
    } catch (error) {
      if (!(error instanceof HeadError)) throw error;
      throw new ProtocolError(SessionCode.PROTOCOL_ERROR, `HELLO: ${error.message}`);
    }
    this.#clearHelloTimer?.();
    this.#clearHelloTimer = undefined;
    this.#peer = peer;
    this.#scheduler.addCredit(peer.sessionWindow);
    this.#pinger.ping();
    this.#hello.resolve(peer);
  }

  #onWindow(id: number, delta: number): void {
    if (delta === 0) {
      throw new ProtocolError(SessionCode.PROTOCOL_ERROR, "The peer sent a WINDOW of 0");
    }
    if (id !== 0) return this.#streams.onWindow(id, delta);
    if (!this.#scheduler.addCredit(delta)) throw overflow(0);
  }

  #onGoAwayFrame(payload: Uint8Array): void {
    const { lastId, code, waitMs, reason } = decodeGoAway(payload);
    const first = this.#goAwayReceived === undefined;
    this.#goAwayReceived = { code, waitMs, reason };
    const { isOurs } = this.#streams;
    this.#streams.cutWhere(
      (id) => isOurs(id) && id > lastId,
      new StreamError(ResetCode.REFUSED_STREAM, reason, true),
    );
    if (!first) return;
    try {
      this.#onGoAway?.({ code, waitMs, reason });
    } catch (error) {
      this.#log?.warn("The handler of GOAWAY failed", { error: String(error) });
    }
  }

  #onSync(payload: Uint8Array): void {
    this.#flood.count("SYNC", this.#messageAt);
    const { highestPeerId, liveIds } = decodeSync(payload);
    const streams = this.#streams;
    for (
      const id of this.#sync.check(streams.live.keys(), streams.isOurs, highestPeerId, liveIds)
    ) {
      const state = streams.live.get(id);
      if (state === undefined) continue;
      this.#log?.warn("A stream lives here that the peer does not know", { stream: id });
      streams.reset(state, ResetCode.UNKNOWN_STREAM, "the peer does not know this stream");
    }
  }

  readonly #sendPing = (): void => {
    // A peer that does not answer is dealt with by checkSilence; more PINGs would not help it
    if (this.#peer !== undefined && this.#pinger.outstanding < 64) this.#pinger.ping();
  };

  readonly #checkSilence = (now: number): void => {
    if (!this.#silence.check(now)) return;
    const reason = `nothing came from the peer for ${this.#config.deadAfterMs} ms`;
    this.#finish({ code: SessionCode.PING_TIMEOUT, reason, clean: false }, "abort");
  };

  readonly #onHelloTimeout = (): void => {
    this.#clearHelloTimer = undefined;
    this.#fail(
      new ProtocolError(
        SessionCode.HELLO_TIMEOUT,
        `The peer sent no HELLO within ${this.#config.helloTimeoutMs} ms`,
      ),
    );
  };

  readonly #sendSync = (): void => {
    if (this.#peer === undefined) return;
    this.#scheduler.control(
      encodeSync(this.#streams.highestPeerId, [...this.#streams.live.keys()]),
    );
  };

  readonly #shrinkIdle = (): void => {
    this.#shrink(this.#window);
    for (const { window } of this.#streams.live.values()) this.#shrink(window);
  };

  #shrink(window: ReceiveWindow): void {
    const active = window.active;
    window.active = false;
    if (active || this.#pinger.outstanding >= 64) return;
    const bytes = window.beginShrink();
    if (bytes === 0) return;
    this.#scheduler.control(encodeWindow(window.id, -bytes));
    this.#pinger.ping(() => {
      if (window.finishShrink(bytes)) this.#scheduler.window(window);
    });
  }

  #onEmpty(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  readonly #onConnClose = (info: CloseInfo): void => {
    const told = this.#goAwayReceived;
    const ownCode = info.code - CLOSE_CODE_BASE;
    const code = ownCode >= 0 && ownCode < 1000
      ? ownCode
      : info.code === 1000 || info.code === 1001
      ? SessionCode.NO_ERROR
      : SessionCode.CONNECT_ERROR;
    const reason = info.reason !== ""
      ? info.reason
      : told !== undefined && told.code === code
      ? told.reason
      : code === SessionCode.NO_ERROR
      ? "the peer closed the connection"
      : `the connection broke (WebSocket close code ${info.code})`;
    this.#finish({ code, reason, clean: info.clean && code === SessionCode.NO_ERROR }, "gone");
  };

  #fail(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : SessionCode.INTERNAL_ERROR;
    const reason = error instanceof Error ? error.message : String(error);
    this.#finish({ code, reason, clean: false }, "close");
  }

  #finish(end: SessionEnd, how: "close" | "abort" | "gone"): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#heartbeat.stop();
    this.#clearHelloTimer?.();
    this.#clearHelloTimer = undefined;
    this.#scheduler.stop();
    const name = sessionCodeName(end.code);
    if (!end.clean) this.#log?.debug("The session ended", { code: name, reason: end.reason });
    if (how === "close") {
      const { code, reason } = end;
      const lastId = this.#streams.highestPeerId;
      this.#conn.send(encodeGoAway({ lastId, code, waitMs: 0, reason }));
      this.#conn.close(code === SessionCode.NO_ERROR ? 1000 : CLOSE_CODE_BASE + code, reason);
    } else if (how === "abort") this.#conn.abort(end.reason);
    this.#streams.cutWhere(
      () => true,
      new StreamError(
        ResetCode.SESSION_CLOSED,
        `the session ended: ${name}, ${end.reason}`,
        how !== "close",
      ),
    );
    this.#window.close();
    const gone = new SessionError("closed", `The session ended: ${name}, ${end.reason}`);
    this.#hello.reject(gone);
    for (const { reject } of this.#pings) reject(gone);
    this.#pings.clear();
    this.#onEmpty();
    this.#closed.resolve(end);
  }
}

/** With so few ids left a session asks for its successor. */
const ID_RESERVE = 1_000_000;

function noHello(what: string): ProtocolError {
  return new ProtocolError(
    SessionCode.PROTOCOL_ERROR,
    `The peer sent ${what} before its HELLO`,
  );
}
