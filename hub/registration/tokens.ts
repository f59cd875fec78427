/**
 * Tokens of agents: only the hub mints them (TokenRequest), and it hands them out sealed.
 *
 * @module
 */
import type {
  ClusterRegistrationRequest,
  SealedCredentials,
} from "../../shared/kube/clusternet_types.ts";
import type { KubeClient } from "../../shared/kube/client.ts";
import { placementOf } from "./objects.ts";
import { seal } from "./sealing.ts";

/** What was minted. */
export interface Minted {
  /** JWE to the agent's key. */
  sealed: string;
  /** RFC 3339. */
  expiry: string;
  /** In clear, for `--legacy-credentials` alone. */
  token: string;
}

/** Options of {@linkcode TokenMint}. */
export interface TokenMintOptions {
  client: Pick<KubeClient, "createToken">;
  /** Lifetime to ask for, in milliseconds. */
  ttlMs: number;
  /** PEM of the parent's CA, which goes to the agent with each token; "" when it is not known. */
  parentCa: () => string | Promise<string>;
  now: () => number;
}

const DAY_MS = 86_400_000;
/** The API server's lower bound. */
const MIN_TTL_SECONDS = 600;

/** Mints and seals. */
export class TokenMint {
  readonly #options: TokenMintOptions;
  #grantedMs: number;

  constructor(options: TokenMintOptions) {
    this.#options = options;
    this.#grantedMs = options.ttlMs;
  }

  /** The life of a token as the parent grants it, in milliseconds. */
  get lifeMs(): number {
    return this.#grantedMs;
  }

  /**
   * Mints a token for an agent and seals it to the key of its request.
   *
   * @throws {StatusError} when the parent refuses; {SealingError} when the key is none
   */
  async mint(
    request: ClusterRegistrationRequest,
    account: { namespace: string; name: string },
    signal: AbortSignal,
  ): Promise<Minted> {
    const { client, ttlMs, parentCa, now } = this.#options;
    const expirationSeconds = Math.max(MIN_TTL_SECONDS, Math.ceil(ttlMs / 1000));
    const { namespace, name } = account;
    const [{ token, expirationTimestamp }, caCertificate] = await Promise.all([
      client.createToken(namespace, name, { expirationSeconds }, { signal }),
      parentCa(),
    ]);
    // A parent may grant less than was asked for; without this, each look would find it half used
    this.#grantedMs = Math.min(ttlMs, Date.parse(expirationTimestamp) - now());
    const place = placementOf(request);
    const credentials: SealedCredentials = {
      clusterId: place.clusterId,
      token,
      expirationTimestamp,
      caCertificate,
      namespace: place.namespace,
      managedClusterName: place.managedClusterName,
    };
    const sealed = await seal(request.spec.publicKey, credentials);
    return { sealed, expiry: expirationTimestamp, token };
  }

  /**
   * When a token should be renewed: past half of its life, and while its agent is connected also
   * after a day.
   *
   * @param expiry when it expires, RFC 3339; `undefined` when there is none
   * @returns milliseconds of the hub's clock
   */
  renewAt(expiry: string | undefined, connected: boolean): number {
    const expires = expiry === undefined ? NaN : Date.parse(expiry);
    if (Number.isNaN(expires)) return 0;
    const half = this.#grantedMs / 2;
    return expires - (connected ? Math.max(half, this.#grantedMs - DAY_MS) : half);
  }
}

/**
 * The status of a request with other credentials.
 *
 * @param legacy also in clear, as the original has them
 * @returns the new status; the old one is left as it is
 */
export function withCredentials(
  status: ClusterRegistrationRequest["status"],
  minted: Minted | undefined,
  legacy: { caCertificate: string } | undefined,
): NonNullable<ClusterRegistrationRequest["status"]> {
  const {
    sealedCredentials: _s,
    sealedCredentialsExpiry: _e,
    token: _t,
    caCertificate: _c,
    ...rest
  } = status ?? {};
  if (minted === undefined) return rest;
  return {
    ...rest,
    sealedCredentials: minted.sealed,
    sealedCredentialsExpiry: minted.expiry,
    ...(legacy === undefined ? {} : {
      token: new TextEncoder().encode(minted.token).toBase64(),
      caCertificate: new TextEncoder().encode(legacy.caCertificate).toBase64(),
    }),
  };
}
