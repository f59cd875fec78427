/**
 * How much of the hub one caller, and one cluster, may hold at a time. kube-apiserver exempts the
 * subresource `proxy` from its own limits (k8s.io/apiserver `pkg/server/filters/longrunning.go`, and
 * its API Priority and Fairness), so these are the only ones between a user and all streams of all
 * clusters.
 *
 * @module
 */
import { failure, StatusError } from "../../shared/kube/status.ts";
import { RateByKey } from "./rate_by_key.ts";

/** Limits; 0 is none. */
export interface CallerLimits {
  /** Requests of one user under way over all clusters, watches among them. */
  requestsPerUser: number;
  /** Upgrades (exec, attach, port-forward) of one user that are open over all clusters. */
  upgradesPerUser: number;
  /** Upgrades to one cluster that are open. */
  upgradesPerCluster: number;
  /**
   * Of the streams of one cluster, and of its upgrades, what one user may hold, in percent; 100 is
   * all.
   */
  userShare: number;
  /** Dials of one cluster's agent in a second; ten times as many at once. */
  attachesPerSecond: number;
}

/** What a hub without flags has. */
export const DEFAULT_CALLER_LIMITS: Readonly<CallerLimits> = {
  requestsPerUser: 50_000,
  upgradesPerUser: 2_000,
  upgradesPerCluster: 512,
  userShare: 25,
  attachesPerSecond: 1,
};

/** Which limit a caller met; the label of the metric. */
export type LimitReason =
  | "user-requests"
  | "user-upgrades"
  | "user-share"
  | "cluster-streams"
  | "cluster-upgrades"
  | "attaches";

/** Options of {@linkcode CallerLimiter}. */
export interface CallerLimiterOptions {
  /** @default {DEFAULT_CALLER_LIMITS} */
  limits?: Partial<CallerLimits>;
  /** Streams that a cluster's agent takes at a time, by its HELLO; `undefined` while it is away. */
  streamsOf: (clusterId: string) => number | undefined;
  /** Told of each refusal. */
  onRefused?: (reason: LimitReason) => void;
  /** A clock that never goes back, in milliseconds. @default {performance.now} */
  now?: () => number;
}

/** Who wants to reach which cluster. */
export interface Wanted {
  /** Who calls. */
  identity: { readonly user: string; readonly uid?: string };
  /** The cluster that was authorised. */
  clusterId: string;
  /** Whether the connection is to be upgraded. */
  upgrade: boolean;
}

/** What is held; an entry vanishes when both are zero. */
interface Held {
  requests: number;
  upgrades: number;
}

const SHOWN_CHARS = 128;
/** Dials that an agent may make at once, in seconds of its rate. */
const ATTACH_BURST_SECONDS = 10;

/**
 * Counts what callers hold. Each slot that is given out is returned exactly once, however often it
 * is disposed of; nothing is kept of a caller who holds none.
 *
 * @example
 * ```ts
 * import { CallerLimiter } from "./limits.ts";
 * const limiter = new CallerLimiter({ streamsOf: () => 1024 });
 * const wanted = { identity: { user: "ann" }, clusterId: "a", upgrade: false };
 * {
 *   using _slot = limiter.enter(wanted);
 *   limiter.size; // 3: ann, the cluster, ann's share of the cluster
 * }
 * limiter.size; // 0
 * ```
 */
export class CallerLimiter {
  readonly #limits: CallerLimits;
  readonly #streamsOf: CallerLimiterOptions["streamsOf"];
  readonly #onRefused: (reason: LimitReason) => void;
  readonly #attaches: RateByKey;
  readonly #users = new Map<string, Held>();
  readonly #clusters = new Map<string, Held>();
  /** By cluster and user. */
  readonly #shares = new Map<string, Held>();

  /** Makes one that nobody holds anything of. */
  constructor(
    { limits, streamsOf, onRefused = () => {}, now = () => performance.now() }:
      CallerLimiterOptions,
  ) {
    this.#limits = { ...DEFAULT_CALLER_LIMITS, ...limits };
    this.#streamsOf = streamsOf;
    this.#onRefused = onRefused;
    const perSecond = this.#limits.attachesPerSecond;
    this.#attaches = new RateByKey({ perSecond, burst: perSecond * ATTACH_BURST_SECONDS, now });
  }

  /** Entries that are kept, of users, clusters and shares. */
  get size(): number {
    return this.#users.size + this.#clusters.size + this.#shares.size;
  }

