/**
 * The agent's way into the parent and back: stored credentials first, then the bootstrap token.
 *
 * @module
 */
import { withDeadline } from "../../shared/backoff.ts";
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import { isStatus, StatusError } from "../../shared/kube/status.ts";
import { silentLog } from "../../shared/log.ts";
import { ParentCredentials } from "./credentials.ts";
import type { ParentClock } from "./parent_clock.ts";
import { register } from "./register.ts";
import { type RegisterOptions, RegistrationRefusedError } from "./register_options.ts";
import { refusalText, requestName, verdictOf } from "./request.ts";
import { SealedError } from "./sealed.ts";
import type { Credentials, ParentClusterStore, Stored } from "./store.ts";

/** Options of {@linkcode Registration}. */
export interface RegistrationOptions
  extends Omit<RegisterOptions, "key" | "credentials" | "signal"> {
  /** What the Secret held. */
  stored: Stored;
  store: Pick<ParentClusterStore, "saveCredentials">;
  clock: ParentClock;
  /** What counts of the CA that the hub sealed. */
  vetCa?: (pem: string) => string;
  /** Told when credentials are in use, and whether the hub handed them over now. */
  onCredentials?: (credentials: Credentials, fromHub: boolean) => void;
}

/** How long the parent may take to say whether it knows a token, in milliseconds. */
const PROBE_MS = 10_000;

/** Brings credentials, and brings new ones when the parent refuses those. */
export class Registration {
  readonly #options: RegistrationOptions;
  /** Where the credentials in use are found. */
  readonly credentials: ParentCredentials;
  #recovering: Promise<void> | undefined;

  constructor(options: RegistrationOptions) {
    const { stored, cluster, parentUrl, store, clock, vetCa, onCredentials, log } = options;
    this.#options = options;
    this.credentials = new ParentCredentials({
      key: stored.key,
      clusterId: cluster.clusterId,
      clusterName: cluster.clusterName,
      parentUrl,
      store,
      clock,
      probe: async ({ token }) => (await this.#ask(token)).valid,
      ...(vetCa === undefined ? {} : { vetCa }),
      ...(onCredentials === undefined ? {} : { onChange: onCredentials }),
      ...(log === undefined ? {} : { log }),
    });
  }

  /**
   * Brings credentials: stored ones at once, without asking the parent; else registers.
   *
   * @param signal ends it
   * @throws {RegistrationRefusedError} when the parent says no for good; the signal's reason
   */
  async start(signal: AbortSignal): Promise<void> {
    const { stored, log = silentLog, onState } = this.#options;
    if (this.credentials.adopt(stored.credentials)) {
      // By this machine's clock the token may be old, but only the parent knows
      if (this.credentials.fresh || await this.#stillValid(signal)) {
        log.info("Uses the stored credentials for the parent");
        onState?.("registered");
        return;
      }
      log.info("The stored token for the parent has expired; registers again with the same key");
      this.credentials.refuse();
    }
    await this.#register(signal);
  }

  /**
   * The parent answered 401 or 403: finds out why, and registers again when the token is void.
   * Calls that come meanwhile share the work.
   *
   * @param signal ends it
   * @throws {RegistrationRefusedError} when the parent says no for good; the signal's reason
   */
  recover(signal: AbortSignal): Promise<void> {
    return this.#recovering ??= this.#recover(signal).finally(() => this.#recovering = undefined);
  }

  async #recover(signal: AbortSignal): Promise<void> {
    if (this.credentials.current() !== undefined) {
      if (await this.#stillValid(signal)) return;
      (this.#options.log ?? silentLog).warn(
        "The parent refuses the agent's token; registers again with the same key",
      );
      this.credentials.refuse();
    }
    await this.#register(signal);
  }

  async #register(signal: AbortSignal): Promise<void> {
    const { stored } = this.#options;
    await register({
      ...this.#options,
      key: stored.key,
      credentials: this.credentials,
      signal,
    });
  }

  /** Whether the parent still takes the token in use; `true` when it cannot be asked. */
  async #stillValid(signal: AbortSignal): Promise<boolean> {
    const { stored, log = silentLog, cluster, onState, event } = this.#options;
    const current = this.credentials.current();
    if (current === undefined) return false;
    let answer: Answer;
    try {
      answer = await this.#ask(current.token, signal);
    } catch (error) {
      signal.throwIfAborted();
      log.debug("The parent cannot be asked about the token", { error });
      return this.credentials.fresh;
    }
    if (!answer.valid || answer.request === undefined) return answer.valid;
    const verdict = verdictOf(answer.request, stored.key.publicJwk);
    if (verdict.kind === "denied" || verdict.kind === "revoked") {
      const text = refusalText(verdict.kind, verdict.message, cluster.clusterId);
      onState?.("refused");
      const reason = verdict.kind === "denied" ? "Denied" : "Revoked";
      event("Warning", `Registration${reason}`, text);
      throw new RegistrationRefusedError(reason, text);
    }
    if (verdict.kind === "approved" && verdict.sealed !== undefined) {
      try {
        await this.credentials.accept(verdict.sealed);
      } catch (error) {
        if (!(error instanceof SealedError)) {
          log.warn("Fresh credentials are not stored", { error });
        }
      }
    }
    return true;
  }

  /** Reads this cluster's request with a token: the least that shows whether it is known. */
  async #ask(token: string, signal?: AbortSignal): Promise<Answer> {
    const name = requestName(this.#options.cluster.clusterId);
    try {
      const request = await withDeadline(
        PROBE_MS,
        "ask the parent whether it takes the token",
        async (inner) => {
          const client: KubeClient = await this.#options.parent(token);
          return await client.get<ClusterRegistrationRequest>(CLUSTER_REGISTRATION_REQUESTS, name, {
            signal: inner,
          });
        },
        signal,
      );
      return { valid: true, request };
    } catch (error) {
      if (isStatus(error, 401)) return { valid: false };
      // Any other refusal comes after the parent knew who asks
      if (error instanceof StatusError && error.code < 500) return { valid: true };
      throw error;
    }
  }
}

interface Answer {
  valid: boolean;
  request?: ClusterRegistrationRequest;
}
