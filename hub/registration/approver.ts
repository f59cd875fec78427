/**
 * The approver: brings what a `ClusterRegistrationRequest` asks for into being. Level-based and
 * idempotent: it looks at what is, never at what happened.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { CLUSTER_REGISTRATION_REQUESTS, MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus, StatusError } from "../../shared/kube/status.ts";
import type { ReconcileResult } from "../../shared/kube/workqueue.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { grantAccess, type Granted, withdrawAccess } from "./access.ts";
import { deleteIfThere, NotYetError, OwnershipError } from "./ensure.ts";
import { filterLabels, type Placement, placementOf } from "./objects.ts";
import type { RequestBook } from "./request_book.ts";
import { checkPublicKey, SealingError } from "./sealing.ts";
import { type Minted, type TokenMint, withCredentials } from "./tokens.ts";
import { invalidRequest } from "./validate.ts";
import {
  type ApprovalMode,
  approvedBy,
  deniedStatus,
  revokedStatus,
  verdictOn,
  withCondition,
} from "./verdict.ts";

/** An object that an Event can speak of. */
export interface EventSubject extends Pick<ManagedCluster, "metadata"> {
  apiVersion: string;
  kind: string;
}

/** Tells the users of the parent what happened to an object. */
export interface EventSink {
  record(
    object: EventSubject,
    type: "Normal" | "Warning",
    reason: string,
    message: string,
  ): void;
}

/** Options of {@linkcode Approver}. */
export interface ApproverOptions {
  client: Pick<KubeClient, "create" | "get" | "getOrUndefined" | "update" | "delete">;
  book: RequestBook;
  /** The ManagedClusters that the watch shows, by `namespace/name`. */
  clusters: { get(key: string): ManagedCluster | undefined; put(cluster: ManagedCluster): void };
  mint: TokenMint;
  approval: ApprovalMode;
  /** Also put the token into the status in clear, as the original does. */
  legacyCredentials: boolean;
  /** PEM; "" when it is not known. */
  parentCa: () => string | Promise<string>;
  events: EventSink;
  /** A ServiceAccount was made just now: its agent can hold no other token than this. */
  onFreshToken?: (clusterId: string, expiry: string) => void;
  /** Told what became of a request, when that is written. */
  onResult?: (result: "approved" | "denied" | "failed" | "revoked") => void;
  now: () => number;
  random: () => number;
  log?: Log;
}

/** A request that failed for a reason that only a human can mend is looked at again this often. */
const RETRY_FAILED_MS = 60_000;
const RETRY_SOON_MS = 250;
/** What was granted is verified within this time of the hub's start, then at this pace. */
const FIRST_VERIFY_MS = 3_600_000;
const VERIFY_EVERY_MS = 6 * 3_600_000;
const MAX_MESSAGE_CHARS = 2_000;

/** See the module text. */
export class Approver {
  readonly #options: ApproverOptions;
  readonly #log: Log;
  /** Deleted requests whose grants are to be withdrawn, by name. */
  readonly #gone = new Map<string, { uid: string; place: Placement }[]>();
  /** When a request's grants are to be verified, by UID. */
  readonly #verifyAt = new Map<string, number>();
  /** UIDs of requests that wait for a human, and were announced. */
  readonly #announced = new Set<string>();

