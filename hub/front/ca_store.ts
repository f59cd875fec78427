/**
 * Where the hub's own CA is kept, so that it outlives the process and an active and a standby hub
 * share it: a private directory, or a Secret in the hub's namespace.
 *
 * @module
 */
import { join } from "node:path";
import { isStatus } from "../../shared/kube/status.ts";
import { CREATED_BY_LABEL, HUB_FIELD_MANAGER } from "../../shared/kube/clusternet_types.ts";
import { kubeJson, type RawKubeClient } from "./kube_api.ts";

/** The CA as it is kept. */
export interface StoredCa {
  /** PEM; the first certificate signs, the others are still trusted. */
  certs: string;
  /** PKCS#8 PEM of the first. */
  key: string;
  /** What a replacement must name; the store's own. */
  version?: string;
}

/** Another process wrote first: load again. */
export class StoreConflictError extends Error {
  /** Tells it from other errors. */
  override readonly name = "StoreConflictError";
}

/** Keeps one CA. */
export interface CaStore {
  /**
   * Reads it.
   *
   * @returns the CA, or `undefined` when there is none yet
   */
  load(signal?: AbortSignal): Promise<StoredCa | undefined>;
  /**
   * Writes the first CA, or replaces the one given.
   *
   * @throws {StoreConflictError} when another process was faster
   */
  save(ca: StoredCa, replaces: StoredCa | undefined, signal?: AbortSignal): Promise<void>;
}

/** Name of the Secret. */
export const SERVING_SECRET = "clusternet-hub-serving";
const FILE = "serving-ca.pem";
const KEY_BLOCK = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----\n?/;

/**
 * Keeps a CA in a file of a directory: mode 0700, the file 0600, written whole or not at all.
 *
 * @param file name of the file
 * @returns the store
 */
export function directoryStore(directory: string, file: string = FILE): CaStore {
  const path = join(directory, file);
  return {
    async load(): Promise<StoredCa | undefined> {
      try {
        const text = await Deno.readTextFile(path);
        const key = KEY_BLOCK.exec(text)?.[0];
        const certs = text.replace(KEY_BLOCK, "");
        if (key === undefined || !certs.includes("BEGIN CERTIFICATE")) {
          throw new TypeError(`Cannot read ${path}: remove it, and the hub makes a new CA`);
        }
        return { certs, key, version: text };
      } catch (error) {
        if (error instanceof Deno.errors.NotFound) return undefined;
        throw error;
      }
    },
    async save(ca: StoredCa, replaces: StoredCa | undefined): Promise<void> {
      await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
      const temporary = `${path}.${crypto.randomUUID()}`;
      try {
        await Deno.writeTextFile(temporary, ca.key + ca.certs, { mode: 0o600, createNew: true });
        if (replaces === undefined) {
          await Deno.link(temporary, path); // Fails when another process was faster
        } else {
          if (await Deno.readTextFile(path) !== replaces.version) {
            throw new StoreConflictError(`${path} changed meanwhile`);
          }
          await Deno.rename(temporary, path);
        }
      } catch (cause) {
        if (!(cause instanceof Deno.errors.AlreadyExists)) throw cause;
        throw new StoreConflictError(`${path} exists already`, { cause });
      } finally {
        await Deno.remove(temporary).catch(() => {}); // Renamed away is fine too
      }
    },
  };
}

interface Secret {
  apiVersion: "v1";
  kind: "Secret";
  metadata: {
    name: string;
    namespace: string;
    resourceVersion?: string;
    labels?: Record<string, string>;
  };
  type?: string;
  data?: Record<string, string>;
}

const encode = (text: string): string => new TextEncoder().encode(text).toBase64();
const decode = (text: string): string => new TextDecoder().decode(Uint8Array.fromBase64(text));

/**
 * Keeps the CA in Secret `clusternet-hub-serving`. The hub needs `create secrets` in its own
 * namespace, and `get` and `update` on this one name.
 *
 * @returns the store
 */
export function secretStore(client: RawKubeClient, namespace: string): CaStore {
  const collection = `/api/v1/namespaces/${namespace}/secrets`;
  const path = `${collection}/${SERVING_SECRET}`;
  return {
    async load(signal?: AbortSignal): Promise<StoredCa | undefined> {
      let secret: Secret;
      try {
        secret = await kubeJson<Secret>(client, path, signal === undefined ? {} : { signal });
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
      const certs = secret.data?.["ca.crt"];
      const key = secret.data?.["ca.key"];
      if (certs === undefined || key === undefined) {
        throw new TypeError(
          `Cannot read Secret ${namespace}/${SERVING_SECRET}: ca.crt or ca.key is missing; delete ` +
            "it, and the hub makes a new CA",
        );
      }
      const version = secret.metadata.resourceVersion;
      return {
        certs: decode(certs),
        key: decode(key),
        ...(version === undefined ? {} : { version }),
      };
    },
    async save(
      ca: StoredCa,
      replaces: StoredCa | undefined,
      signal?: AbortSignal,
    ): Promise<void> {
      const secret: Secret = {
        apiVersion: "v1",
        kind: "Secret",
        metadata: {
          name: SERVING_SECRET,
          namespace,
          labels: { [CREATED_BY_LABEL]: HUB_FIELD_MANAGER },
          ...(replaces?.version === undefined ? {} : { resourceVersion: replaces.version }),
        },
        type: "Opaque",
        data: { "ca.crt": encode(ca.certs), "ca.key": encode(ca.key) },
      };
      try {
        await kubeJson(client, replaces === undefined ? collection : path, {
          method: replaces === undefined ? "POST" : "PUT",
          body: secret,
          ...(signal === undefined ? {} : { signal }),
        });
      } catch (cause) {
        if (!isStatus(cause, 409)) throw cause;
        throw new StoreConflictError(`Secret ${namespace}/${SERVING_SECRET} changed`, { cause });
      }
    },
  };
}
