/**
 * Revocation: deleting a `ManagedCluster` takes its agent's access away. The finalizer
 * `clusternet.io/revoke` holds the object until that is done, so its absence is the proof.
 *
 * A `ManagedCluster` counts only at the place that its request recorded: one that somebody else made
 * elsewhere revokes nothing, whatever it says of itself.
 *
 * @module
 */
import {
  type ClusterRegistrationRequest,
  type ManagedCluster,
  REQUEST_UID_ANNOTATION,
  REVOKE_FINALIZER,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { CLUSTER_REGISTRATION_REQUESTS, MANAGED_CLUSTERS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { ReconcileResult } from "../../shared/kube/workqueue.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { SessionCode } from "../../shared/tunnel/errors.ts";
import { withdrawAccess } from "../registration/access.ts";
import { deleteIfThere } from "../registration/ensure.ts";
import type { EventSink } from "../registration/events.ts";
import type { LatestCache } from "../registration/latest_cache.ts";
import { requestName, serviceAccountName } from "../registration/names.ts";
import { isClusterOf } from "../registration/objects.ts";
import { type RequestBook, writeStatus } from "../registration/request_book.ts";
import { revokedStatus, trueCondition } from "../registration/verdict.ts";

/** Options of {@linkcode Revoker}. */
export interface RevokerOptions {
  client: Pick<KubeClient, "getOrUndefined" | "update" | "patch" | "delete">;
  book: RequestBook;
  clusters: LatestCache<ManagedCluster>;
  registry: { cut(clusterId: string, code: number, reason: string): void };
  events: EventSink;
  /** Told when it is written that a request is revoked. */
  onRevoked?: () => void;
  now: () => number;
  log?: Log;
}

/** One reconcile for each `ManagedCluster`, by `namespace/name`. */
export class Revoker {
  readonly #options: RevokerOptions;
  readonly #log: Log;

  constructor(options: RevokerOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /**
   * Refuses the agent of a cluster that is being deleted, and cuts its tunnel: at once, before
   * anything is written. Nothing happens for a ManagedCluster that is not its request's.
   */
  cut(cluster: ManagedCluster): void {
    const request = this.#options.book.get(cluster.spec.clusterId);
    if (request !== undefined && isClusterOf(request, cluster)) this.#refuse(request);
  }

  /**
   * Refuses the agent of a request that is being deleted, and cuts its tunnel: at once, however
   * long a finalizer of somebody else holds the request.
   */
  cutRequest(request: ClusterRegistrationRequest): void {
    const { clusterId } = request.spec;
    if (request.metadata.name === requestName(clusterId)) this.#refuse(request);
  }

  #refuse(request: ClusterRegistrationRequest): void {
    const { book, registry } = this.#options;
    book.block(request.metadata.uid!);
    const { clusterId } = request.spec;
    registry.cut(clusterId, SessionCode.REVOKED, "the cluster's registration was revoked");
  }

  /**
   * Revokes a cluster that is being deleted; deletes one whose request is gone.
   *
   * @param key `namespace/name`
   * @throws when the parent refuses or cannot be reached
   */
  async reconcileCluster(
    key: string,
    { signal }: { signal: AbortSignal },
  ): Promise<ReconcileResult | void> {
    const cluster = this.#options.clusters.get(key);
    if (cluster === undefined) return;
    const uid = cluster.metadata.annotations?.[REQUEST_UID_ANNOTATION];
    if (cluster.metadata.deletionTimestamp !== undefined) {
      if (!cluster.metadata.finalizers?.includes(REVOKE_FINALIZER)) return;
      if (uid !== undefined && await this.#isOurs(cluster, uid, signal)) {
        return await this.#revoke(cluster, uid, signal);
      }
      const { namespace, name } = cluster.metadata;
      this.#log.warn("A ManagedCluster that is no request's goes; nothing is revoked", {
        namespace,
        name,
        says: cluster.spec.clusterId,
      });
      return await this.#release(cluster, signal);
    }
    if (uid !== undefined) await this.#deleteOrphan(cluster, uid, signal);
  }

  /**
   * Whether the request of that UID placed this ManagedCluster, or left it behind: no request of
   * that UID may stand that has its place elsewhere.
   *
   * @throws when the parent cannot be asked
   */
  async #isOurs(cluster: ManagedCluster, uid: string, signal: AbortSignal): Promise<boolean> {
    const { client, book } = this.#options;
    const { clusterId } = cluster.spec;
    const known = book.get(clusterId);
    if (known?.metadata.uid === uid) return isClusterOf(known, cluster);
    if (book.list().some(({ metadata }) => metadata.uid === uid)) return false;
    // The watch of requests may be behind: only the parent knows
    const request = await client.getOrUndefined<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      requestName(clusterId),
      { signal },
    );
    return request?.metadata.uid !== uid || isClusterOf(request, cluster);
  }

  async #revoke(cluster: ManagedCluster, uid: string, signal: AbortSignal): Promise<void> {
    const { client, book, events } = this.#options;
    const { clusterId } = cluster.spec;
    this.cut(cluster);
    const request = book.get(clusterId);
    const place = {
      clusterId,
      namespace: cluster.metadata.namespace!,
      managedClusterName: cluster.metadata.name!,
      serviceAccountName: serviceAccountName(clusterId),
    };
    const withdrawn = withdrawAccess(client, place, uid, signal);
    withdrawn.catch(() => {}); // Awaited below
    if (request?.metadata.uid === uid && trueCondition(request, "Revoked") === undefined) {
      await this.#markRevoked(request, signal);
    }
    await withdrawn;
    this.cut(cluster); // What dialled in between
    await this.#release(cluster, signal);
    events.record(cluster, "Warning", "Revoked", "The agent's access to the parent is taken away");
    this.#log.info("A cluster is revoked", { cluster: clusterId });
  }

  async #markRevoked(request: ClusterRegistrationRequest, signal: AbortSignal): Promise<void> {
    const { events, onRevoked, now } = this.#options;
    const status = revokedStatus(request, now());
    try {
      await writeStatus(this.#options, request, status, signal);
    } catch (error) {
      if (isStatus(error, 404)) return; // Deleted too
      throw error;
    }
    onRevoked?.();
    events.record(request, "Warning", "Revoked", status.errorMessage);
  }

  /** Takes the finalizer off: the object goes. */
  async #release(cluster: ManagedCluster, signal: AbortSignal): Promise<void> {
    const { client } = this.#options;
    const { namespace, name, uid } = cluster.metadata;
    // What the watch keeps of an object leaves out the finalizers of others
    const live = await client.getOrUndefined<ManagedCluster>(MANAGED_CLUSTERS, name!, {
      namespace: namespace!,
      signal,
    });
    if (live === undefined || live.metadata.uid !== uid) return;
    const { resourceVersion, finalizers = [] } = live.metadata;
    if (!finalizers.includes(REVOKE_FINALIZER)) return;
    const left = finalizers.filter((finalizer) => finalizer !== REVOKE_FINALIZER);
    const body = { metadata: { resourceVersion, finalizers: left } };
    try {
      await client.patch(MANAGED_CLUSTERS, name!, body, { type: "merge", namespace, signal });
    } catch (error) {
      if (!isStatus(error, 404)) throw error;
    }
  }

  /** The request is gone, or another one took its place: what it granted goes too. */
  async #deleteOrphan(cluster: ManagedCluster, uid: string, signal: AbortSignal): Promise<void> {
    const { client, book } = this.#options;
    const { clusterId } = cluster.spec;
    if (book.get(clusterId)?.metadata.uid === uid) return;
    // The watch of requests may be behind: only the parent knows
    const request = await client.getOrUndefined<ClusterRegistrationRequest>(
      CLUSTER_REGISTRATION_REQUESTS,
      requestName(clusterId),
      { signal },
    );
    if (request?.metadata.uid === uid) return;
    const { namespace, name } = cluster.metadata;
    await deleteIfThere(client, MANAGED_CLUSTERS, name!, {
      namespace: namespace!,
      signal,
      preconditions: { uid: cluster.metadata.uid! },
    });
    this.#log.info("A cluster without a request is deleted", { cluster: clusterId, namespace });
  }
}
