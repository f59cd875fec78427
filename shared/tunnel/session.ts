/**
 * The mux: many streams over one {@linkcode MessageConn}. Both ends use the same class; PROTOCOL.md
 * is the law it follows.
 *
 * @module
 */
import { type SessionConfig, verifyConfig } from "./config.ts";
import { CLOSE_CODE_BASE } from "./constants.ts";
import { encodeFrame, encodeGoAway } from "./encode.ts";
import {
  ProtocolError,
  ResetCode,
  SessionCode,
  sessionCodeName,
  SessionError,
  StreamError,
} from "./errors.ts";
import { FloodGuard } from "./flood.ts";
import { FrameType } from "./frame.ts";
import type { RequestHead } from "./head.ts";
import { encodeHello, type PeerHello } from "./hello.ts";
import { Incoming } from "./incoming.ts";
import { realTimer } from "./keepalive.ts";
import { Life } from "./life.ts";
import { type CloseInfo, MAX_BUFFERED_BYTES, type MessageConn } from "./message_conn.ts";
import { Pinger } from "./pinger.ts";
import { Scheduler } from "./scheduler.ts";
import type {
  GoAwayInfo,
  SessionEnd,
  SessionLog,
  SessionOptions,
  SessionStats,
} from "./session_types.ts";
import type { TunnelStream } from "./stream.ts";
import { StreamTable } from "./streams.ts";
import { ReceiveWindow, WindowBudget } from "./window.ts";

export type * from "./session_types.ts";

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
  readonly #conn: MessageConn;
  readonly #config: SessionConfig;
  readonly #log: SessionLog | undefined;
  readonly #scheduler: Scheduler;
  readonly #window: ReceiveWindow;
  readonly #streams: StreamTable;
  readonly #pinger: Pinger;
  readonly #life: Life;
  readonly #incoming: Incoming;
  readonly #hello = Promise.withResolvers<PeerHello>();
  readonly #closed = Promise.withResolvers<SessionEnd>();
  #clearHelloTimer: (() => void) | undefined;
  #end: SessionEnd | undefined;
  #goAwaySent = false;
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
    this.#conn = conn;
    this.#config = config;
    this.#log = options.log;
    this.hello = this.#hello.promise;
    this.hello.catch(() => {});
    this.closed = this.#closed.promise;
    const flood = new FloodGuard(config, now());
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
      roundTrips: this.#pinger,
    });
    this.#streams = new StreamTable({
      role,
      config,
      budget,
      scheduler: this.#scheduler,
      flood,
      roundTrips: this.#pinger,
      sessionWindow: this.#window,
      onStream: options.onStream,
      onFault: (error) => this.#log?.warn("A stream handler failed", { error: String(error) }),
      onEmpty: () => this.#onEmpty(),
    });
    const payload = encodeHello(role, instanceId, config, hello);
    this.#clearHelloTimer = setTimer(this.#onHelloTimeout, config.helloTimeoutMs);
    this.#life = new Life({
      config,
      scheduler: this.#scheduler,
      streams: this.#streams,
      window: this.#window,
      pinger: this.#pinger,
      onDead: () => this.#onDead(),
      now,
      random,
      setTimer,
    });
    this.#incoming = new Incoming({
      role,
      maxFrame: config.maxFrame,
      features: [...(hello.features ?? []), ...(hello.requiredFeatures ?? [])],
      scheduler: this.#scheduler,
      streams: this.#streams,
      flood,
      pinger: this.#pinger,
      life: this.#life,
      now,
      log: options.log,
      onHello: (peer) => this.#onHello(peer),
      onGoAway: options.onGoAway,
      onFailure: (error) => this.#fail(error),
    });
    conn.start({ message: this.#incoming.onMessage, close: this.#onConnClose });
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
    return this.#incoming.peer !== undefined && this.#end === undefined && !this.#goAwaySent &&
      this.#incoming.goAway === undefined;
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
    const { peer } = this.#incoming;
    if (peer === undefined) {
      throw new SessionError(
        "no-hello",
        "Cannot open a stream: the peer's HELLO has not come yet. Wait for session.hello",
      );
    }
    if (this.#goAwaySent || this.#incoming.goAway !== undefined) {
      throw new SessionError(
        "going-away",
        "Cannot open a stream: the session is going away. Use the next one",
      );
    }
    const stream = this.#streams.open(head, peer);
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
      framesIn: this.#incoming.framesIn,
      framesOut: this.#scheduler.frames,
      messagesIn: this.#incoming.messagesIn,
      messagesOut: this.#scheduler.messages,
      bytesIn: this.#incoming.bytesIn,
      bytesOut: this.#scheduler.bytes,
      unread: buffered.in,
      queued: buffered.out,
      sendCredit: this.#scheduler.credit,
      receiveWindow: this.#window.size,
    };
  }

  #onHello(peer: PeerHello): void {
    this.#clearHelloTimer?.();
    this.#clearHelloTimer = undefined;
    this.#life.greeted();
    this.#hello.resolve(peer);
  }

  #onDead(): void {
    const reason = `nothing came from the peer for ${this.#config.deadAfterMs} ms`;
    this.#finish({ code: SessionCode.PING_TIMEOUT, reason, clean: false }, "abort");
  }

  readonly #onHelloTimeout = (): void => {
    this.#clearHelloTimer = undefined;
    this.#fail(
      new ProtocolError(
        SessionCode.HELLO_TIMEOUT,
        `The peer sent no HELLO within ${this.#config.helloTimeoutMs} ms`,
      ),
    );
  };

  #onEmpty(): void {
    const waiters = this.#drainWaiters;
    this.#drainWaiters = [];
    for (const wake of waiters) wake();
  }

  readonly #onConnClose = (info: CloseInfo): void =>
    this.#finish(endOf(info, this.#incoming.goAway), "gone");

  #fail(error: unknown): void {
    const code = error instanceof ProtocolError ? error.code : SessionCode.INTERNAL_ERROR;
    const reason = error instanceof Error ? error.message : String(error);
    this.#finish({ code, reason, clean: false }, "close");
  }

  #finish(end: SessionEnd, how: "close" | "abort" | "gone"): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#life.stop();
    this.#incoming.stop();
    this.#clearHelloTimer?.();
    this.#clearHelloTimer = undefined;
    this.#scheduler.stop();
    const name = sessionCodeName(end.code);
    if (!end.clean) this.#log?.debug("The session ended", { code: name, reason: end.reason });
    if (how === "close") {
      const { code, reason } = end;
      const lastId = this.#streams.highestPeerId;
      const last = encodeGoAway({ lastId, code, waitMs: 0, reason });
      // To a peer that does not read, the close frame says enough
      if (this.#conn.bufferedAmount + last.length <= MAX_BUFFERED_BYTES) this.#conn.send(last);
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

/** What the end of the connection, and a GOAWAY before it, say about the session. */
function endOf(info: CloseInfo, goAway: GoAwayInfo | undefined): SessionEnd {
  const own = info.code - CLOSE_CODE_BASE;
  let code: number = SessionCode.CONNECT_ERROR;
  if (own >= 0 && own < 1000) code = own;
  else if (info.code === 1000 || info.code === 1001) code = SessionCode.NO_ERROR;
  let { reason } = info;
  if (reason === "" && goAway?.code === code) reason = goAway.reason;
  if (reason === "") {
    reason = code === SessionCode.NO_ERROR
      ? "the peer closed the connection"
      : `the connection broke (WebSocket close code ${info.code})`;
  }
  return { code, reason, clean: info.clean && code === SessionCode.NO_ERROR };
}
