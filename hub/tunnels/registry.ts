/**
 * Who is connected: one current session for each cluster, older ones that drain, and what became
 * of those that are gone.
 *
 * @module
 */
import { type Log, silentLog } from "../../shared/log.ts";
import { SessionCode, sessionCodeName } from "../../shared/tunnel/errors.ts";
import type { CloseInfo, MessageConn } from "../../shared/tunnel/message_conn.ts";
import type { PeerHello } from "../../shared/tunnel/hello.ts";
import { Session } from "../../shared/tunnel/session.ts";
import { WindowBudget } from "../../shared/tunnel/window.ts";
import { AttachGate } from "./attach_gate.ts";
import { LastSeenMap } from "./last_seen.ts";
import { retire } from "./retire.ts";
import type {
  AttachMeta,
  LastSeen,
  TunnelEvent,
  TunnelInfo,
  TunnelRegistryOptions,
} from "./registry_types.ts";
import { type Tunnel, TunnelTable } from "./tunnel_table.ts";

export type * from "./registry_types.ts";

/** Attaches of one cluster that may wait for their HELLO at a time; the oldest goes first. */
const MAX_GREETING = 4;
/** A thrown-out agent of another instance waits so long before it dials again. */
const REPLACED_WAIT_MS = 5_000;

/**
 * The tunnels of this hub.
 *
 * The newest session of a cluster wins once its HELLO is here, which its agent sends unasked with
 * the first message; until then the old one goes on. The old session gets GOAWAY, drains, and
 * closes without touching the new one.
 */
export class TunnelRegistry {
  readonly #options: TunnelRegistryOptions;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #gate: AttachGate;
  /** One for all sessions: a budget for each would be no bound. */
  readonly #budget: WindowBudget;
  readonly #table = new TunnelTable();
  readonly #lastSeen: LastSeenMap;
  readonly #listeners = new Set<(event: TunnelEvent) => void>();
  readonly #ended = new AbortController();

