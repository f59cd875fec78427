/**
 * The agent as a whole: wires election, registration, tunnel, targets and status reports.
 *
 * @module
 */
import { Backoff, delay } from "../shared/backoff.ts";
import { KubeClient } from "../shared/kube/client.ts";
import { type Log, silentLog } from "../shared/log.ts";
import { WindowBudget } from "../shared/tunnel/window.ts";
import type { Agent, AgentEnd, AgentOptions } from "./agent_options.ts";
import type { HealthCheck } from "./health.ts";
import { Lead } from "./lead.ts";
import { ensureClusterId, leadWhenElected, type Term } from "./leader.ts";
import { type AgentMetrics, createAgentMetrics } from "./metrics.ts";
import {
  makeParentAccess,
  makeRegistration,
  makeTargets,
  type PartsOptions,
  USER_AGENT,
} from "./parts.ts";
import type { ParentAccess } from "./registration/parent_access.ts";
import { ParentClock } from "./registration/parent_clock.ts";
import {
  RegistrationRefusedError,
  type RegistrationState,
} from "./registration/register_options.ts";
import type { Registration } from "./registration/registration.ts";
import { Sayer } from "./say.ts";
import { ParentClusterStore, type Stored } from "./registration/store.ts";
import { Collector } from "./status/collector.ts";
import type { Targets } from "./target/targets.ts";
import { dialTunnel } from "./tunnel/dial.ts";

/**
 * Starts an agent.
 *
 * @returns the agent, at work; faults are tried again for ever and do not show here
 * @throws {RangeError} for options that cannot be used
 */
export function startAgent(options: AgentOptions): Agent {
  return new AgentProcess(options);
}

/** How often the child is asked again when it cannot be reached, in milliseconds. */
const MAX_CHILD_WAIT_MS = 10_000;
/** What was read of the Secret counts for so long at the start, in milliseconds. */
const MAX_STORED_AGE_MS = 2_000;

class AgentProcess implements Agent {
  readonly ended: Promise<AgentEnd>;
  readonly livez: readonly HealthCheck[] = [];
  readonly readyz: readonly HealthCheck[];
  readonly #options: AgentOptions;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  /** Ends the election before all else: another agent is to lead while this one drains. */
  readonly #resign = new AbortController();
  readonly #client: KubeClient;
  readonly #access: ParentAccess;
  readonly #parts: PartsOptions;
  readonly #metrics: AgentMetrics;
  readonly #targets: Targets;
  readonly #budget = new WindowBudget();
  #registration: Registration | undefined;
  #state: RegistrationState = "starting";
  #lead: Lead | undefined;
  #standby = false;
  #stopping: Promise<void> | undefined;

