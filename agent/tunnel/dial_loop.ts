/**
 * Keeps a tunnel to the hub: dials, waits, dials anew.
 *
 * @module
 */
import { delay } from "../../shared/backoff.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import type { PeerHello } from "../../shared/tunnel/hello.ts";
import type { MessageConn } from "../../shared/tunnel/message_conn.ts";
import type { GoAwayInfo, Session, SessionEnd } from "../../shared/tunnel/session.ts";
import { DialError } from "./dial_error.ts";
import { DialWait } from "./dial_wait.ts";

/** What the loop needs of a session. */
export type LoopSession = Pick<Session, "hello" | "closed" | "drained" | "close">;

/** How a dial went, for metrics. */
export type DialResult =
  /** The hub's HELLO came. */
  | { ok: true; ms: number }
  /** It failed; `status` when a handshake was refused. */
  | { ok: false; ms: number; stage: string; status?: number };

/** Options of {@linkcode runDialLoop}. */
export interface DialLoopOptions<S extends LoopSession> {
  /** Reads the credentials anew and dials, with a deadline of its own: see `dialTunnel`. */
  dial: (signal: AbortSignal) => Promise<MessageConn>;
  /** Makes the agent's session, with `onGoAway` as given. */
  createSession: (conn: MessageConn, onGoAway: (info: GoAwayInfo) => void) => S;
  /** Ends the loop and all its sessions. */
  signal: AbortSignal;
  /**
   * No dial begins after this. A session that stands goes on until it ends, or until the hub takes
   * leave of it and its streams are done; then the loop ends.
   */
  noMoreDials?: AbortSignal;
  /** What the hub said last, in milliseconds, from where it was kept. @default {10_000} */
  reconnectSpreadMs?: number;
  /** The hub said another spread: keep it. */
  onReconnectSpread?: (ms: number) => void;
  /** The hub's HELLO came: this session is the current one. */
  onConnected?: (session: S, hello: PeerHello) => void;
  /** The current session ended, or (`goAway`) only goes on with the streams it has. */
  onDisconnected?: (end: SessionEnd & { goAway: boolean }) => void;
  /**
   * The dial got 401 or 403. May renew the credentials.
   *
   * @returns `true` when they are new: the next dial comes soon, once
   */
  onUnauthorized?: (error: DialError) => Promise<boolean | void> | boolean | void;
  /** Each dial. */
  onDial?: (result: DialResult) => void;
  /** Bound of the first wait, in milliseconds. @default {250} */
  baseMs?: number;
  /** A session this old starts the back-off anew, in milliseconds. @default {60_000} */
  stableMs?: number;
  /** How long streams may go on after GOAWAY and its wait, in milliseconds. @default {30_000} */
  drainMs?: number;
  /** @default {silentLog} */
  log?: Log;
  /** Milliseconds of a clock. @default {performance.now} */
  now?: () => number;
  /** 0 to 1. @default {Math.random} */
  random?: () => number;
}

/** A failure that goes on is told again after this long, in milliseconds. */
const REPEAT_WARNING_MS = 600_000;

/**
 * Runs until the signal aborts. At any time there is at most one current session; after GOAWAY
 * the next one is dialled while the old one finishes its streams.
 *
 * @returns resolves when a signal has aborted and all sessions have ended; never rejects
 *
 * @example
 * ```ts no-eval
 * import { Session } from "../../shared/tunnel/session.ts";
 * import { dialTunnel } from "./dial.ts";
 * import { runDialLoop } from "./dial_loop.ts";
 * const url = "https://parent:6443/apis/proxies.clusternet.io/v1alpha1/sockets/c1/attach";
 * const stop = new AbortController();
 * await runDialLoop({
 *   signal: stop.signal,
 *   dial: async (signal) => dialTunnel({ url, signal, token: await Deno.readTextFile("token") }),
 *   createSession: (conn, onGoAway) =>
 *     new Session({ role: "agent", conn, instanceId: "agent-1", onGoAway }),
 * });
 * ```
 */
export async function runDialLoop<S extends LoopSession = Session>(
  options: DialLoopOptions<S>,
): Promise<void> {
  await new DialLoop(options).run();
}

/** A session with what GOAWAY said, once it did. */
interface Current<S> {
  session: S;
  goAway: Promise<GoAwayInfo>;
  since: number;
}

class DialLoop<S extends LoopSession> {
  readonly #options: DialLoopOptions<S>;
  readonly #signal: AbortSignal;
  /** Ends dials and the waits for them. */
  readonly #dialling: AbortSignal;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #wait: DialWait;
  readonly #retiring = new Set<Promise<void>>();
  /** Resolves when the next session is up. */
  #nextUp = Promise.withResolvers<void>();
  #attempts = 0;
  #downSince: number;
  #warned: { what: string; at: number } | undefined;
  #renewed = false;

