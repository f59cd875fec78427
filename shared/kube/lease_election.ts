/**
 * Leader election over a Lease, as client-go's `tools/leaderelection` does it.
 *
 * @module
 */
import { delay as realDelay, withDeadline } from "../backoff.ts";
import { type Log, silentLog } from "../log.ts";
import type { KubeClient } from "./client.ts";
import { LEASES } from "./resources.ts";
import { isStatus } from "./status.ts";
import type { Lease, LeaseSpec } from "./types.ts";

/** Options of {@linkcode LeaseElection}. */
export interface LeaseElectionOptions {
  /** The way to the API. */
  client: Pick<KubeClient, "getOrUndefined" | "create" | "update">;
  /** Namespace of the Lease. */
  namespace: string;
  /** Name of the Lease. */
  name: string;
  /** This candidate; unique, such as pod name and a UUID. */
  identity: string;
  /** Others wait so long after the last renewal that they saw, in milliseconds. @default {15_000} */
  leaseDurationMs?: number;
  /** A leader that cannot renew for so long steps down, in milliseconds. @default {10_000} */
  renewDeadlineMs?: number;
  /** Between two tries, in milliseconds; candidates add up to 20 %. @default {2_000} */
  retryPeriodMs?: number;
  /** Called when this candidate leads; the signal aborts when it no longer does. */
  onStartedLeading?: (leading: AbortSignal) => void;
  /** Called once for each `onStartedLeading`. */
  onStoppedLeading?: (reason: string) => void;
  /** Called with each new leader's identity, this candidate's included. */
  onNewLeader?: (identity: string) => void;
  /** Where it says what happened. @default {silent} */
  log?: Log;
  /** Wall clock for what is written, milliseconds. @default {Date.now} */
  now?: () => number;
  /** Clock for what is measured, milliseconds, never set back. @default {performance.now} */
  monotonic?: () => number;
  /** Source of randomness, in `[0, 1)`. @default {Math.random} */
  random?: () => number;
  /** Waits. @default {a timer} */
  delay?: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** @returns `metav1.MicroTime` */
function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}

/**
 * One candidate. The Lease's times are never compared with a clock: a candidate measures by its
 * own monotonic clock how long ago it saw the Lease change, so clocks may differ by any amount.
 * What must be right is that all clocks run at about the same speed.
 *
 * At most one leads at a time as long as a leader notices within `leaseDuration - renewDeadline`
 * that it lost the Lease; hence the order of the three times, which the constructor checks.
 *
 * @example
 * ```ts ignore
 * const election = new LeaseElection({ client, namespace, name: "clusternet-hub", identity });
 * await election.run(signal); // until the signal aborts; then the Lease is given back
 * ```
 */
export class LeaseElection {
  readonly #options: LeaseElectionOptions;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  readonly #log: Log;
  readonly #now: () => number;
  readonly #monotonic: () => number;
  readonly #random: () => number;
  readonly #delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** The Lease as seen last, and when it was seen to change. */
  #observed: Lease | undefined;
  #observedAt = 0;
  #renewedAt: number | undefined;
  #leading: AbortController | undefined;
  #announced: string | undefined;

  /**
   * Makes a candidate; `run` lets it take part.
   *
   * @param options the Lease, this candidate, and its times
   * @throws {RangeError} unless leaseDuration > renewDeadline > 1.2 x retryPeriod > 0
   */
  constructor(options: LeaseElectionOptions) {
    this.#options = options;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
    this.#log = (options.log ?? silentLog).with({ lease: `${options.namespace}/${options.name}` });
    this.#now = options.now ?? Date.now;
    this.#monotonic = options.monotonic ?? (() => performance.now());
    this.#random = options.random ?? Math.random;
    this.#delay = options.delay ?? realDelay;
    const ordered = this.#leaseDurationMs > this.#renewDeadlineMs &&
      this.#renewDeadlineMs > this.#retryPeriodMs * 1.2 && this.#retryPeriodMs > 0;
    if (!ordered) {
      throw new RangeError(
        "Cannot elect a leader: the lease duration must be longer than the renew deadline, and " +
          "that longer than 1.2 retry periods",
      );
    }
  }

  /** `true` while this candidate leads; `false` at once when it was paused past its deadline. */
  get isLeader(): boolean {
    return this.#leading !== undefined && this.#renewedAt !== undefined &&
      this.#monotonic() - this.#renewedAt < this.#leaseDurationMs;
  }

  /** Who leads, as far as this candidate saw. */
  leader(): string | undefined {
    return this.#observed?.spec?.holderIdentity || undefined;
  }

  /** The Lease as seen last; its UID may be an identity of its own. */
  get lease(): Lease | undefined {
    return this.#observed;
  }