  constructor(options: AgentOptions) {
    const { child, log = silentLog, now = Date.now, random = Math.random } = options;
    this.#options = options;
    this.#log = log;
    this.#now = now;
    this.#random = random;
    this.#client = new KubeClient({ transport: child.transport, userAgent: USER_AGENT, log });
    const clock = new ParentClock({ now, log });
    this.#parts = { options, client: this.#client, clock, log, now, random };
    this.#access = makeParentAccess(this.#parts);
    this.#targets = makeTargets(this.#parts, {
      signal: this.#stop.signal,
      control: (request) => this.#registration!.credentials.handle(request),
    });
    this.#metrics = createAgentMetrics(options.registry, () => ({
      connected: this.#lead?.connected ?? false,
      leading: this.#lead !== undefined,
      streams: this.#targets.server.active,
      registration: this.#state,
      tokenExpiresAt: this.#registration?.credentials.current()?.expiresAt,
    }));
    this.readyz = [{ name: "tunnel", check: () => this.#checkTunnel() }];
    this.ended = this.#run();
  }

  #checkTunnel(): void {
    if (this.#stop.signal.aborted || this.#stopping !== undefined) throw new Error("it stops");
    if (this.#standby || this.#lead?.connected) return;
    throw new Error(`there is no tunnel; the registration is "${this.#state}"`);
  }

  async #run(): Promise<AgentEnd> {
    const { signal } = this.#stop;
    try {
      await this.#work(signal);
      return { kind: "stopped" };
    } catch (error) {
      if (error instanceof RegistrationRefusedError) {
        return { kind: "refused", message: error.message };
      }
      if (signal.aborted) return { kind: "stopped" };
      this.#log.error("The agent failed", { error });
      return { kind: "failed", message: error instanceof Error ? error.message : String(error) };
    } finally {
      this.#stop.abort(new Error("the agent has ended"));
      this.#access.close();
      await this.#targets.close();
    }
  }

  async #work(signal: AbortSignal): Promise<void> {
    const { flags } = this.#options;
    const store = new ParentClusterStore({ client: this.#client, namespace: flags.namespace });
    const load = (inner: AbortSignal): Promise<Stored> =>
      this.#untilChild("read the Secret parent-cluster", inner, () => store.load(inner));
    const [clusterId, first] = await Promise.all([
      this.#untilChild(
        "read the Lease self-cluster",
        signal,
        () => ensureClusterId({ client: this.#client, namespace: flags.namespace, signal }),
      ),
      load(signal),
    ]);
    this.#log.info("This cluster is known by its id", { clusterId });
    const { identity } = this.#options;
    let known: { stored: Stored; at: number } | undefined = { stored: first, at: this.#now() };
    await leadWhenElected({
      client: this.#client,
      namespace: flags.namespace,
      identity: typeof identity === "string" ? identity : await identity(clusterId),
      enabled: flags.leaderElect,
      leaseDurationMs: flags.leaderElectLeaseDuration,
      renewDeadlineMs: flags.leaderElectRenewDeadline,
      retryPeriodMs: flags.leaderElectRetryPeriod,
      onStandby: (standby) => this.#standby = standby,
      lead: async (term) => {
        // Who led meanwhile may have stored fresher credentials
        const stored = known !== undefined && this.#now() - known.at < MAX_STORED_AGE_MS
          ? known.stored
          : await load(term.signal);
        known = undefined;
        await this.#leadTerm(clusterId, stored, store, term);
      },
      log: this.#log,
      now: this.#now,
      random: this.#random,
      resign: this.#resign.signal,
      signal,
    });
  }

  /** The child's API server may start later than its agent. */
  async #untilChild<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const backoff = new Backoff({ baseMs: 200, maxMs: MAX_CHILD_WAIT_MS, random: this.#random });
    const sayer = new Sayer({ log: this.#log, now: this.#now });
    while (true) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        sayer.say("warn", `Cannot ${what} in this cluster; tries again`, {
          namespace: this.#options.flags.namespace,
          error,
        });
        await delay(Math.max(50, backoff.next()), signal);
      }
    }
  }

  async #leadTerm(
    clusterId: string,
    stored: Stored,
    store: ParentClusterStore,
    { signal, confirmed }: Term,
  ): Promise<void> {
    const { flags, child, instanceId, proxyUrl, dial = dialTunnel } = this.#options;
    const reconnectSpreadMs = flags.reconnectSpread ?? stored.reconnectSpreadMs;
    const registration = await makeRegistration(this.#parts, {
      clusterId,
      stored,
      store,
      access: this.#access,
      onState: (state) => this.#state = state,
    });
    this.#registration = registration;
    await this.#targets.lead(signal);
    const lead = new Lead({
      registration,
      access: this.#access,
      target: this.#targets.server,
      collector: new Collector({ client: this.#client, log: this.#log }),
      metrics: this.#metrics,
      budget: this.#budget,
      dial,
      confirmed,
      clusterId,
      parentUrl: flags.clusterRegParentUrl!,
      apiserverURL: child.config.server,
      instanceId,
      updateMs: flags.clusterStatusUpdateFrequency,
      collectMs: flags.clusterStatusCollectFrequency,
      pingIntervalMs: flags.tunnelPingInterval,
      deadAfterMs: flags.tunnelPingTimeout,
      logStreams: flags.enableTunnelLogging,
      onReconnectSpread: (ms) => {
        if (ms === stored.reconnectSpreadMs) return;
        stored.reconnectSpreadMs = ms;
        store.saveReconnectSpread(ms).catch((error) => {
          this.#log.debug("Cannot remember the hub's reconnect spread", { error });
        });
      },
      log: this.#log,
      now: this.#now,
      random: this.#random,
      ...(proxyUrl === undefined ? {} : { proxyUrl }),
      ...(flags.runtimeDir === undefined ? {} : { socketDir: flags.runtimeDir }),
      ...(reconnectSpreadMs === undefined ? {} : { reconnectSpreadMs }),
    });
    this.#lead = lead;
    try {
      await lead.run(signal);
    } finally {
      this.#targets.standBy();
      this.#lead = undefined;
    }
  }

  stop(): Promise<void> {
    return this.#stopping ??= this.#drainAndStop();
  }

  async #drainAndStop(): Promise<void> {
    const { drainTimeout, leaderElect, leaderElectRetryPeriod } = this.#options.flags;
    const lead = this.#lead;
    this.#resign.abort(new Error("the agent was asked to stop"));
    // A standby looks at the Lease each period and a fifth, then it dials
    await lead?.drain(drainTimeout, leaderElect ? 2 * leaderElectRetryPeriod + 1_000 : 0);
    this.#stop.abort(new Error("the agent was asked to stop"));
    await this.ended;
  }
}
