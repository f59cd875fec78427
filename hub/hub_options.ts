/**
 * What the hub needs, and what it gives.
 *
 * @module
 */
import type { KubeClient } from "../shared/kube/client.ts";
import type { Log } from "../shared/log.ts";
import type { MetricsRegistry } from "../shared/metrics.ts";
import type { AuditLog } from "./audit/audit_log.ts";
import type { EmbeddedParent } from "./embedded_parent.ts";
import type { HubFlags } from "./flags.ts";

/** Options of `startHub`. */
export interface HubOptions {
  /** As parsed. */
  flags: HubFlags;
  /** Reaches the parent as the hub's ServiceAccount. */
  client: KubeClient;
  /** Absent: a real parent's kube-apiserver stands before the public port. */
  embedded?: EmbeddedParent;
  /** PEM of the parent's API server CA as it is now; goes to the agents with their credentials. */
  parentCa: () => Promise<string>;
  /** Where to write. */
  log: Log;
  /** What `/metrics` shows. */
  registry: MetricsRegistry;
  /** Where requests are told; absent: the audit log is off. Closed by `stop`. */
  audit?: AuditLog;
  /** Unlike any other hub process'. */
  instanceId: string;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** In [0, 1). @default {Math.random} */
  random?: () => number;
}

/** A running hub. */
export interface Hub {
  /** Where the public port listens. */
  readonly address: { host: string; port: number };
  /** Health and metrics, for the plain port. */
  readonly healthApi: (request: Request) => Promise<Response>;
  /**
   * Stops: readiness fails first, agents are told to go, streams may end for `--drain-timeout`.
   * New requests read a 503 with `Retry-After: 1` for 3 s more before the port closes.
   *
   * @param hurry aborts the wait
   */
  stop(hurry?: AbortSignal): Promise<void>;
}