  /**
   * Takes a slot.
   *
   * @returns the slot; to dispose of it returns it
   * @throws {StatusError} 429 that says which limit is met, whose, and which flag raises it
   */
  enter({ identity, clusterId, upgrade }: Wanted): Disposable {
    const user = `${identity.user}\0${identity.uid ?? ""}`;
    const share = `${clusterId}\0${user}`;
    this.#check(identity.user, clusterId, upgrade, {
      user: this.#users.get(user),
      cluster: this.#clusters.get(clusterId),
      share: this.#shares.get(share),
    });
    const field = upgrade ? "upgrades" : "requests";
    const taken: [Map<string, Held>, string][] = [
      [this.#users, user],
      [this.#clusters, clusterId],
      [this.#shares, share],
    ];
    for (const [map, key] of taken) take(map, key, field);
    let open = true;
    return {
      [Symbol.dispose]: (): void => {
        if (!open) return;
        open = false;
        for (const [map, key] of taken) give(map, key, field);
      },
    };
  }

  /**
   * Counts a dial of a cluster's agent.
   *
   * @throws {StatusError} 429 when the agent dials too often
   */
  attach(clusterId: string): void {
    if (this.#limits.attachesPerSecond === 0 || this.#attaches.take(clusterId)) return;
    this.#refuse(
      "attaches",
      `The agent of cluster ${clusterId} dials too often: at most ` +
        `${this.#limits.attachesPerSecond} times a second. Look for a second agent with its ` +
        "credentials, or raise --max-attaches-per-second of the hub",
    );
  }

  #check(
    user: string,
    clusterId: string,
    upgrade: boolean,
    held: Record<"user" | "cluster" | "share", Held | undefined>,
  ): void {
    const { requestsPerUser, upgradesPerUser, upgradesPerCluster, userShare } = this.#limits;
    const who = `User "${shown(user)}"`;
    if (upgrade && reached(held.user?.upgrades, upgradesPerUser)) {
      this.#refuse(
        "user-upgrades",
        `${who} has ${upgradesPerUser} shells, port-forwards and other upgrades open over all ` +
          "clusters, as many as one user may: end some, or raise --max-upgrades-per-user of the hub",
      );
    }
    if (!upgrade && reached(held.user?.requests, requestsPerUser)) {
      this.#refuse(
        "user-requests",
        `${who} has ${requestsPerUser} requests under way over all clusters, as many as one user ` +
          "may: end some watches or logs, or raise --max-requests-per-user of the hub",
      );
    }
    const streams = this.#streamsOf(clusterId);
    const raise = "or raise --max-user-share of the hub";
    if (streams !== undefined && reached(sum(held.share), part(streams, userShare))) {
      this.#refuse(
        "user-share",
        `${who} holds ${sum(held.share)} of the ${streams} streams of cluster ${clusterId}, as ` +
          `many as one user may (${userShare} %): end some watches or logs, ${raise}`,
      );
    }
    if (streams !== undefined && sum(held.cluster) >= streams) {
      this.#refuse(
        "cluster-streams",
        `The tunnel of cluster ${clusterId} carries ${streams} requests, as many as its agent ` +
          "takes: end some watches or logs, or try again",
      );
    }
    if (!upgrade) return;
    const most = part(upgradesPerCluster, userShare);
    if (upgradesPerCluster > 0 && reached(held.share?.upgrades, most)) {
      this.#refuse(
        "user-share",
        `${who} holds ${most} of the ${upgradesPerCluster} shells, port-forwards and other ` +
          `upgrades of cluster ${clusterId}, as many as one user may (${userShare} %): end some, ` +
          raise,
      );
    }
    if (reached(held.cluster?.upgrades, upgradesPerCluster)) {
      this.#refuse(
        "cluster-upgrades",
        `Cluster ${clusterId} has ${upgradesPerCluster} shells, port-forwards and other upgrades ` +
          "open, as many as it may: end some, or raise --max-upgrades-per-cluster of the hub",
      );
    }
  }

  #refuse(reason: LimitReason, message: string): never {
    this.#onRefused(reason);
    throw new StatusError(failure(429, message, {
      retryAfterSeconds: 1,
      causes: [{ reason, message: "a limit of the hub" }],
    }));
  }
}

function reached(held: number | undefined, limit: number): boolean {
  return limit > 0 && (held ?? 0) >= limit;
}

/** A part in percent, never nothing of something. */
function part(whole: number, percent: number): number {
  return Math.max(Math.floor(whole * percent / 100), Math.min(whole, 1));
}

function sum(held: Held | undefined): number {
  return held === undefined ? 0 : held.requests + held.upgrades;
}

function take(map: Map<string, Held>, key: string, field: keyof Held): void {
  const held = map.get(key);
  if (held !== undefined) held[field]++;
  else map.set(key, { requests: 0, upgrades: 0, [field]: 1 });
}

function give(map: Map<string, Held>, key: string, field: keyof Held): void {
  const held = map.get(key)!;
  held[field]--;
  if (sum(held) === 0) map.delete(key);
}

function shown(user: string): string {
  return user.length <= SHOWN_CHARS ? user : `${user.slice(0, SHOWN_CHARS)}...`;
}
