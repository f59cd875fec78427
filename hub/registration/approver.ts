/**
 * The approver: decides what becomes of each `ClusterRegistrationRequest`, and when its grants are
 * looked at again. Level-based and idempotent: it looks at what is, never at what happened.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import { MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { ReconcileResult } from "../../shared/kube/workqueue.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { withdrawAccess } from "./access.ts";
import { deleteIfThere, NotYetError, OwnershipError } from "./ensure.ts";
import { explainRefusal, tellPending } from "./events.ts";
import { Granter, type GranterOptions } from "./grant.ts";
import { isClusterOf, type Placement, placementOf } from "./objects.ts";
import { OtherKeyError } from "./last_key.ts";
import { writeStatus } from "./request_book.ts";
import { checkPublicKey, SealingError } from "./sealing.ts";
import { invalidRequest } from "./validate.ts";
import { deniedStatus, revokedStatus, verdictOn } from "./verdict.ts";

/** Options of {@linkcode Approver}. */
export interface ApproverOptions extends GranterOptions {
  /** Spreads looks at what was granted; 0 to 1. */
  random: () => number;
}

/** A request that failed for a reason that only a human can mend is looked at again this often. */
const RETRY_FAILED_MS = 60_000;
const RETRY_SOON_MS = 250;
/** What was granted is verified within this time of the hub's start, then at this pace. */
const FIRST_VERIFY_MS = 3_600_000;
const VERIFY_EVERY_MS = 6 * 3_600_000;
/** Why a request failed after something may have been made for it. */
const GRANT_FAULTS: readonly string[] = ["NameTaken", "ParentRefuses"];
const MAX_MESSAGE_CHARS = 2_000;

/** See the module text. */
export class Approver {
  readonly #options: ApproverOptions;
  readonly #log: Log;
  readonly #granter: Granter;
  /** Deleted requests whose grants are to be withdrawn, by name. */
  readonly #gone = new Map<string, { uid: string; place: Placement }[]>();
  /** When a request's grants are to be verified, by UID. */
  readonly #verifyAt = new Map<string, number>();
  /** UIDs of requests that wait for a human, and were announced. */
  readonly #announced = new Set<string>();
  /** UIDs of requests that are revoked or being deleted, and hold nothing any more. */
  readonly #withdrawn = new Set<string>();

  constructor(options: ApproverOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
    this.#granter = new Granter(options);
  }

  /** Notes that a request was deleted; the next reconcile of its name withdraws what it granted. */
  forget(request: ClusterRegistrationRequest): void {
    const { name, uid } = request.metadata;
    this.#verifyAt.delete(uid!);
    this.#announced.delete(uid!);
    this.#withdrawn.delete(uid!);
    const entries = this.#gone.get(name!) ?? [];
    this.#gone.set(name!, [...entries, { uid: uid!, place: placementOf(request) }]);
  }

  /**
   * Brings the parent in line with one request.
   *
   * @param name of the request
   * @throws when the parent refuses or cannot be reached: to be tried again with back-off
   */
  async reconcileRequest(
    name: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ReconcileResult | void> {
    await this.#withdrawGone(name, signal);
    const request = this.#options.book.byName(name);
    if (request === undefined) return;
    if (request.metadata.deletionTimestamp !== undefined) {
      return await this.#withdrawAll(request, signal);
    }
    switch (verdictOn(request, this.#options.approval)) {
      case "revoked":
        // The hub itself takes the account off as it writes this: here a human wrote it
        if (request.status?.serviceAccount === undefined) return;
        return await this.#withdrawAll(request, signal);
      case "denied":
        return await this.#deny(request, signal);
      case "pending":
        return this.#announce(request);
      case "approved":
        return await this.#approve(request, signal);
    }
  }

  /** A deletion is the withdrawal: a finalizer of somebody else holds the object, not the access. */
  async #withdrawAll(request: ClusterRegistrationRequest, signal: AbortSignal): Promise<void> {
    const { client, book } = this.#options;
    const uid = request.metadata.uid!;
    book.block(uid);
    if (this.#withdrawn.has(uid)) return;
    const place = placementOf(request);
    const { namespace, managedClusterName: name } = place;
    const cluster = await client.getOrUndefined<ManagedCluster>(MANAGED_CLUSTERS, name, {
      namespace,
      signal,
    });
    if (cluster !== undefined && isClusterOf(request, cluster)) {
      const preconditions = { uid: cluster.metadata.uid! };
      await deleteIfThere(client, MANAGED_CLUSTERS, name, { namespace, signal, preconditions });
    }
    await withdrawAccess(client, place, uid, signal);
    this.#withdrawn.add(uid);
    this.#log.info("The access of a request that is revoked or being deleted is withdrawn", {
      cluster: place.clusterId,
    });
  }