  /**
   * Takes part until the signal aborts: waits for the Lease, leads, and waits again when it was
   * lost. At the end the Lease is given back, so that another candidate leads within a retry
   * period.
   *
   * @param signal ends it
   */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (await this.#try(signal, this.#renewDeadlineMs)) await this.#lead(signal);
      const jitter = 1 + 0.2 * this.#random();
      await this.#delay(this.#retryPeriodMs * jitter, signal).catch(() => {});
    }
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const leading = new AbortController();
    this.#leading = leading;
    this.#log.info("Leads now", { identity: this.#options.identity });
    this.#callback(() => this.#options.onStartedLeading?.(leading.signal));
    let reason = "stopped";
    while (!signal.aborted) {
      await this.#delay(this.#retryPeriodMs, signal).catch(() => {});
      if (signal.aborted) break;
      const leftMs = this.#renewedAt! + this.#renewDeadlineMs - this.#monotonic();
      if (leftMs > 0 && await this.#try(signal, leftMs)) continue;
      if (this.leader() !== this.#options.identity) {
        reason = `the Lease went to "${this.leader() ?? ""}"`;
        break;
      }
      if (this.#monotonic() - this.#renewedAt! >= this.#renewDeadlineMs) {
        reason = `the Lease could not be renewed for ${this.#renewDeadlineMs / 1000} s`;
        break;
      }
    }
    this.#leading = undefined;
    leading.abort(new DOMException(`No longer the leader: ${reason}`, "AbortError"));
    if (signal.aborted) this.#log.info("Gives the Lease back");
    else this.#log.warn("Leads no longer", { reason });
    this.#callback(() => this.#options.onStoppedLeading?.(reason));
    // After a stop of the caller's work: only now may another one lead
    if (signal.aborted) await this.#release();
  }

  /** Takes or renews the Lease. @returns whether it is this candidate's now; never rejects */
  async #try(signal: AbortSignal, leftMs: number): Promise<boolean> {
    // Half of the deadline, so that one stuck request leaves time for another
    const timeoutMs = Math.max(100, Math.min(leftMs, this.#renewDeadlineMs / 2));
    try {
      return await withDeadline(timeoutMs, "renew the Lease", (live) => this.#once(live), signal);
    } catch (error) {
      if (signal.aborted) return false;
      if (isStatus(error, 409)) this.#log.debug("Another candidate was faster");
      else this.#log.warn("Cannot take or renew the Lease", { error });
      return false;
    }
  }

  async #once(signal: AbortSignal): Promise<boolean> {
    const { client, namespace, name, identity } = this.#options;
    const startedAt = this.#monotonic();
    const lease = await client.getOrUndefined<Lease>(LEASES, name, { namespace, signal });
    if (lease === undefined) {
      const created = await client.create<Lease>(LEASES, {
        apiVersion: "coordination.k8s.io/v1",
        kind: "Lease",
        metadata: { name, namespace },
        spec: this.#spec(undefined),
      }, { namespace, signal });
      return this.#won(created, startedAt);
    }
    this.#observe(lease);
    const holder = lease.spec?.holderIdentity ?? "";
    if (holder !== "" && holder !== identity) {
      // The holder may have been started with a longer duration than this candidate
      const toldMs = (lease.spec?.leaseDurationSeconds ?? 0) * 1000;
      const validMs = Math.max(this.#leaseDurationMs, toldMs);
      if (this.#monotonic() - this.#observedAt < validMs) return false;
    }
    const updated = await client.update<Lease>(
      LEASES,
      { ...lease, spec: { ...lease.spec, ...this.#spec(lease.spec) } },
      { namespace, signal },
    );
    return this.#won(updated, startedAt);
  }

  #spec(before: LeaseSpec | undefined): LeaseSpec {
    const { identity } = this.#options;
    const time = microTime(this.#now());
    const mine = before?.holderIdentity === identity;
    return {
      holderIdentity: identity,
      leaseDurationSeconds: Math.max(1, Math.ceil(this.#leaseDurationMs / 1000)),
      acquireTime: mine ? before.acquireTime ?? time : time,
      renewTime: time,
      leaseTransitions: (before?.leaseTransitions ?? 0) + (mine || before === undefined ? 0 : 1),
    };
  }

  /** The Lease holds from when the request was sent, not from when the answer came. */
  #won(lease: Lease, startedAt: number): true {
    this.#observe(lease);
    this.#renewedAt = startedAt;
    return true;
  }

  #observe(lease: Lease): void {
    if (JSON.stringify(lease.spec) !== JSON.stringify(this.#observed?.spec)) {
      this.#observedAt = this.#monotonic();
    }
    this.#observed = lease;
    const leader = this.leader();
    if (leader === undefined || leader === this.#announced) return;
    this.#announced = leader;
    this.#callback(() => this.#options.onNewLeader?.(leader));
  }

  async #release(): Promise<void> {
    const { client, namespace, identity } = this.#options;
    const lease = this.#observed;
    if (lease?.spec?.holderIdentity !== identity) return;
    const time = microTime(this.#now());
    try {
      await withDeadline(5_000, "give the Lease back", async (signal) => {
        await client.update<Lease>(LEASES, {
          ...lease,
          spec: {
            ...lease.spec,
            holderIdentity: "",
            leaseDurationSeconds: 1,
            renewTime: time,
            acquireTime: time,
          },
        }, { namespace, signal });
      });
      this.#observed = { ...lease, spec: { ...lease.spec, holderIdentity: "" } };
    } catch (error) {
      this.#log.debug("Could not give the Lease back: it expires by itself", { error });
    }
  }

  #callback(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error("A callback of the election failed", { error });
    }
  }
}
