/**
 * What the leading agent does: registers, keeps the tunnel, reports.
 *
 * @module
 */
import { delay } from "../shared/backoff.ts";
import { PROXIES_GROUP, PROXIES_VERSION } from "../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../shared/kube/client.ts";
import type { Log } from "../shared/log.ts";
import { SessionCode } from "../shared/tunnel/errors.ts";
import type { MessageConn } from "../shared/tunnel/message_conn.ts";
import { Session } from "../shared/tunnel/session.ts";
import type { TunnelStream } from "../shared/tunnel/stream.ts";
import type { WindowBudget } from "../shared/tunnel/window.ts";
import { VERSION } from "../shared/version.ts";
import type { Dial } from "./agent_options.ts";
import type { AgentMetrics } from "./metrics.ts";
import type { ParentAccess } from "./registration/parent_access.ts";
import { RegistrationRefusedError } from "./registration/register_options.ts";
import type { Registration } from "./registration/registration.ts";
import type { Collector } from "./status/collector.ts";
import { Reporter, type ReportTarget } from "./status/reporter.ts";
import type { TargetServer } from "./target/serve.ts";
import { runDialLoop } from "./tunnel/dial_loop.ts";

/** Options of {@linkcode Lead}. */
export interface LeadOptions {
  registration: Registration;
  access: ParentAccess;
  target: TargetServer;
  collector: Collector;
  metrics: AgentMetrics;
  budget: WindowBudget;
  dial: Dial;
  /** Awaited before each dial, see `Term`. */
  confirmed: (signal: AbortSignal) => Promise<void>;
  clusterId: string;
  parentUrl: string;
  /** The child's API server as the agent sees it. */
  apiserverURL: string;
  instanceId: string;
  proxyUrl?: string;
  /** Private directory for sockets. */
  socketDir?: string;
  /** Whether each stream is logged at its end. */
  logStreams: boolean;
  updateMs: number;
  collectMs: number;
  pingIntervalMs: number;
  deadAfterMs: number;
  reconnectSpreadMs?: number;
  /** The hub said another spread. */
  onReconnectSpread: (ms: number) => void;
  log: Log;
  now: () => number;
  random: () => number;
}

/** One term as the leading agent. */
export class Lead {
  readonly #options: LeadOptions;
  readonly #failed = new AbortController();
  /** Another agent may lead from then on: no dial, no report. */
  readonly #leaving = new AbortController();
  /** All that stand, with those that the hub took leave of. */
  readonly #sessions = new Set<Session>();
  #session: Session | undefined;
  #ownClient: KubeClient | undefined;

  constructor(options: LeadOptions) {
    this.#options = options;
  }

  /** Whether a session with the hub stands. */
  get connected(): boolean {
    return this.#session !== undefined;
  }

