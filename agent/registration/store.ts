/**
 * Secret `parent-cluster` in the child: the agent's key pair and its credentials for the parent.
 *
 * @module
 */
import {
  BOOTSTRAPPING_LABEL,
  CLUSTER_ID_LABEL,
  CLUSTER_NAME_LABEL,
  type ObjectMeta,
  PARENT_CLUSTER_SECRET,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { SECRETS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import { isNamespace, isObjectName } from "./sealed.ts";
import { type AgentKey, generateAgentKey, importAgentKey } from "./keys.ts";

/** What lets the agent into the parent. */
export interface Credentials {
  /** ServiceAccount token of the parent; never logged. */
  token: string;
  /** When the token expires, by the parent's clock, in milliseconds since the epoch. */
  expiresAt: number;
  /** PEM of what counts of the parent's CA as the hub knows it; may be empty. */
  caCertificate: string;
  /** Dedicated namespace in the parent. */
  namespace: string;
  /** Name of the ManagedCluster there. */
  managedClusterName: string;
  /** The parent they are for. */
  parentUrl: string;
  /** The cluster they are for. */
  clusterId: string;
}

/** What the Secret holds. */
export interface Stored {
  key: AgentKey;
  credentials?: Credentials;
  /** The hub's last word on how to spread the way back, in milliseconds. */
  reconnectSpreadMs?: number;
}

interface SecretObject {
  apiVersion: "v1";
  kind: "Secret";
  metadata: ObjectMeta;
  type?: string;
  data?: Record<string, string>;
}

/** Keys of the Secret's data; `ca.crt`, `token`, `namespace` as in the original. */
const KEYS = {
  privateKey: "private-key",
  token: "token",
  expiry: "token-expiry",
  ca: "ca.crt",
  namespace: "namespace",
  name: "managed-cluster-name",
  clusterId: "cluster-id",
  parentUrl: "parent-url",
  spread: "reconnect-spread-ms",
} as const;

/** Options of {@linkcode ParentClusterStore}. */
export interface ParentClusterStoreOptions {
  /** Client of the child. */
  client: KubeClient;
  /** The agent's namespace. */
  namespace: string;
}

/** Reads and writes the Secret. */
export class ParentClusterStore {
  readonly #client: KubeClient;
  readonly #namespace: string;
  #key: AgentKey | undefined;

  constructor({ client, namespace }: ParentClusterStoreOptions) {
    this.#client = client;
    this.#namespace = namespace;
  }

  /**
   * Reads what is stored; makes and stores the key pair when there is none yet. Of several agents
   * that start at once all return the same pair: that of the one whose write came first.
   *
   * @param signal ends the wait
   * @returns what is stored
   * @throws {StatusError} when the Secret cannot be read or written; {TypeError} when it holds a
   * broken key
   */
  async load(signal?: AbortSignal): Promise<Stored> {
    const options = { namespace: this.#namespace, ...(signal === undefined ? {} : { signal }) };
    while (true) {
      signal?.throwIfAborted();
      const secret = await this.#client.getOrUndefined<SecretObject>(
        SECRETS,
        PARENT_CLUSTER_SECRET,
        options,
      );
      const data = decodeData(secret?.data);
      if (data[KEYS.privateKey] !== undefined) {
        this.#key = await importAgentKey(data[KEYS.privateKey]!);
        return stored(this.#key, data);
      }
      const key = await generateAgentKey();
      if (await this.#writeKey(secret, key)) return stored(this.#key = key, data);
    }
  }

  /** @returns `false` when another agent was first */
  async #writeKey(secret: SecretObject | undefined, key: AgentKey): Promise<boolean> {
    const data = encodeData({ [KEYS.privateKey]: JSON.stringify(key.privateJwk) });
    try {
      if (secret === undefined) {
        await this.#client.create(SECRETS, this.#object(data), { namespace: this.#namespace });
      } else {
        // A Secret of the original has no key: ours is added, unless somebody else was faster
        await this.#client.patch(SECRETS, PARENT_CLUSTER_SECRET, {
          metadata: { resourceVersion: secret.metadata.resourceVersion },
          data,
        }, { type: "merge", namespace: this.#namespace });
      }
      return true;
    } catch (error) {
      if (isStatus(error, 404, 409)) return false;
      throw error;
    }
  }

  /**
   * Stores credentials beside the key pair.
   *
   * @throws {StatusError} when the Secret cannot be written
   */
  async saveCredentials(credentials: Credentials, clusterName: string): Promise<void> {
    await this.#merge({
      [KEYS.token]: credentials.token,
      [KEYS.expiry]: new Date(credentials.expiresAt).toISOString(),
      [KEYS.ca]: credentials.caCertificate,
      [KEYS.namespace]: credentials.namespace,
      [KEYS.name]: credentials.managedClusterName,
      [KEYS.clusterId]: credentials.clusterId,
      [KEYS.parentUrl]: credentials.parentUrl,
    }, {
      [CLUSTER_ID_LABEL]: credentials.clusterId,
      [CLUSTER_NAME_LABEL]: clusterName,
    });
  }

  /**
   * Remembers the hub's word on how to spread the way back.
   *
   * @throws {StatusError} when the Secret cannot be written
   */
  async saveReconnectSpread(ms: number): Promise<void> {
    await this.#merge({ [KEYS.spread]: String(ms) }, {});
  }

  async #merge(values: Record<string, string>, labels: Record<string, string>): Promise<void> {
    const data = encodeData(values);
    try {
      await this.#client.patch(SECRETS, PARENT_CLUSTER_SECRET, { metadata: { labels }, data }, {
        type: "merge",
        namespace: this.#namespace,
      });
    } catch (error) {
      if (!isStatus(error, 404) || this.#key === undefined) throw error;
      // Somebody deleted it: written anew, with the key that is in use
      const key = encodeData({ [KEYS.privateKey]: JSON.stringify(this.#key.privateJwk) });
      await this.#client.create(SECRETS, this.#object({ ...data, ...key }, labels), {
        namespace: this.#namespace,
      });
    }
  }

  #object(data: Record<string, string>, labels: Record<string, string> = {}): SecretObject {
    return {
      apiVersion: "v1",
      kind: "Secret",
      metadata: {
        name: PARENT_CLUSTER_SECRET,
        namespace: this.#namespace,
        labels: { [BOOTSTRAPPING_LABEL]: "credentials-auto", ...labels },
      },
      type: "Opaque",
      data,
    };
  }
}