  constructor(options: ApproverOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /** Notes that a request was deleted; the next reconcile of its name withdraws what it granted. */
  forget(request: ClusterRegistrationRequest): void {
    const { name, uid } = request.metadata;
    this.#verifyAt.delete(uid!);
    this.#announced.delete(uid!);
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
    if (request === undefined || request.metadata.deletionTimestamp !== undefined) return;
    switch (verdictOn(request, this.#options.approval)) {
      case "revoked":
        return;
      case "denied":
        return await this.#deny(request, signal);
      case "pending":
        return this.#announce(request);
      case "approved":
        return await this.#approve(request, signal);
    }
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
      await this.#grant(request, approved, signal);
      this.#verifyAt.set(
        request.metadata.uid!,
        this.#options.now() + VERIFY_EVERY_MS * (0.5 + this.#options.random()),
      );
      return { requeueAfterMs: this.#verifyIn(this.#options.book.byName(request.metadata.name!)!) };
    } catch (error) {
      return await this.#onError(request, error, signal);
    }
  }

  async #grant(
    request: ClusterRegistrationRequest,
    expected: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, mint, onFreshToken } = this.#options;
    const startedAt = this.#options.now();
    const granted = await grantAccess(client, request, {
      signal,
      expected,
      onAccount: async (account): Promise<Minted | undefined> => {
        const { serviceAccount, sealedCredentials } = request.status ?? {};
        const fresh = serviceAccount?.uid !== account.uid || sealedCredentials === undefined ||
          this.#legacyChanged(request);
        return fresh ? await mint.mint(request, account, signal) : undefined;
      },
    });
    this.#options.clusters.put(granted.managedCluster);
    const status = await this.#approvedStatus(request, granted);
    if (JSON.stringify(status) === JSON.stringify(request.status)) return;
    await this.#write(request, status, signal);
    const { clusterId } = request.spec;
    if (granted.credentials !== undefined) onFreshToken?.(clusterId, granted.credentials.expiry);
    if (request.status?.result === "Approved") {
      if (granted.credentials !== undefined) this.#tellIssued(request, granted.credentials.expiry);
      return;
    }
    this.#options.onResult?.("approved");
    this.#log.info("A cluster is registered", {
      cluster: clusterId,
      name: status.managedClusterName,
      namespace: status.dedicatedNamespace,
      tookMs: this.#options.now() - startedAt,
    });
    this.#tell(request, status, granted.managedCluster);
  }

  async #approvedStatus(
    request: ClusterRegistrationRequest,
    granted: Granted<Minted | undefined>,
  ): Promise<ClusterRegistrationRequestStatus> {
    const { legacyCredentials, parentCa, approval, now } = this.#options;
    const legacy = legacyCredentials ? { caCertificate: await parentCa() } : undefined;
    const { errorMessage: _, ...status } = granted.credentials === undefined
      ? request.status ?? {}
      : withCredentials(request.status, granted.credentials, legacy);
    const conditions =
      status.conditions?.some(({ type, status }) => type === "Approved" && status === "True")
        ? status.conditions
        : withCondition(status.conditions, {
          type: "Approved",
          status: "True",
          reason: approval === "auto" ? "AutoApproved" : "Approved",
          message: approval === "auto"
            ? "The hub approves every request (--approval=auto)"
            : "It was approved before; to revoke, set Approved=False or Denied=True",
        }, now());
    return {
      ...status,
      dedicatedNamespace: granted.managedCluster.metadata.namespace!,
      managedClusterName: granted.managedCluster.metadata.name!,
      result: "Approved",
      serviceAccount: granted.serviceAccount,
      conditions,
    };
  }

  /** An approved agent was given a token outside of its renewal. */
  #tellIssued(request: ClusterRegistrationRequest, expiry: string): void {
    this.#options.events.record(
      request,
      "Warning",
      "CredentialsIssued",
      "A fresh token beside its renewal (its ServiceAccount was made anew, the status held none, " +
        `or --legacy-credentials changed) is in the status, valid until ${expiry}`,
    );
  }

  #tell(
    request: ClusterRegistrationRequest,
    status: ClusterRegistrationRequestStatus,
    cluster: ManagedCluster,
  ): void {
    const { events } = this.#options;
    const { namespace, name } = cluster.metadata;
    const by = approvedBy({ ...request, status });
    events.record(request, "Normal", "Approved", `Registered as ${namespace}/${name}, ${by}`);
    events.record(cluster, "Normal", "Registered", `By request ${request.metadata.name}`);
    const { refused } = filterLabels(request.spec.clusterLabels);
    if (refused.length === 0) return;
    const keys = refused.slice(0, 10).join(", ");
    events.record(
      request,
      "Warning",
      "LabelsIgnored",
      `An agent may not set these labels: ${keys}`,
    );
  }

  /** How long until the grants are to be verified; not all of a fleet at once after a start. */
  #verifyIn(request: ClusterRegistrationRequest): number {
    const uid = request.metadata.uid!;
    const { now, random } = this.#options;
    if (this.#legacyChanged(request)) return 0;
    const at = this.#verifyAt.get(uid) ?? now() + FIRST_VERIFY_MS * random();
    this.#verifyAt.set(uid, at);
    return Math.max(0, at - now());
  }

  #legacyChanged({ status }: ClusterRegistrationRequest): boolean {
    return this.#options.legacyCredentials !== (status?.token !== undefined);
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
    const message = "Its ManagedCluster was deleted; to register the cluster again, delete this " +
      "request";
    const status = revokedStatus(request, "ManagedClusterDeleted", message, now());
    await this.#write(request, status, signal);
    this.#options.onResult?.("revoked");
    events.record(request, "Warning", "Revoked", message);
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
    await this.#write(request, status, signal);
    this.#options.onResult?.("denied");
    events.record(request, "Warning", "Denied", status.errorMessage!);
    this.#log.info("A registration is denied", { cluster: request.spec.clusterId });
  }

  #announce(request: ClusterRegistrationRequest): void {
    const { name, uid } = request.metadata;
    if (this.#announced.has(uid!)) return;
    this.#announced.add(uid!);
    this.#options.events.record(
      request,
      "Normal",
      "ApprovalPending",
      "Waits for an administrator (--approval=manual). To approve: kubectl patch clsrr " +
        `${name} --subresource=status --type=merge -p ` +
        `'{"status":{"conditions":[{"type":"Approved","status":"True"}]}}'; ` +
        "to revoke later, the same with status False",
    );
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
    if (error instanceof OwnershipError || error instanceof SealingError) {
      const reason = error instanceof OwnershipError ? "NameTaken" : "InvalidKey";
      return await this.#fail(request, reason, error.message, signal);
    }
    // A conflict says that somebody wrote first, nothing more
    if (isStatus(error, 400, 403, 404, 422)) {
      await this.#fail(request, "ParentRefuses", explain(error), signal);
    }
    throw error;
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
    if (!approved && request.status?.errorMessage !== message) {
      const status = { ...request.status, result: "Failed" as const, errorMessage: message };
      await this.#write(request, status, signal);
      this.#options.onResult?.("failed");
      this.#options.events.record(request, "Warning", reason, message);
    }
    this.#verifyAt.set(request.metadata.uid!, this.#options.now() + RETRY_FAILED_MS);
    return { requeueAfterMs: RETRY_FAILED_MS };
  }

  async #write(
    request: ClusterRegistrationRequest,
    status: ClusterRegistrationRequestStatus,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, book } = this.#options;
    const options = { subresource: "status", signal };
    book.put(await client.update(CLUSTER_REGISTRATION_REQUESTS, { ...request, status }, options));
  }
}

/** A refusal of the parent, with what to do about it. */
function explain(error: StatusError): string {
  const hint = error.code === 403
    ? "; apply deploy/hub again: the hub's rights or its admission policy are not those it needs"
    : error.code === 404
    ? "; apply deploy/hub again: namespace clusternet-agents or a CRD is missing"
    : "";
  return `The parent refuses: ${error.message}${hint}`;
}
