/**
 * Keeps every agent's token fresh: in the status of its request, where an agent that was away
 * finds it, and down the tunnel of one that is there.
 *
 * @module
 */
import type { ClusterRegistrationRequest } from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import type { ReconcileResult } from "../../shared/kube/workqueue.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { deliverCredentials, DeliveryError, type OpensStreams } from "./deliver.ts";
import { idHash } from "./names.ts";
import { type RequestBook, writeStatus } from "./request_book.ts";
import { type TokenMint, withCredentials } from "./tokens.ts";
import { isApproved } from "./verdict.ts";

/** Options of {@linkcode Renewer}. */
export interface RenewerOptions {
  client: Pick<KubeClient, "update">;
  book: RequestBook;
  mint: TokenMint;
  /** The tunnels. */
  registry: { session(clusterId: string): OpensStreams | undefined };
  legacyCredentials: boolean;
  /** PEM; "" when it is not known. */
  parentCa: () => string | Promise<string>;
  /** Told of each renewal. */
  onRotated?: (request: ClusterRegistrationRequest) => void;
  /** Told when an agent took a token down its tunnel that it did not have before. */
  onDelivered?: (request: ClusterRegistrationRequest, expiry: string) => void;
  /** Told when a renewal failed; it is tried again. */
  onFailed?: () => void;
  now: () => number;
  log?: Log;
}

/** Longest time between two looks; timers cannot wait longer than 24 days. */
const MAX_WAIT_MS = 12 * 3_600_000;
const MIN_WAIT_MS = 1_000;
const RETRY_DELIVERY_MS = 60_000;
/** A fleet that registered at once is not renewed at once: it is spread over this part of a life. */
const SPREAD = 0.04;

/** One reconcile for each request, beside the approver's. */
export class Renewer {
  readonly #options: RenewerOptions;
  readonly #log: Log;
  /** Expiry of the token that an agent is known to hold. */
  readonly #delivered = new Map<string, string>();

  constructor(options: RenewerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /** Notes that the agent of a new ServiceAccount can hold no token but this one. */
  noteFresh(clusterId: string, expiry: string): void {
    this.#delivered.set(clusterId, expiry);
  }

  /** Forgets a cluster. */
  forget(clusterId: string): void {
    this.#delivered.delete(clusterId);
  }

  /**
   * Renews the token of one request when it is due, and hands the latest to a connected agent that
   * may not have it yet.
   *
   * @param name of the request
   * @throws when the parent refuses or cannot be reached
   */
  async reconcileToken(
    name: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ReconcileResult | void> {
    const { book, registry, now } = this.#options;
    const request = book.byName(name);
    if (request === undefined || !isApproved(request)) return;
    const { clusterId } = request.spec;
    const connected = registry.session(clusterId) !== undefined;
    let status = request.status!;
    // After the hub's start nothing is known, and all are given again what they have
    let fresh = this.#delivered.has(clusterId);
    if (this.#renewAt(request, connected) <= now()) {
      try {
        status = (await this.#renew(request, signal)).status!;
        fresh = true;
      } catch (error) {
        // A conflict says that somebody wrote first, an abort that the term ended: no failures
        if (!signal.aborted && !isStatus(error, 409)) this.#options.onFailed?.();
        throw error;
      }
    }
    const session = registry.session(clusterId);
    const { sealedCredentials: sealed, sealedCredentialsExpiry: expiry } = status;
    if (
      session !== undefined && sealed !== undefined && this.#delivered.get(clusterId) !== expiry
    ) {
      try {
        await deliverCredentials(session, sealed, signal);
        this.#delivered.set(clusterId, expiry!);
        if (fresh) this.#options.onDelivered?.(request, expiry!);
      } catch (error) {
        if (!(error instanceof DeliveryError)) throw error;
        this.#log.warn("An agent could not be given its fresh credentials", {
          cluster: clusterId,
          error,
        });
        return { requeueAfterMs: RETRY_DELIVERY_MS };
      }
    }
    const due = this.#renewAt({ ...request, status }, session !== undefined) - now();
    return { requeueAfterMs: Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, due)) };
  }

  #renewAt(request: ClusterRegistrationRequest, connected: boolean): number {
    const { mint } = this.#options;
    const share = parseInt(idHash(request.spec.clusterId).slice(0, 6), 16) / 0xffffff;
    const at = mint.renewAt(request.status?.sealedCredentialsExpiry, connected);
    return at - share * SPREAD * mint.lifeMs;
  }

  async #renew(
    request: ClusterRegistrationRequest,
    signal: AbortSignal,
  ): Promise<ClusterRegistrationRequest> {
    const { mint, legacyCredentials, parentCa, onRotated } = this.#options;
    const minted = await mint.mint(request, request.status!.serviceAccount!, signal);
    const legacy = legacyCredentials ? { caCertificate: await parentCa() } : undefined;
    const status = withCredentials(request.status, minted, legacy);
    const renewed = await writeStatus(this.#options, request, status, signal);
    this.#log.info("A token is renewed", {
      cluster: request.spec.clusterId,
      validUntil: minted.expiry,
    });
    onRotated?.(renewed);
    return renewed;
  }
}