  /** Makes an empty registry. */
  constructor(options: TunnelRegistryOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#now = options.now ?? Date.now;
    this.#random = options.random ?? Math.random;
    this.#gate = new AttachGate(options.duplicates);
    this.#budget = options.budget ?? new WindowBudget();
    this.#lastSeen = new LastSeenMap({
      startedAt: this.#now(),
      returnDueMs: options.returnDueMs ?? 5_000,
    });
    options.metrics?.read(() => this.#table.readings());
  }

  /**
   * Takes an authorised connection of a cluster's agent.
   *
   * @param conn is owned by the registry from now on
   */
  attach(clusterId: string, conn: MessageConn, meta: AttachMeta): void {
    const refusal = this.#gate.refusal(clusterId, this.#now());
    const session = new Session({
      role: "hub",
      conn,
      instanceId: this.#options.instanceId,
      ...(this.#options.config === undefined ? {} : { config: this.#options.config }),
      budget: this.#budget,
      hello: this.#options.reconnectSpreadMs === undefined
        ? {}
        : { reconnectSpreadMs: this.#options.reconnectSpreadMs },
      ...(this.#options.onStream === undefined
        ? {}
        : { onStream: (stream) => this.#options.onStream?.(clusterId, stream) }),
      onGoAway: ({ reason }) =>
        this.#log.info("An agent takes its leave", { cluster: clusterId, reason }),
      log: this.#log,
    });
    if (refusal !== undefined) {
      this.#options.metrics?.refused.inc({ reason: refusal.name });
      this.#log.warn("An attach is refused", { cluster: clusterId, ...meta, ...refusal });
      session.hello.catch(() => {});
      return void retire(session, { goAway: refusal, drainMs: 0, signal: this.#ended.signal });
    }
    const info = { ...meta, instanceId: "", connectedAt: this.#now() };
    const tunnel: Tunnel = { clusterId, session, info, state: "greeting", streams: 0 };
    this.#table.add(tunnel);
    const greeting = this.#table.of(clusterId, "greeting");
    if (greeting.length > MAX_GREETING) {
      greeting[0]!.session.close(SessionCode.REPLACED, "too many attaches without HELLO");
    }
    session.hello.then((hello) => this.#greeted(tunnel, hello), () => {});
    void session.closed.then((end) => this.#onEnd(tunnel, end));
  }

  /** The session that requests go to; it may be going away, then its `open` says so. */
  session(clusterId: string): Session | undefined {
    return this.#table.current(clusterId)?.session;
  }

  /** Streams that a cluster's agent takes at a time; `undefined` while it is away. */
  streamsOf(clusterId: string): number | undefined {
    return this.#table.current(clusterId)?.streams;
  }

  /** Whether a cluster has a tunnel. */
  connected(clusterId: string): boolean {
    return this.#table.current(clusterId) !== undefined;
  }

  /** What is known of a cluster's tunnel. */
  info(clusterId: string): TunnelInfo | undefined {
    return this.#table.current(clusterId)?.info;
  }

  /** The clusters with a tunnel. */
  ids(): string[] {
    return this.#table.ids();
  }

  /** When a cluster came and went. */
  lastSeen(clusterId: string): LastSeen {
    return this.#lastSeen.get(clusterId);
  }

  /**
   * Whether a cluster's agent is to be expected within seconds: it was lost just now, or this hub
   * just started, or is about to hand over. Only then does a 503 carry `Retry-After`: kubectl
   * would be silent for 55 s over an agent that is away.
   */
  returnDue(clusterId: string): boolean {
    return this.#gate.draining !== undefined || this.#lastSeen.returnDue(clusterId, this.#now());
  }

  /** Ends all sessions of a cluster at once, as when it is revoked. */
  cut(clusterId: string, code: number, reason: string): void {
    for (const tunnel of this.#table.of(clusterId)) {
      tunnel.end = { name: sessionCodeName(code), reason };
      tunnel.session.close(code, reason);
    }
  }

  /** Ends the sessions of all clusters at once, as when this hub leads no more. */
  cutAll(code: number, reason: string): void {
    for (const tunnel of this.#table.all) {
      tunnel.end = { name: sessionCodeName(code), reason };
      tunnel.session.close(code, reason);
    }
  }

  /** Cuts a cluster that is no more, and drops what is remembered of it. */
  forget(clusterId: string): void {
    this.cut(clusterId, SessionCode.REVOKED, "the cluster was removed");
    this.#lastSeen.forget(clusterId);
    this.#gate.forget(clusterId);
    this.#options.metrics?.forget(clusterId);
  }

  /**
   * Tells every agent to dial anew, as before the hub stops; new attaches are refused from now on.
   * Streams go on.
   *
   * @param options `waitMs`: the latest moment; each agent gets its own, spread over it
   */
  goAwayAll({ waitMs, reason }: { waitMs: number; reason: string }): void {
    this.#gate.draining = { waitMs, reason };
    for (const { session } of this.#table.all) {
      session.goAway({
        code: SessionCode.SHUTTING_DOWN,
        waitMs: Math.floor(this.#random() * waitMs),
        reason,
      });
    }
  }

  /** Resolves when no session carries a stream. */
  async drained(): Promise<void> {
    await Promise.all([...this.#table.all].map(({ session }) => session.drained()));
  }

  /** Ends all sessions at once. */
  close(): void {
    this.#gate.draining ??= { waitMs: 0, reason: "the hub stopped" };
    this.#ended.abort();
    for (const tunnel of this.#table.all) {
      tunnel.end ??= { name: "SHUTTING_DOWN", reason: "the hub stopped" };
      tunnel.session.close(SessionCode.SHUTTING_DOWN, "the hub stops");
    }
  }

  /**
   * Listens to events; a listener must not throw.
   *
   * @returns a function that ends the subscription
   */
  subscribe(listener: (event: TunnelEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #greeted(tunnel: Tunnel, hello: PeerHello): void {
    const { clusterId, session, info } = tunnel;
    if (tunnel.state !== "greeting" || !this.#table.all.has(tunnel)) return;
    const at = this.#now();
    info.instanceId = hello.instanceId;
    info.connectedAt = at;
    if (hello.agentVersion !== undefined) info.agentVersion = hello.agentVersion;
    const old = this.#table.current(clusterId);
    tunnel.streams = hello.maxStreams;
    this.#table.makeCurrent(tunnel);
    this.#lastSeen.connected(clusterId, at);
    this.#options.metrics?.connects.inc();
    this.#log.info("A tunnel is up", { cluster: clusterId, ...info, replaced: old !== undefined });
    const displaced = old === undefined || old.info.instanceId === hello.instanceId
      ? {}
      : { displaced: old.info };
    this.#emit({
      type: "connected",
      clusterId,
      at,
      replaced: old !== undefined,
      info,
      ...displaced,
    });
    this.#emit({ type: "hello", clusterId, at, hello });
    if (this.#gate.draining !== undefined) {
      session.goAway({ code: SessionCode.SHUTTING_DOWN, ...this.#gate.draining });
    }
    if (old === undefined) return;
    const from = old.info.instanceId;
    const fight = this.#gate.replaced(clusterId, from, hello.instanceId, at);
    if (fight !== undefined) {
      this.#log.error("Two agents claim one cluster; both are refused", {
        cluster: clusterId,
        ...fight,
      });
      this.#emit({ type: "duplicate", clusterId, at, ...fight });
      return this.#throwOut([old, tunnel], clusterId);
    }
    this.#drain(old, from === hello.instanceId ? 0 : REPLACED_WAIT_MS);
  }

  /** Lets a replaced session finish what it carries. */
  #drain(tunnel: Tunnel, waitMs: number): void {
    const goAway = {
      code: SessionCode.REPLACED,
      waitMs,
      reason: "a newer session of this cluster took over",
    };
    tunnel.state = "draining";
    tunnel.end = { name: "REPLACED", reason: goAway.reason };
    const drainMs = this.#options.drainMs ?? 30_000;
    void retire(tunnel.session, { goAway, drainMs, signal: this.#ended.signal });
  }

  #throwOut(tunnels: Tunnel[], clusterId: string): void {
    const goAway = this.#gate.refusal(clusterId, this.#now())!;
    for (const tunnel of tunnels) {
      tunnel.end = { name: "DUPLICATE_AGENT", reason: goAway.reason };
      void retire(tunnel.session, { goAway, drainMs: 0, signal: this.#ended.signal });
    }
  }

  #onEnd(tunnel: Tunnel, end: CloseInfo): void {
    const wasCurrent = this.#table.remove(tunnel);
    const { clusterId, state, info } = tunnel;
    if (state === "greeting") {
      this.#options.metrics?.refused.inc({ reason: "no-hello" });
      this.#log.warn("A tunnel ended before its HELLO", { cluster: clusterId, ...info, ...end });
      return;
    }
    const name = tunnel.end?.name ?? sessionCodeName(end.code);
    this.#options.metrics?.disconnects.inc({ reason: name });
    this.#log.info("A tunnel is gone", { cluster: clusterId, ...info, ...end, state });
    if (!wasCurrent) return;
    const at = this.#now();
    const reason = tunnel.end?.reason ?? (end.reason === "" ? name : end.reason);
    this.#lastSeen.disconnected(clusterId, info.connectedAt, at, reason);
    this.#emit({ type: "disconnected", clusterId, at, reason, code: end.code });
  }

  #emit(event: TunnelEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
