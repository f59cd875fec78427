/**
 * Bootstrap tokens: Secrets in `kube-system` with which clusters register.
 *
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
 *
 * @module
 */
import {
  BOOTSTRAP_NAMESPACE,
  BOOTSTRAP_PREFIX,
  BOOTSTRAP_TYPE,
  newBootstrapToken,
} from "../../shared/kube/bootstrap_token.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { BOOTSTRAP_GROUP } from "../../shared/kube/clusternet_types.ts";
import { SECRETS } from "../../shared/kube/resources.ts";
import { isStatus } from "../../shared/kube/status.ts";
import type { Secret } from "../../shared/kube/types.ts";

/** A token that was made. */
export interface NewToken {
  /** The public part. */
  id: string;
  /** `id.secret`. */
  token: string;
  /** RFC 3339. */
  expires: string;
}

/** Options of {@linkcode createBootstrapToken}. */
export interface CreateTokenOptions {
  /** The parent. */
  client: Pick<KubeClient, "create">;
  /** Lifetime in milliseconds. */
  ttlMs: number;
  /** For people. */
  description: string;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Random bytes. */
  randomBytes: (length: number) => Uint8Array;
  /** Ends it. */
  signal: AbortSignal;
}

/**
 * Makes a token of the group that may register clusters, and do nothing else.
 *
 * @returns the token; it can never be read again by `token list`
 */
export async function createBootstrapToken(options: CreateTokenOptions): Promise<NewToken> {
  const { client, ttlMs, description, now, randomBytes, signal } = options;
  const expires = new Date(now() + ttlMs).toISOString().replace(/\.\d+Z$/, "Z");
  for (let attempt = 0;; attempt++) {
    const { id, secret } = newBootstrapToken(randomBytes);
    const data: Record<string, string> = {
      description,
      "token-id": id,
      "token-secret": secret,
      expiration: expires,
      "usage-bootstrap-authentication": "true",
      "auth-extra-groups": BOOTSTRAP_GROUP,
    };
    const encoder = new TextEncoder();
    try {
      await client.create(SECRETS, {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: BOOTSTRAP_PREFIX + id, namespace: BOOTSTRAP_NAMESPACE },
        type: BOOTSTRAP_TYPE,
        data: Object.fromEntries(
          Object.entries(data).map(([key, value]) => [key, encoder.encode(value).toBase64()]),
        ),
      }, { fieldManager: "clusternet-ctl", signal });
      return { id, token: `${id}.${secret}`, expires };
    } catch (error) {
      if (!isStatus(error, 409) || attempt === 3) throw error;
    }
  }
}

/** A token without its secret part. */
export interface ListedToken {
  /** The public part. */
  id: string;
  /** RFC 3339; absent for one that never expires. */
  expires?: string;
  /** For people; may be empty. */
  description: string;
}

/**
 * Lists the tokens that may register clusters.
 *
 * @returns without their secret parts, by id
 */
export async function listBootstrapTokens(
  client: Pick<KubeClient, "list">,
  signal: AbortSignal,
): Promise<ListedToken[]> {
  const { items } = await client.list<Secret>(SECRETS, {
    namespace: BOOTSTRAP_NAMESPACE,
    fieldSelector: `type=${BOOTSTRAP_TYPE}`,
    signal,
  });
  return items.map(listed).filter((one) => one !== undefined)
    .sort((a, b) => a.id < b.id ? -1 : 1);
}

function listed({ metadata, type, data = {} }: Secret): ListedToken | undefined {
  const read = (key: string): string => {
    try {
      return new TextDecoder().decode(Uint8Array.fromBase64(data[key] ?? ""));
    } catch {
      return "";
    }
  };
  if (type !== BOOTSTRAP_TYPE || !read("auth-extra-groups").split(",").includes(BOOTSTRAP_GROUP)) {
    return undefined;
  }
  const expires = read("expiration");
  return {
    id: metadata.name?.slice(BOOTSTRAP_PREFIX.length) ?? "",
    description: read("description"),
    ...(expires === "" ? {} : { expires }),
  };
}

/**
 * Deletes a token.
 *
 * @param id its public part
 * @returns `false` when there is none
 */
export async function deleteBootstrapToken(
  client: Pick<KubeClient, "delete">,
  id: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.delete(SECRETS, BOOTSTRAP_PREFIX + id, { namespace: BOOTSTRAP_NAMESPACE, signal });
    return true;
  } catch (error) {
    if (isStatus(error, 404)) return false;
    throw error;
  }
}
