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
  /** How long an answer is kept. @default {10_000} */
  ttlMs?: number;
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
  readonly #options: Required<Omit<TokenReviewerOptions, "metrics">>;
  readonly #metrics: FrontMetrics | undefined;
  readonly #cache: ReviewCache<Answer>;

  /**
   * Makes a reviewer with an empty cache.
   *
   * @param options what it needs
   */
  constructor(options: TokenReviewerOptions) {
    const { ttlMs = 10_000, deadlineMs = 5_000, now = Date.now, metrics, client, log } = options;
    this.#options = { ttlMs, deadlineMs, now, client, log };
    this.#metrics = metrics;
    this.#cache = new ReviewCache({ ttlMs: () => ttlMs, max: 2048, now });
  }

  /**
   * Judges a token.
   *
   * @returns the identity, or `undefined` when the parent does not know the token
   * @throws {StatusError} 503 when the parent could not be asked
   */
  async review(token: string): Promise<Identity | undefined> {
    const key = createHash("sha256").update(token).digest("base64");
    const { value, fresh } = await this.#cache.get(key, () => this.#ask(token));
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
