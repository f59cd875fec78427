/**
 * What the hub knows of all requests: from its watch, and from its own writes where those are
 * newer. The check of who may open a tunnel rests on it.
 *
 * @module
 */
import type { KubeClient } from "../../shared/kube/client.ts";
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
} from "../../shared/kube/clusternet_types.ts";
import { CLUSTER_REGISTRATION_REQUESTS } from "../../shared/kube/resources.ts";
import { LatestCache, type ObjectSource } from "./latest_cache.ts";
import { requestName } from "./names.ts";
import { isApproved } from "./verdict.ts";

/** An agent's ServiceAccount. */
export interface AgentAccount {
  namespace: string;
  name: string;
  uid: string;
}

/** Options of {@linkcode RequestBook}. */
export interface RequestBookOptions {
  source: ObjectSource<ClusterRegistrationRequest>;
  now: () => number;
}

/** See the module text. */
export class RequestBook {
  readonly #cache: LatestCache<ClusterRegistrationRequest>;
  /** UIDs of requests that are being revoked: faster than any write. */
  readonly #blocked = new Set<string>();

  constructor({ source, now }: RequestBookOptions) {
    this.#cache = new LatestCache(source, now);
    source.on({ deleted: ({ metadata }) => void this.#blocked.delete(metadata.uid!) });
  }

  /** By `metadata.name`. */
  byName(name: string): ClusterRegistrationRequest | undefined {
    return this.#cache.get(name);
  }

  /** By cluster id. */
  get(clusterId: string): ClusterRegistrationRequest | undefined {
    return this.#cache.get(requestName(clusterId));
  }

  /** All of them. */
  list(): ClusterRegistrationRequest[] {
    return this.#cache.list();
  }

  /** Notes what a write of this hub answered. */
  put(request: ClusterRegistrationRequest): void {
    this.#cache.put(request);
  }

  /** Refuses a request's agent from this moment on, until the request is deleted. */
  block(requestUid: string): void {
    this.#blocked.add(requestUid);
  }

  /**
   * The ServiceAccount that may open the tunnel of a cluster.
   *
   * @returns `undefined` unless the cluster is approved now
   */
  agentOf(clusterId: string): AgentAccount | undefined {
    const request = this.get(clusterId);
    return request !== undefined && this.#admits(request)
      ? request.status!.serviceAccount
      : undefined;
  }

  /** Whether a cluster of this id is registered and approved; decides between 404 and 503. */
  known(clusterId: string): boolean {
    const request = this.get(clusterId);
    return request !== undefined && this.#admits(request);
  }

  #admits(request: ClusterRegistrationRequest): boolean {
    return isApproved(request) && !this.#blocked.has(request.metadata.uid!);
  }
}

/**
 * Writes the status of a request, and notes the answer in the book.
 *
 * @returns the request as the parent has it now
 * @throws {StatusError} 409 when somebody wrote first, else what the parent said
 */
export async function writeStatus(
  { client, book }: { client: Pick<KubeClient, "update">; book: RequestBook },
  request: ClusterRegistrationRequest,
  status: ClusterRegistrationRequestStatus,
  signal: AbortSignal,
): Promise<ClusterRegistrationRequest> {
  const written = await client.update<ClusterRegistrationRequest>(
    CLUSTER_REGISTRATION_REQUESTS,
    { ...request, status },
    { subresource: "status", signal },
  );
  book.put(written);
  return written;
}
