/**
 * The bootstrap token of the join command that a standalone hub prints.
 *
 * @module
 */
import {
  BOOTSTRAP_NAMESPACE,
  BOOTSTRAP_PREFIX,
  BOOTSTRAP_TYPE,
  newBootstrapToken,
} from "../../../shared/kube/bootstrap_token.ts";
import type { KubeClient } from "../../../shared/kube/client.ts";
import { BOOTSTRAP_GROUP } from "../../../shared/kube/clusternet_types.ts";
import { SECRETS } from "../../../shared/kube/resources.ts";
import type { Secret } from "../../../shared/kube/types.ts";

const DESCRIPTION = "Printed by the standalone hub at its start";
/** Lifetime. */
export const JOIN_TOKEN_LIFE_MS = 24 * 3_600_000;
/** A token of an earlier start is printed again while it has so long to live. */
const ENOUGH_MS = 20 * 3_600_000;

/** A token that registers clusters. */
export interface JoinToken {
  /** `id.secret`. */
  token: string;
  /** Milliseconds since the epoch. */
  expires: number;
}

/** Options of {@linkcode joinToken}. */
export interface JoinTokenOptions {
  client: KubeClient;
  /** Milliseconds since the epoch. */
  now: number;
  /** Cryptographically strong. */
  randomBytes: (length: number) => Uint8Array;
}

function text(data: Record<string, string>, key: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(data[key] ?? ""));
}

function read({ type, data = {} }: Secret): JoinToken | undefined {
  if (type !== BOOTSTRAP_TYPE || text(data, "description") !== DESCRIPTION) return undefined;
  const expires = Date.parse(text(data, "expiration"));
  return Number.isNaN(expires)
    ? undefined
    : { token: `${text(data, "token-id")}.${text(data, "token-secret")}`, expires };
}

/**
 * Takes the token of an earlier start, while it is good for most of a day, or makes one.
 *
 * @returns the token
 * @throws {StatusError} when the API refuses it
 */
export async function joinToken(
  { client, now, randomBytes }: JoinTokenOptions,
): Promise<JoinToken> {
  const { items } = await client.list<Secret>(SECRETS, { namespace: BOOTSTRAP_NAMESPACE });
  const kept = items.map(read).find((one) => one !== undefined && one.expires - now > ENOUGH_MS);
  if (kept !== undefined) return kept;
  const { id, secret } = newBootstrapToken(randomBytes);
  const expires = now + JOIN_TOKEN_LIFE_MS;
  await client.create(SECRETS, {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: BOOTSTRAP_PREFIX + id, namespace: BOOTSTRAP_NAMESPACE },
    type: BOOTSTRAP_TYPE,
    stringData: {
      "token-id": id,
      "token-secret": secret,
      "description": DESCRIPTION,
      "expiration": new Date(expires).toISOString().replace(/\.\d+Z$/, "Z"),
      "usage-bootstrap-authentication": "true",
      "usage-bootstrap-signing": "true",
      "auth-extra-groups": BOOTSTRAP_GROUP,
    },
  }, { namespace: BOOTSTRAP_NAMESPACE });
  return { token: `${id}.${secret}`, expires };
}
