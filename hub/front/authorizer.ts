/**
 * What the caller may do: asks the parent (SubjectAccessReview), so that RBAC on
 * `proxies.clusternet.io` decides who reaches which cluster. Fails closed.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { withDeadline } from "../../shared/backoff.ts";
import { PROXIES_GROUP, PROXIES_VERSION } from "../../shared/kube/clusternet_types.ts";
import { failure, StatusError } from "../../shared/kube/status.ts";
import type { Log } from "../../shared/log.ts";
import type { FrontMetrics } from "./front_metrics.ts";
import type { Identity } from "./identity.ts";
import { kubeJson, type RawKubeClient } from "./kube_api.ts";
import { ReviewCache } from "./review_cache.ts";
import { whyUnavailable } from "./token_review.ts";

const PATH = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/** What is asked for, in the terms of RBAC. */
export type Attributes =
  | {
    kind: "resource";
    verb: string;
    subresource: "" | "proxy" | "attach";
    /** Cluster id as it is routed; empty for the collection. */
    name: string;
  }
  | { kind: "path"; verb: string; path: string };

/** Authorises requests. */
export interface Authorizer {
  /**
   * Resolves when the caller may.
   *
   * @throws {StatusError} 403 that names the missing grant; 429 while too many questions of this
   * user, or of all, are under way; 503 when it could not be checked
   */
  authorize(identity: Identity, attributes: Attributes): Promise<void>;
}

/** Options of {@linkcode createAuthorizer}. */
export interface AuthorizerOptions {
  /** Reaches the parent. */
  client: RawKubeClient;
  /** Where failures are written. */
  log: Log;
  /** Counts reviews. */
  metrics?: FrontMetrics;
  /** How long a yes is kept. @default {10_000} */
  allowTtlMs?: number;
  /** How long a no is kept. @default {5_000} */
  denyTtlMs?: number;
  /** How long the parent may take. @default {5_000} */
  deadlineMs?: number;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
}

interface Verdict {
  allowed: boolean;
  reason: string;
}

interface SubjectAccessReview {
  status?: { allowed?: boolean; denied?: boolean; reason?: string; evaluationError?: string };
}

/**
 * Makes an authorizer over SubjectAccessReview. Group `system:masters` is allowed unasked, as in
 * every aggregated API server: kube-apiserver probes availability that way, also while its own
 * authorization is down.
 *
 * @returns the authorizer
 */
export function createAuthorizer(options: AuthorizerOptions): Authorizer {
  const { client, log, metrics, now = Date.now } = options;
  const { allowTtlMs = 10_000, denyTtlMs = 5_000, deadlineMs = 5_000 } = options;
  const cache = new ReviewCache<Verdict>({
    ttlMs: ({ allowed }) => allowed ? allowTtlMs : denyTtlMs,
    isYes: ({ allowed }) => allowed,
    onRefused: (reason) => metrics?.limited(reason),
    now,
  });

  async function ask(spec: Record<string, unknown>): Promise<Verdict> {
    const started = now();
    try {
      const review = await withDeadline(
        deadlineMs,
        "review access",
        (signal) =>
          kubeJson<SubjectAccessReview>(client, PATH, {
            method: "POST",
            body: { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec },
            signal,
          }),
      );
      const allowed = review.status?.allowed === true && review.status.denied !== true;
      metrics?.review("access", allowed ? "allowed" : "denied", (now() - started) / 1000);
      return { allowed, reason: review.status?.reason ?? "" };
    } catch (error) {
      metrics?.review("access", "error", (now() - started) / 1000);
      log.error("access could not be reviewed; the request is refused", { error });
      throw StatusError.of(503, `Cannot check your rights: ${whyUnavailable(error)}`);
    }
  }

  return {
    async authorize(identity: Identity, attributes: Attributes): Promise<void> {
      if (identity.groups.includes("system:masters")) return;
      const spec = reviewSpec(identity, attributes);
      const key = createHash("sha256").update(JSON.stringify(spec)).digest("base64");
      const { value, fresh } = await cache.get(key, asker(identity), () => ask(spec));
      if (!fresh) metrics?.review("access", "cached");
      if (value.allowed) return;
      metrics?.refused("forbidden");
      throw forbidden(identity, attributes, value.reason);
    },
  };
}

/** Groups and extras do not count: a front proxy's caller may choose some of them. */
function asker({ user, uid = "" }: Identity): string {
  return `${user}\0${uid}`;
}

/** `spec` of the SubjectAccessReview. */
function reviewSpec(identity: Identity, attributes: Attributes): Record<string, unknown> {
  const extra: Record<string, string[]> = Object.create(null);
  for (const [key, value] of identity.extra) (extra[key] ??= []).push(value);
  return {
    user: identity.user,
    ...(identity.uid === undefined ? {} : { uid: identity.uid }),
    groups: identity.groups,
    ...(identity.extra.length === 0 ? {} : { extra }),
    ...(attributes.kind === "path"
      ? { nonResourceAttributes: { path: attributes.path, verb: attributes.verb } }
      : {
        resourceAttributes: {
          group: PROXIES_GROUP,
          version: PROXIES_VERSION,
          resource: "sockets",
          subresource: attributes.subresource,
          name: attributes.name,
          verb: attributes.verb,
        },
      }),
  };
}

/**
 * A 403 in kube-apiserver's words, and what to grant.
 *
 * @param reason what the parent's authorizer said
 * @returns the error, to be thrown by the caller
 */
export function forbidden(
  identity: Pick<Identity, "user">,
  attributes: Attributes,
  reason = "",
): StatusError {
  const user = JSON.stringify(identity.user);
  const because = reason === "" ? "" : `: ${reason}`;
  if (attributes.kind === "path") {
    return StatusError.of(
      403,
      `forbidden: User ${user} cannot ${attributes.verb} path ` +
        `${JSON.stringify(attributes.path)}${because}`,
    );
  }
  const { verb, name, subresource } = attributes;
  const resource = subresource === "" ? "sockets" : `sockets/${subresource}`;
  const names = name === "" ? "" : ` and resourceNames [${JSON.stringify(name)}]`;
  return new StatusError(failure(
    403,
    `sockets.${PROXIES_GROUP} ${JSON.stringify(name)} is forbidden: User ${user} cannot ${verb} ` +
      `resource "${resource}" in API group "${PROXIES_GROUP}" at the cluster scope${because}; ` +
      `to allow it, bind a ClusterRole with apiGroups ["${PROXIES_GROUP}"], resources ` +
      `["${resource}"], verbs ["${verb}"]${names} in the parent`,
    { name, group: PROXIES_GROUP, kind: "sockets" },
  ));
}
