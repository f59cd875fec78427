/**
 * Judges bearer tokens of direct callers by asking the parent (TokenReview).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { DeadlineError, withDeadline } from "../../shared/backoff.ts";
import { isStatus, StatusError } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import type { FrontMetrics } from "./front_metrics.ts";
import type { Identity, TokenAuthenticator } from "./identity.ts";
import { kubeJson, type RawKubeClient } from "./kube_api.ts";
import { ReviewCache } from "./review_cache.ts";

const PATH = "/apis/authentication.k8s.io/v1/tokenreviews";

/** Options of {@linkcode TokenReviewer}. */
export interface TokenReviewerOptions {
  /** Reaches the parent. */
  client: RawKubeClient;
  /** Where failures are written, without the token. */
  log: Log;
  /** Counts reviews. */
  metrics?: FrontMetrics;
  /** How long an identity is kept. @default {10_000} */
  ttlMs?: number;
  /** How long it is kept that a token is not valid. @default {5_000} */
  denyTtlMs?: number;
  /** How long the parent may take. @default {5_000} */
  deadlineMs?: number;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
}

interface TokenReview {
  status?: {
    authenticated?: boolean;
    user?: {
      username?: string;
      uid?: string;
      groups?: string[];
      extra?: Record<string, string[]>;
    };
  };
}

type Answer = { identity?: Identity };

/** Asks the parent; keeps answers for seconds under the SHA-256 of the token, never the token. */
export class TokenReviewer implements TokenAuthenticator {
  readonly #options: Required<Pick<TokenReviewerOptions, "client" | "log" | "deadlineMs" | "now">>;
  readonly #metrics: FrontMetrics | undefined;
  readonly #cache: ReviewCache<Answer>;

  /**
   * Makes a reviewer with an empty cache.
   *
   * @param options what it needs
   */
  constructor(options: TokenReviewerOptions) {
    const { ttlMs = 10_000, denyTtlMs = 5_000, deadlineMs = 5_000, now = Date.now } = options;
    const { metrics, client, log } = options;
    this.#options = { deadlineMs, now, client, log };
    this.#metrics = metrics;
    this.#cache = new ReviewCache({
      ttlMs: ({ identity }) => identity === undefined ? denyTtlMs : ttlMs,
      isYes: ({ identity }) => identity !== undefined,
      max: 2048,
      onRefused: (reason) => metrics?.limited(reason),
      now,
    });
  }

  /**
   * Judges a token. Until it was good once, its question counts for the address that it came
   * from; after that for its user, so that nobody behind the same address stands in its way.
   *
   * @param address remote address of the connection
   * @returns the identity, or `undefined` when the parent does not know the token
   * @throws {StatusError} 429 while too many questions of this address, or of all, are under way;
   * 503 when the parent could not be asked
   */
  async review(token: string, address: string | undefined): Promise<Identity | undefined> {
    const key = createHash("sha256").update(token).digest("base64");
    const asker = (stale: Answer | undefined): string =>
      stale?.identity === undefined
        ? `address ${network(address ?? "")}`
        : `user ${stale.identity.user}`;
    const { value, fresh } = await this.#cache.get(key, asker, () => this.#ask(token));
    if (!fresh) this.#metrics?.review("token", "cached");
    return value.identity;
  }

  async #ask(token: string): Promise<Answer> {
    const { client, deadlineMs, log, now } = this.#options;
    const started = now();
    try {
      const review = await withDeadline(
        deadlineMs,
        "review a token",
        (signal) =>
          kubeJson<TokenReview>(client, PATH, {
            method: "POST",
            body: {
              apiVersion: "authentication.k8s.io/v1",
              kind: "TokenReview",
              spec: { token },
            },
            signal,
          }),
      );
      const identity = identityOf(review);
      const result = identity === undefined ? "denied" : "allowed";
      this.#metrics?.review("token", result, (now() - started) / 1000);
      return identity === undefined ? {} : { identity };
    } catch (error) {
      this.#metrics?.review("token", "error", (now() - started) / 1000);
      log.error("a bearer token could not be reviewed", { error });
      throw StatusError.of(503, `Cannot check the bearer token: ${whyUnavailable(error)}`);
    }
  }
}

/**
 * Says why the parent could not be asked, without its own words.
 *
 * @returns half a sentence with what to do
 */
export function whyUnavailable(error: unknown): string {
  if (isStatus(error, 401, 403)) {
    return "the hub may not ask the parent; bind ClusterRole system:auth-delegator to the hub's " +
      "ServiceAccount";
  }
  if (error instanceof DeadlineError) return "the parent's kube-apiserver did not answer in time";
  return "the parent's kube-apiserver cannot be reached; look at the hub's log";
}

/**
 * Whose an address is: of IPv6 the /64, of which one host has all (RFC 4291 section 2.5.1).
 *
 * @param address as sockets tell it
 * @returns the address itself when it is no IPv6
 */
export function network(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [head = "", tail] = address.replace(/%.*$/, "").toLowerCase().split("::");
  const words = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const after = tail === "" ? [] : tail.split(":");
    while (words.length + after.length < 8) words.push("0");
    words.push(...after);
  }
  return `${words.slice(0, 4).join(":")}::/64`;
}

function identityOf({ status }: TokenReview): Identity | undefined {
  const user = status?.user;
  if (status?.authenticated !== true || user?.username === undefined || user.username === "") {
    return undefined;
  }
  const extra: Identity["extra"] = [];
  for (const [key, values] of Object.entries(user.extra ?? {})) {
    for (const value of values) extra.push([key, value]);
  }
  return {
    user: user.username,
    ...(user.uid === undefined || user.uid === "" ? {} : { uid: user.uid }),
    groups: user.groups ?? [],
    extra,
    via: "token",
  };
}