  constructor(options: DialLoopOptions<S>) {
    const { baseMs, random, reconnectSpreadMs } = options;
    this.#options = options;
    this.#signal = options.signal;
    this.#dialling = options.noMoreDials === undefined
      ? options.signal
      : AbortSignal.any([options.signal, options.noMoreDials]);
    this.#log = options.log ?? silentLog;
    this.#now = options.now ?? (() => performance.now());
    this.#downSince = this.#now();
    this.#wait = new DialWait({
      ...(baseMs === undefined ? {} : { baseMs }),
      ...(random === undefined ? {} : { random }),
      ...(reconnectSpreadMs === undefined ? {} : { spreadMs: reconnectSpreadMs }),
    });
  }

  async run(): Promise<void> {
    while (!this.#dialling.aborted) {
      const current = await this.#connect();
      const waitMs = typeof current === "number" ? current : await this.#follow(current);
      await delay(waitMs, this.#dialling).catch(() => {});
    }
    this.#nextUp.resolve(); // There is none to wait for
    await Promise.all(this.#retiring);
  }

  /** Dials once. @returns the session, or how long to wait in milliseconds */
  async #connect(): Promise<Current<S> | number> {
    const start = this.#now();
    this.#attempts++;
    const goAway = Promise.withResolvers<GoAwayInfo>();
    let session: S | undefined;
    try {
      const conn = await this.#options.dial(this.#dialling);
      if (this.#dialling.aborted) {
        conn.close(1000, "the agent stops");
        return 0;
      }
      session = this.#options.createSession(conn, goAway.resolve);
      const hello = await unlessAborted(session.hello, this.#dialling);
      this.#options.onDial?.({ ok: true, ms: this.#now() - start });
      this.#up(session, hello);
      return { session, goAway: goAway.promise, since: this.#now() };
    } catch (error) {
      if (session !== undefined) {
        session.close(SessionCode.NO_ERROR, "no HELLO came");
        await session.closed;
      }
      return this.#dialling.aborted ? 0 : await this.#failed(error, this.#now() - start);
    }
  }

  #up(session: S, hello: PeerHello): void {
    const { onConnected, onReconnectSpread } = this.#options;
    const { instanceId: hub, reconnectSpreadMs } = hello;
    this.#log.info("The tunnel is up", {
      hub,
      attempts: this.#attempts,
      downMs: Math.round(this.#now() - this.#downSince),
    });
    this.#attempts = 0;
    this.#warned = undefined;
    this.#renewed = false;
    this.#nextUp.resolve();
    this.#nextUp = Promise.withResolvers();
    if (reconnectSpreadMs !== undefined) {
      const before = this.#wait.spreadMs;
      this.#wait.spreadMs = reconnectSpreadMs;
      if (this.#wait.spreadMs !== before) onReconnectSpread?.(this.#wait.spreadMs);
    }
    onConnected?.(session, hello);
  }

  /** Stays with the session as long as it is current. @returns how long to wait then */
  async #follow({ session, goAway, since }: Current<S>): Promise<number> {
    const ended = session.closed.then((end) => ({ end }));
    const leaving = goAway.then((info) => ({ info }));
    const event = await unlessAborted(Promise.race([ended, leaving]), this.#signal)
      .catch(() => undefined);
    const now = this.#now();
    this.#downSince = now;
    if (now - since >= (this.#options.stableMs ?? 60_000)) this.#wait.reset();
    if (event === undefined) {
      session.close(SessionCode.SHUTTING_DOWN, "the agent stops");
      const end = await session.closed;
      this.#options.onDisconnected?.({ ...end, goAway: false });
      return 0;
    }
    if ("end" in event) {
      this.#log.warn("The tunnel is lost; dialling anew", { ...event.end });
      this.#options.onDisconnected?.({ ...event.end, goAway: false });
      return this.#wait.next();
    }
    const { info } = event;
    const waitMs = this.#wait.afterGoAway(info);
    this.#log.info("The hub asks to dial anew", { ...info, inMs: Math.round(waitMs) });
    const { code, reason } = info;
    this.#options.onDisconnected?.({ code, reason, clean: true, goAway: true });
    const retiring = this.#retire(session, waitMs + (this.#options.drainMs ?? 30_000))
      .finally(() => this.#retiring.delete(retiring));
    this.#retiring.add(retiring);
    return waitMs;
  }

  /** Lets a session finish its streams, until the next one is up at least, then closes it. */
  async #retire(session: S, limitMs: number): Promise<void> {
    const done = new AbortController();
    const limit = delay(limitMs, AbortSignal.any([this.#signal, done.signal])).catch(() => {});
    const finished = Promise.all([session.drained(), this.#nextUp.promise]);
    await Promise.race([finished, session.closed, limit]);
    done.abort();
    session.close(SessionCode.NO_ERROR, "a newer session took over");
    await session.closed;
  }

  /** @returns how long to wait, in milliseconds */
  async #failed(error: unknown, ms: number): Promise<number> {
    const dialError = error instanceof DialError ? error : undefined;
    const stage = dialError?.stage ?? "hello";
    const status = dialError?.status;
    this.#options.onDial?.({ ok: false, ms, stage, ...(status === undefined ? {} : { status }) });
    this.#warn(error, `${stage} ${status}`);
    if (dialError !== undefined && dialError.stage === "refused") {
      if (status === 401 || status === 403) return await this.#unauthorized(dialError);
      if (dialError.retryAfterMs !== undefined) {
        return this.#wait.afterRetryAfter(dialError.retryAfterMs);
      }
    }
    return this.#wait.next();
  }

  /** One line for each kind of failure, not for each try. */
  #warn(error: unknown, what: string): void {
    const at = this.#now();
    const properties = { error, attempts: this.#attempts };
    const last = this.#warned;
    if (last !== undefined && last.what === what && at - last.at < REPEAT_WARNING_MS) {
      return this.#log.debug("Still no tunnel; trying again", properties);
    }
    this.#warned = { what, at };
    this.#log.warn("Cannot open the tunnel; trying again", properties);
  }

  async #unauthorized(error: DialError): Promise<number> {
    try {
      const renewal = Promise.resolve(this.#options.onUnauthorized?.(error));
      const renewed = await unlessAborted(renewal, this.#dialling);
      if (renewed === true && !this.#renewed) {
        this.#renewed = true;
        return this.#wait.afterRenewal();
      }
    } catch (cause) {
      if (!this.#dialling.aborted) {
        this.#log.warn("Cannot renew the tunnel's credentials", { error: cause });
      }
    }
    return this.#wait.afterUnauthorized();
  }
}

/** Waits for a promise, or rejects with the signal's reason; leaves no listener. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
