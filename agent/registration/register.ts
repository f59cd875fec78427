/**
 * Registers this cluster with the parent: from a bootstrap token to sealed credentials.
 *
 * @module
 */
import { Backoff, delay } from "../../shared/backoff.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { silentLog } from "../../shared/log.ts";
import { ExpiredError, NotStoredError } from "./credentials.ts";
import { hintOf, reasonOf } from "./hints.ts";
import {
  type RegisterOptions,
  RegistrationRefusedError,
  type RegistrationState,
} from "./register_options.ts";
import { buildRequest, refusalText, requestName, verdictOf } from "./request.ts";
import { Sayer } from "../say.ts";
import { SealedError } from "./sealed.ts";

/**
 * Registers, and waits until the hub's sealed credentials are accepted. Faults that may pass are
 * tried again for ever, each with a back-off of its own and said once.
 *
 * @returns resolves when {@linkcode ParentCredentials} holds credentials
 * @throws {RegistrationRefusedError} when the cluster was denied or revoked; the signal's reason
 */
export async function register(options: RegisterOptions): Promise<void> {
  await new Registering(options).run();
}

/** What one try ended with: how to go on. */
type Outcome =
  | { kind: "done" }
  /** Poll again soon: somebody is at work. */
  | { kind: "poll" }
  /** Poll again later. */
  | { kind: "slow-poll" }
  /** Only an operator can help. */
  | { kind: "refused" }
  /** The network, or an API server that starts. */
  | { kind: "unreachable" };

class Registering {
  readonly #options: RegisterOptions;
  readonly #say: Sayer;
  readonly #now: () => number;
  readonly #random: () => number;
  readonly #refused: Backoff;
  readonly #unreachable: Backoff;
  readonly #slow: Backoff;
  readonly #name: string;
  /** `true` once the request is known to stand: then it is only read. */
  #exists = false;
  #pollSince: number | undefined;
  #eventSaid = "";
  #tokenFault = "";

  constructor(options: RegisterOptions) {
    const { log = silentLog, now = Date.now, random = Math.random } = options;
    this.#options = options;
    this.#now = now;
    this.#random = random;
    this.#say = new Sayer({ log, now });
    this.#name = requestName(options.cluster.clusterId);
    this.#refused = new Backoff({ baseMs: 2_000, maxMs: options.maxRefusedMs ?? 300_000, random });
    this.#unreachable = new Backoff({ baseMs: 250, maxMs: options.maxRetryMs ?? 15_000, random });
    this.#slow = new Backoff({ baseMs: 1_000, maxMs: 30_000, random });
  }

  async run(): Promise<void> {
    const { signal, onState } = this.#options;
    while (true) {
      signal.throwIfAborted();
      const token = await this.#token();
      const outcome = token === undefined ? this.#noToken() : await this.#try(token);
      if (outcome.kind === "done" || await this.#oldTokenCounts(outcome)) {
        return onState?.("registered");
      }
      await this.#wait(outcome, token);
    }
  }

