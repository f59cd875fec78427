/**
 * What a registration needs, and how it may end.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import type { Log } from "../../shared/log.ts";
import type { ParentCredentials } from "./credentials.ts";
import type { AgentKey } from "./keys.ts";
import type { ClusterDescription } from "./request.ts";

/** The parent said no for good: only an admin can change that. */
export class RegistrationRefusedError extends Error {
  override readonly name = "RegistrationRefusedError";
  /** Which no it was. */
  readonly reason: "Denied" | "Revoked";

  constructor(reason: "Denied" | "Revoked", message: string) {
    super(message);
    this.reason = reason;
  }
}

/** How far the registration is; for metrics and health. */
export type RegistrationState =
  | "starting"
  | "waiting-for-token"
  | "unreachable"
  | "pending"
  | "waiting-for-credentials"
  | "failed"
  | "other-key"
  | "registered"
  | "refused";

/** Options of `register`. */
export interface RegisterOptions {
  cluster: ClusterDescription;
  key: AgentKey;
  credentials: Pick<ParentCredentials, "accept" | "retryRefused">;
  /** The parent's URL, for messages. */
  parentUrl: string;
  /** Makes a client of the parent whose requests carry this token. */
  parent: (token: string) => Promise<KubeClient>;
  /** Reads the bootstrap token anew; `undefined` when there is none. */
  bootstrapToken: () => Promise<string | undefined>;
  /** Writes an Event in the child; must not throw. */
  event: (type: "Normal" | "Warning", reason: string, message: string) => void;
  /** Told of each change. */
  onState?: (state: RegistrationState) => void;
  /** Ends the registration. */
  signal: AbortSignal;
  /** Milliseconds since the epoch. @default {Date.now} */
  now?: () => number;
  /** @default {Math.random} */
  random?: () => number;
  /** @default {silentLog} */
  log?: Log;
  /** First wait for the approval, in milliseconds. @default {50} */
  firstPollMs?: number;
  /** Longest wait for the approval, in milliseconds. @default {5_000} */
  maxPollMs?: number;
  /** Longest wait while the parent cannot be reached, in milliseconds. @default {15_000} */
  maxRetryMs?: number;
  /** Longest wait while only an operator can help, in milliseconds. @default {300_000} */
  maxRefusedMs?: number;
}