  /**
   * Works until the signal aborts.
   *
   * @returns when everything of this term has ended
   * @throws {RegistrationRefusedError} when the parent says no for good
   */
  async run(outer: AbortSignal): Promise<void> {
    const signal = AbortSignal.any([outer, this.#failed.signal]);
    const registered = this.#options.registration.start(signal);
    const works = [
      registered.then(() => this.#tunnel(signal)),
      this.#reporter(signal).run(registered, AbortSignal.any([signal, this.#leaving.signal])),
    ];
    for (const work of works) work.catch((error) => this.#fail(error));
    await Promise.allSettled(works);
    if (outer.aborted || this.#leaving.signal.aborted) return;
    throw this.#failed.signal.reason;
  }

  /** The first fault of a term ends it; what follows are its echoes. */
  #fail(error: unknown): void {
    if (!this.#failed.signal.aborted && !this.#leaving.signal.aborted) this.#failed.abort(error);
  }

  /**
   * Dials and reports no more, and lets streams finish where they are.
   *
   * The hub is not told at once: it would answer 503 until another agent has dialled, though this
   * one can still serve. It takes leave of this session by itself when the other one is there.
   * Who waited long enough for that is alone, and goes as soon as nobody uses the tunnel.
   *
   * @param limitMs no longer than this
   * @param successorMs how long another agent may take to dial
   */
  async drain(limitMs: number, successorMs: number): Promise<void> {
    this.#leaving.abort(new Error("the agent stops"));
    const done = new AbortController();
    const limit = delay(limitMs, done.signal).catch(() => {});
    const ended = Promise.all([...this.#sessions].map(({ closed }) => closed));
    const alone = delay(successorMs, done.signal).then(() => this.#goAway(), () => {});
    await Promise.race([ended, alone, limit]);
    done.abort();
    await limit;
  }

  /** Goes once no stream is left, and lets those finish that came meanwhile. */
  async #goAway(): Promise<void> {
    for (const session of this.#sessions) {
      await session.drained();
      session.goAway({ code: SessionCode.SHUTTING_DOWN, waitMs: 0, reason: "the agent stops" });
      await session.drained();
    }
  }

  async #tunnel(signal: AbortSignal): Promise<void> {
    const options = this.#options;
    const { metrics, log, reconnectSpreadMs } = options;
    await runDialLoop({
      signal,
      noMoreDials: this.#leaving.signal,
      dial: (inner) => this.#dial(inner),
      createSession: (conn, onGoAway) => {
        const session = new Session({
          role: "agent",
          conn,
          instanceId: options.instanceId,
          onStream: (stream) => this.#serve(stream),
          onGoAway,
          budget: options.budget,
          config: { pingIntervalMs: options.pingIntervalMs, deadAfterMs: options.deadAfterMs },
          hello: { agentVersion: VERSION },
          log,
          random: options.random,
        });
        this.#sessions.add(session);
        void session.closed.then(() => this.#sessions.delete(session));
        return session;
      },
      onReconnectSpread: options.onReconnectSpread,
      onConnected: (session) => {
        this.#session = session;
        metrics.connects.inc();
      },
      onDisconnected: () => this.#session = undefined,
      onUnauthorized: () => this.#recover(signal),
      onDial: (result) => {
        if (!result.ok) {
          metrics.dialFailures.inc({ reason: result.status?.toString() ?? result.stage });
        }
      },
      random: options.random,
      log,
      ...(reconnectSpreadMs === undefined ? {} : { reconnectSpreadMs }),
    });
  }

  #serve(stream: TunnelStream): void {
    const { target, logStreams, log, now } = this.#options;
    target.serve(stream);
    if (!logStreams) return;
    const { method, target: to, path, upgrade } = stream.head;
    const started = now();
    stream.closed.then(() => {
      log.info("A tunnel stream has ended", {
        method,
        target: to,
        // A query may hold what nobody should read
        path: path.replace(/\?.*/s, ""),
        upgrade,
        ms: now() - started,
        ...(stream.resetError === undefined ? {} : { error: stream.resetError }),
      });
    });
  }

  async #dial(signal: AbortSignal): Promise<MessageConn> {
    const { registration, access, parentUrl, clusterId, proxyUrl, socketDir, dial } = this.#options;
    await this.#options.confirmed(signal);
    if (registration.credentials.current() === undefined) await this.#recover(signal);
    const token = registration.credentials.current()?.token;
    const ca = await access.ca(signal);
    return await dial({
      url: `${parentUrl}/apis/${PROXIES_GROUP}/${PROXIES_VERSION}/sockets/${clusterId}/attach`,
      signal,
      ...(token === undefined ? {} : { token }),
      ...(ca === undefined ? {} : { ca }),
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      ...(socketDir === undefined ? {} : { socketDir }),
    });
  }

  /** @returns whether there is another token than before */
  async #recover(signal: AbortSignal): Promise<boolean> {
    const { registration } = this.#options;
    const before = registration.credentials.current()?.token;
    try {
      await registration.recover(signal);
    } catch (error) {
      if (error instanceof RegistrationRefusedError) this.#fail(error);
      throw error;
    }
    return registration.credentials.current()?.token !== before;
  }

  #reporter(signal: AbortSignal): Reporter {
    const { collector, metrics, updateMs, collectMs, apiserverURL, log, now, random } =
      this.#options;
    return new Reporter({
      collector,
      target: (inner) => this.#reportTarget(inner),
      agentVersion: VERSION,
      apiserverURL,
      updateMs,
      collectMs,
      onUnauthorized: () => {
        this.#recover(signal).catch((error) => {
          log.debug("Cannot renew the credentials after a refused report", { error });
        });
      },
      onReport: (ok) => metrics.reports.inc({ result: ok ? "ok" : "failed" }),
      log,
      now,
      random,
    });
  }

  async #reportTarget(signal: AbortSignal): Promise<ReportTarget | undefined> {
    const { registration, access } = this.#options;
    const current = registration.credentials.current();
    if (current === undefined) return undefined;
    this.#ownClient ??= await access.client(
      () => registration.credentials.current()?.token,
      signal,
    );
    return {
      client: this.#ownClient,
      namespace: current.namespace,
      name: current.managedClusterName,
    };
  }
}