  /** Where a bootstrap token does not help, the one that was refused may be good after all. */
  async #oldTokenCounts({ kind }: Outcome): Promise<boolean> {
    if (kind !== "refused") return false;
    try {
      const counts = await this.#options.credentials.retryRefused();
      if (counts) this.#say.say("info", "The parent takes the agent's token again");
      return counts;
    } catch {
      this.#options.signal.throwIfAborted();
      return false; // The parent cannot be asked now
    }
  }

  async #token(): Promise<string | undefined> {
    this.#tokenFault = "no registration token is given";
    try {
      const token = (await this.#options.bootstrapToken())?.trim();
      return token === "" ? undefined : token;
    } catch (error) {
      this.#tokenFault = error instanceof Error ? error.message : String(error);
      return undefined;
    }
  }

  #noToken(): Outcome {
    this.#fault(
      "waiting-for-token",
      `Cannot register with the parent: no valid credentials are stored, and ${this.#tokenFault}. ` +
        "Make a token in the parent and give it with --cluster-reg-token, " +
        "--cluster-reg-token-file or env REG_TOKEN",
    );
    return { kind: "refused" };
  }

  async #try(token: string): Promise<Outcome> {
    try {
      const client = await this.#options.parent(token);
      return await this.#read(await this.#fetch(client));
    } catch (error) {
      this.#options.signal.throwIfAborted();
      if (error instanceof RegistrationRefusedError) throw error;
      return this.#failure(error);
    }
  }

  async #fetch(client: KubeClient): Promise<ClusterRegistrationRequest> {
    const { signal, cluster, key } = this.#options;
    if (!this.#exists) {
      try {
        const made = await client.create<ClusterRegistrationRequest>(
          CLUSTER_REGISTRATION_REQUESTS,
          buildRequest(cluster, key.publicJwk),
          { signal },
        );
        this.#exists = true;
        return made;
      } catch (error) {
        // The normal way back: the request of an earlier run stands
        if (!isStatus(error, 409)) throw error;
      }
    }
    const found = await client.get<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      this.#name,
      { signal },
    );
    this.#exists = true;
    return found;
  }

  async #read(request: ClusterRegistrationRequest): Promise<Outcome> {
    this.#unreachable.reset();
    const verdict = verdictOf(request, this.#options.key.publicJwk);
    const inParent = `in the parent (${this.#options.parentUrl})`;
    switch (verdict.kind) {
      case "approved":
        return await this.#accept(verdict.sealed);
      case "denied":
      case "revoked":
        return this.#end(verdict.kind, verdict.message);
      case "pending":
        this.#options.onState?.("pending");
        this.#sayLate("Waits for the approval of its ClusterRegistrationRequest in the parent");
        return { kind: "poll" };
      case "failed":
        this.#fault(
          "failed",
          `The hub could not set this cluster up; it tries again: ${verdict.message}`,
        );
        return { kind: "slow-poll" };
      case "deleting":
        this.#exists = false;
        this.#say.say("info", `ClusterRegistrationRequest ${this.#name} is being deleted; waits`);
        return { kind: "slow-poll" };
      case "other-key":
        this.#exists = false;
        this.#fault(
          "other-key",
          `ClusterRegistrationRequest ${this.#name} ${inParent} belongs to an agent with another ` +
            "key. If this cluster lost its Secret parent-cluster, an admin of the parent must " +
            `delete that request: kubectl delete clsrr ${this.#name}`,
        );
        return { kind: "refused" };
    }
  }

  async #accept(sealed: string | undefined): Promise<Outcome> {
    if (sealed === undefined) {
      this.#options.onState?.("waiting-for-credentials");
      this.#sayLate("Approved; waits for the hub to seal its credentials");
      return { kind: "poll" };
    }
    try {
      await this.#options.credentials.accept(sealed);
    } catch (error) {
      if (error instanceof NotStoredError) {
        // This run can go on, and the next fetches them again
        (this.#options.log ?? silentLog).error("The credentials are used but not stored", {
          error,
        });
        return { kind: "done" };
      }
      if (!(error instanceof SealedError)) throw error;
      if (error instanceof ExpiredError) {
        this.#fault(
          "waiting-for-credentials",
          `${error.message}; waits for the hub to seal new ones`,
        );
        return { kind: "slow-poll" };
      }
      this.#fault("failed", error.message);
      return { kind: "slow-poll" };
    }
    return { kind: "done" };
  }

  #end(kind: "denied" | "revoked", message: string): never {
    const { clusterId } = this.#options.cluster;
    const text = refusalText(kind, message, clusterId);
    const reason = kind === "denied" ? "Denied" : "Revoked";
    this.#options.onState?.("refused");
    this.#options.event("Warning", `Registration${reason}`, text);
    throw new RegistrationRefusedError(reason, text);
  }

  #failure(error: unknown): Outcome {
    if (isStatus(error, 404) && this.#exists) {
      // Somebody deleted the request while it was read: it is made anew
      this.#exists = false;
      return { kind: "poll" };
    }
    const hint = hintOf(error);
    if (hint !== undefined) {
      this.#fault(isStatus(error, 401) ? "waiting-for-token" : "failed", hint);
      return { kind: isStatus(error, 404) ? "slow-poll" : "refused" };
    }
    this.#options.onState?.("unreachable");
    this.#say.say("warn", `Cannot register; tries again: ${reasonOf(error)}`, {
      parent: this.#options.parentUrl,
    });
    return { kind: "unreachable" };
  }

  #fault(state: RegistrationState, message: string): void {
    this.#options.onState?.(state);
    this.#say.say("error", message);
    if (this.#eventSaid === message) return;
    this.#eventSaid = message;
    this.#options.event("Warning", "RegistrationFailed", message);
  }

  /** Said only when the wait is long: usually the hub answers within a second. */
  #sayLate(message: string): void {
    if (this.#pollSince === undefined || this.#now() - this.#pollSince < 10_000) return;
    this.#say.say("info", message, { request: this.#name });
  }

  /** Waits; a bootstrap token that changed meanwhile is tried at once. */
  async #wait(outcome: Outcome, token: string | undefined): Promise<void> {
    const { signal } = this.#options;
    if (outcome.kind === "poll") {
      this.#pollSince ??= this.#now();
      return await delay(this.#pollMs(this.#now() - this.#pollSince), signal);
    }
    this.#pollSince = undefined;
    const backoff = {
      "slow-poll": this.#slow,
      "refused": this.#refused,
      "unreachable": this.#unreachable,
      "done": this.#slow,
    }[outcome.kind];
    let left = Math.max(backoff.next(), outcome.kind === "refused" ? 1_000 : 100);
    while (left > 0) {
      const step = Math.min(left, 5_000);
      await delay(step, signal);
      left -= step;
      if (left > 0 && await this.#token() !== token) {
        this.#refused.reset();
        return;
      }
    }
  }

  /**
   * A quarter of the time waited so far: a quick approval is seen at once, and no approval is seen
   * later than a quarter too late, at a few requests for each doubling of the wait.
   */
  #pollMs(waitedMs: number): number {
    const { firstPollMs = 50, maxPollMs = 5_000 } = this.#options;
    const ms = Math.min(maxPollMs, Math.max(firstPollMs, waitedMs / 4));
    return ms * (0.8 + 0.4 * this.#random());
  }
}