function stored(key: AgentKey, data: Record<string, string>): Stored {
  const credentials: Credentials = {
    token: data[KEYS.token] ?? "",
    expiresAt: Date.parse(data[KEYS.expiry] ?? ""),
    caCertificate: data[KEYS.ca] ?? "",
    namespace: data[KEYS.namespace] ?? "",
    managedClusterName: data[KEYS.name] ?? "",
    parentUrl: data[KEYS.parentUrl] ?? "",
    clusterId: data[KEYS.clusterId] ?? "",
  };
  const whole = Number.isFinite(credentials.expiresAt) && credentials.token !== "" &&
    isNamespace(credentials.namespace) && isObjectName(credentials.managedClusterName);
  const spread = Number(data[KEYS.spread] ?? "");
  return {
    key,
    ...(whole ? { credentials } : {}),
    ...(spread > 0 && spread <= 3_600_000 ? { reconnectSpreadMs: spread } : {}),
  };
}

function encodeData(values: Record<string, string>): Record<string, string> {
  const encoder = new TextEncoder();
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, encoder.encode(value).toBase64()]),
  );
}

function decodeData(data: Record<string, string> = {}): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(data)) {
    try {
      values[name] = new TextDecoder().decode(Uint8Array.fromBase64(value));
    } catch {
      // Not base64: no API server stores that; the key counts as absent
    }
  }
  return values;
}
