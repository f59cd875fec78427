/**
 * What an approved request gets: its access, its token, and a status that says so.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  ClusterRegistrationRequestStatus,
  ManagedCluster,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { NAMESPACES } from "../../shared/kube/resources.ts";
import { type Log, silentLog } from "../../shared/log.ts";
import { grantAccess, type Granted } from "./access.ts";
import { type EventSink, tellApproved, tellIssued } from "./events.ts";
import { type RequestBook, writeStatus } from "./request_book.ts";
import { namespaceName } from "./names.ts";
import type { KubeObject } from "./objects.ts";
import { keyChanged, OtherKeyError } from "./last_key.ts";
import { type Minted, type TokenMint, withCredentials } from "./tokens.ts";
import { type ApprovalMode, approvedByHand, withCondition } from "./verdict.ts";

/** Options of {@linkcode Granter}. */
export interface GranterOptions {
  /** Reaches the parent. */
  client: Pick<KubeClient, "create" | "get" | "getOrUndefined" | "update" | "delete">;
  /** What is known of requests; takes what is written. */
  book: RequestBook;
  /** The ManagedClusters that the watch shows, by `namespace/name`. */
  clusters: { get(key: string): ManagedCluster | undefined; put(cluster: ManagedCluster): void };
  /** Makes tokens. */
  mint: TokenMint;
  /** Who approves. */
  approval: ApprovalMode;
  /** Also put the token into the status in clear, as the original does. */
  legacyCredentials: boolean;
  /** PEM; "" when it is not known. */
  parentCa: () => string | Promise<string>;
  /** Tells the users of the parent. */
  events: EventSink;
  /** A ServiceAccount was made just now: its agent can hold no other token than this. */
  onFreshToken?: (clusterId: string, expiry: string) => void;
  /** Told what became of a request, when that is written. */
  onResult?: (result: "approved" | "denied" | "failed" | "revoked") => void;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** @default {silentLog} */
  log?: Log;
}

/** Grants, and writes down what was granted. */
export class Granter {
  readonly #options: GranterOptions;
  readonly #log: Log;

  /** Makes one that has granted nothing yet. */
  constructor(options: GranterOptions) {
    this.#options = options;
    this.#log = options.log ?? silentLog;
  }

  /**
   * Grants all that a request asks for, or brings it back where something is missing.
   *
   * @param request must have been validated
   * @param expected it was granted before: look before creating
   * @throws {OtherKeyError} when a human has to look first, {OwnershipError} when a name is taken, {SealingError} when the key is none, else what
   * the parent said
   */
  async grant(
    request: ClusterRegistrationRequest,
    expected: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, mint, onFreshToken } = this.#options;
    const startedAt = this.#options.now();
    const mayBeTaken = !expected && !approvedByHand(request);
    const { clusterId, clusterNamespace } = request.spec;
    if (mayBeTaken && clusterNamespace !== undefined) {
      // Another namespace is no way around the one that the id had by default
      const name = namespaceName(clusterId, undefined);
      const before = await client.getOrUndefined<KubeObject>(NAMESPACES, name, { signal });
      if (before !== undefined && keyChanged(before, request)) throw new OtherKeyError(name);
    }
    const granted = await grantAccess(client, request, {
      signal,
      expected,
      careful: request.status?.result === "Failed",
      onNamespace: (namespace) => {
        if (mayBeTaken && keyChanged(namespace, request)) {
          throw new OtherKeyError(namespace.metadata.name!);
        }
      },
      onAccount: async (account): Promise<Minted | undefined> => {
        const { serviceAccount, sealedCredentials } = request.status ?? {};
        const fresh = serviceAccount?.uid !== account.uid || sealedCredentials === undefined ||
          this.outdated(request);
        return fresh ? await mint.mint(request, account, signal) : undefined;
      },
    });
    this.#options.clusters.put(granted.managedCluster);
    const status = await this.#approvedStatus(request, granted);
    if (JSON.stringify(status) === JSON.stringify(request.status)) return;
    await writeStatus(this.#options, request, status, signal);
    if (granted.credentials !== undefined) onFreshToken?.(clusterId, granted.credentials.expiry);
    if (request.status?.result === "Approved") {
      if (granted.credentials !== undefined) {
        tellIssued(this.#options.events, request, granted.credentials.expiry);
      }
      return;
    }
    this.#options.onResult?.("approved");
    this.#log.info("A cluster is registered", {
      cluster: clusterId,
      name: status.managedClusterName,
      namespace: status.dedicatedNamespace,
      tookMs: this.#options.now() - startedAt,
    });
    tellApproved(this.#options.events, { ...request, status }, granted.managedCluster);
  }

  /** Whether a status holds a token in clear and should not, or should and does not. */
  outdated({ status }: ClusterRegistrationRequest): boolean {
    return this.#options.legacyCredentials !== (status?.token !== undefined);
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
}
