/**
 * The sessions that a hub holds, by cluster: those that greet, the one that requests go to, those
 * that drain; and what they carry together.
 *
 * @module
 */
import type { Session } from "../../shared/tunnel/session.ts";
import type { TunnelReadings } from "./metrics.ts";
import type { TunnelInfo } from "./registry_types.ts";

/** One session of a cluster. */
export interface Tunnel {
  /** Whose it is. */
  clusterId: string;
  /** What carries its streams. */
  session: Session;
  /** What is known of it. */
  info: TunnelInfo;
  /** Waits for its HELLO, takes requests, or was replaced. */
  state: "greeting" | "current" | "draining";
  /** What its agent said in HELLO that it takes at a time. */
  streams: number;
  /** Set when it was ended on purpose: a short name for metrics, and the reason to report. */
  end?: { name: string; reason: string };
}

/** Holds every session from its attach to its end. */
export class TunnelTable {
  readonly #current = new Map<string, Tunnel>();
  readonly #all = new Set<Tunnel>();

  /** Every session, the oldest first. */
  get all(): ReadonlySet<Tunnel> {
    return this.#all;
  }

  /** Takes a session in. */
  add(tunnel: Tunnel): void {
    this.#all.add(tunnel);
  }

  /** The session that a cluster's requests go to. */
  current(clusterId: string): Tunnel | undefined {
    return this.#current.get(clusterId);
  }

  /** Lets a cluster's requests go to this session from now on. */
  makeCurrent(tunnel: Tunnel): void {
    tunnel.state = "current";
    this.#current.set(tunnel.clusterId, tunnel);
  }

  /**
   * Drops a session that has ended.
   *
   * @returns whether its cluster's requests went to it
   */
  remove(tunnel: Tunnel): boolean {
    this.#all.delete(tunnel);
    if (this.#current.get(tunnel.clusterId) !== tunnel) return false;
    this.#current.delete(tunnel.clusterId);
    return true;
  }

  /** Ids of the clusters with a session that requests go to. */
  ids(): string[] {
    return [...this.#current.keys()];
  }

  /** Sessions of one cluster, the oldest first; of one state, where it is given. */
  of(clusterId: string, state?: Tunnel["state"]): Tunnel[] {
    const found: Tunnel[] = [];
    for (const tunnel of this.#all) {
      if (tunnel.clusterId !== clusterId) continue;
      if (state === undefined || tunnel.state === state) found.push(tunnel);
    }
    return found;
  }

  /** What the sessions carry now, for metrics. */
  readings(): TunnelReadings {
    const readings = {
      connected: this.#current.size,
      draining: 0,
      streams: 0,
      bytesIn: 0,
      bytesOut: 0,
    };
    for (const { session, state } of this.#all) {
      if (state === "draining") readings.draining++;
      readings.streams += session.streamCount;
      const stats = session.stats();
      readings.bytesIn += stats.bytesIn;
      readings.bytesOut += stats.bytesOut;
    }
    return readings;
  }
}