  async #withdrawGone(name: string, signal: AbortSignal): Promise<void> {
    for (const entry of this.#gone.get(name) ?? []) {
      await withdrawAccess(this.#options.client, entry.place, entry.uid, signal);
      this.#log.info("The access of a deleted request is withdrawn", {
        cluster: entry.place.clusterId,
      });
      const left = (this.#gone.get(name) ?? []).filter((one) => one !== entry);
      if (left.length === 0) this.#gone.delete(name);
      else this.#gone.set(name, left);
    }
  }

  async #approve(
    request: ClusterRegistrationRequest,
    signal: AbortSignal,
  ): Promise<ReconcileResult | void> {
    const approved = request.status?.result === "Approved";
    if (approved && request.status?.serviceAccount !== undefined) {
      const revoked = await this.#revokeWithoutCluster(request, signal);
      if (revoked) return;
      const wait = this.#verifyIn(request);
      if (wait > 0) return { requeueAfterMs: wait };
    }
    try {
      const fault = invalidRequest(request);
      if (fault !== undefined) return await this.#fail(request, "InvalidRequest", fault, signal);
      await checkPublicKey(request.spec.publicKey);
      await this.#granter.grant(request, approved, signal);
      this.#verifyAt.set(
        request.metadata.uid!,
        this.#options.now() + VERIFY_EVERY_MS * (0.5 + this.#options.random()),
      );
      return { requeueAfterMs: this.#verifyIn(this.#options.book.byName(request.metadata.name!)!) };
    } catch (error) {
      return await this.#onError(request, error, signal);
    }
  }

  /** How long until the grants are to be verified; not all of a fleet at once after a start. */
  #verifyIn(request: ClusterRegistrationRequest): number {
    const uid = request.metadata.uid!;
    const { now, random } = this.#options;
    if (this.#granter.outdated(request)) return 0;
    const at = this.#verifyAt.get(uid) ?? now() + FIRST_VERIFY_MS * random();
    this.#verifyAt.set(uid, at);
    return Math.max(0, at - now());
  }

  /** A ManagedCluster that is gone means revoked, also when its finalizer was taken off by hand. */
  async #revokeWithoutCluster(
    request: ClusterRegistrationRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { client, clusters, book, events, now } = this.#options;
    const { namespace, managedClusterName: name } = placementOf(request);
    if (clusters.get(`${namespace}/${name}`) !== undefined) return false;
    const there = await client.getOrUndefined(MANAGED_CLUSTERS, name, { namespace, signal });
    if (there !== undefined) return false;
    book.block(request.metadata.uid!);
    await withdrawAccess(client, placementOf(request), request.metadata.uid!, signal);
    const status = revokedStatus(request, now());
    await writeStatus(this.#options, request, status, signal);
    this.#options.onResult?.("revoked");
    events.record(request, "Warning", "Revoked", status.errorMessage);
    return true;
  }

  async #deny(request: ClusterRegistrationRequest, signal: AbortSignal): Promise<void> {
    const { client, book, events } = this.#options;
    if (request.status?.result === "Denied" && request.status.serviceAccount === undefined) return;
    if (request.status?.serviceAccount !== undefined) {
      book.block(request.metadata.uid!); // One that never got anything may still be approved
      // Its finalizer cuts the tunnel and withdraws the rest
      const { namespace, managedClusterName } = placementOf(request);
      await deleteIfThere(client, MANAGED_CLUSTERS, managedClusterName, { namespace, signal });
      await withdrawAccess(client, placementOf(request), request.metadata.uid!, signal);
    }
    const status = deniedStatus(request);
    await writeStatus(this.#options, request, status, signal);
    this.#options.onResult?.("denied");
    events.record(request, "Warning", "Denied", status.errorMessage!);
    this.#log.info("A registration is denied", { cluster: request.spec.clusterId });
  }

  #announce(request: ClusterRegistrationRequest): void {
    const { name, uid } = request.metadata;
    if (this.#announced.has(uid!)) return;
    this.#announced.add(uid!);
    tellPending(this.#options.events, request);
    this.#log.info("A registration waits for approval", { request: name });
  }

  async #onError(
    request: ClusterRegistrationRequest,
    error: unknown,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    signal.throwIfAborted();
    if (error instanceof NotYetError) {
      this.#log.info("A registration has to wait", { request: request.metadata.name, error });
      return { requeueAfterMs: RETRY_SOON_MS };
    }
    if (error instanceof OtherKeyError) return await this.#awaitHuman(request, error, signal);
    if (error instanceof OwnershipError || error instanceof SealingError) {
      const reason = error instanceof OwnershipError ? "NameTaken" : "InvalidKey";
      return await this.#fail(request, reason, error.message, signal);
    }
    // A conflict says that somebody wrote first, nothing more
    if (isStatus(error, 400, 403, 404, 422)) {
      await this.#fail(request, "ParentRefuses", explainRefusal(error), signal);
    }
    throw error;
  }

  /** A known id with another key: pending, also with --approval=auto. */
  async #awaitHuman(
    request: ClusterRegistrationRequest,
    { message }: OtherKeyError,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    if (request.status?.errorMessage !== message) {
      const { result: _, ...rest } = request.status ?? {};
      await writeStatus(this.#options, request, { ...rest, errorMessage: message }, signal);
      this.#options.events.record(request, "Warning", "ApprovalPending", message);
      this.#log.warn("A known cluster id asks with another key, and waits for approval", {
        request: request.metadata.name,
      });
    }
    return { requeueAfterMs: RETRY_FAILED_MS }; // The namespace may be deleted
  }

  async #fail(
    request: ClusterRegistrationRequest,
    reason: string,
    fault: string,
    signal: AbortSignal,
  ): Promise<ReconcileResult> {
    const message = fault.slice(0, MAX_MESSAGE_CHARS);
    this.#log.warn("A registration failed", { request: request.metadata.name, reason, message });
    // What works is not broken because it could not be verified
    const approved = request.status?.result === "Approved";
    if (!approved && GRANT_FAULTS.includes(reason)) {
      const { client } = this.#options;
      await withdrawAccess(client, placementOf(request), request.metadata.uid!, signal);
    }
    if (!approved && request.status?.errorMessage !== message) {
      const status = { ...request.status, result: "Failed" as const, errorMessage: message };
      await writeStatus(this.#options, request, status, signal);
      this.#options.onResult?.("failed");
      this.#options.events.record(request, "Warning", reason, message);
    }
    this.#verifyAt.set(request.metadata.uid!, this.#options.now() + RETRY_FAILED_MS);
    return { requeueAfterMs: RETRY_FAILED_MS };
  }
}
