/**
 * The agent's key pair: its lasting identity towards the hub (EC P-256, RFC 7517).
 *
 * @module
 */
import * as v from "valibot";
import type { PublicKeyJwk } from "../../shared/kube/clusternet_types.ts";

/** A private key as JWK; a secret. */
export interface PrivateKeyJwk extends PublicKeyJwk {
  d: string;
}

/** The key pair, ready to use. */
export interface AgentKey {
  /** Goes into the registration request. */
  publicJwk: PublicKeyJwk;
  /** Goes into the child's Secret and nowhere else. */
  privateJwk: PrivateKeyJwk;
  /** Opens sealed credentials (ECDH). */
  privateKey: CryptoKey;
}

const ALGORITHM: EcKeyImportParams = { name: "ECDH", namedCurve: "P-256" };
const coordinate = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));
const privateKeySchema = v.object({
  kty: v.literal("EC"),
  crv: v.literal("P-256"),
  x: coordinate,
  y: coordinate,
  d: coordinate,
});

/**
 * Makes a new key pair.
 *
 * @returns the pair
 */
export async function generateAgentKey(): Promise<AgentKey> {
  const pair = await crypto.subtle.generateKey(ALGORITHM, true, ["deriveBits"]) as CryptoKeyPair;
  return await importAgentKey(JSON.stringify(
    await crypto.subtle.exportKey("jwk", pair.privateKey),
  ));
}

/**
 * Reads a stored key pair.
 *
 * @param json a private JWK
 * @returns the pair
 * @throws {TypeError} when it is no EC P-256 private key; the message holds nothing of it
 */
export async function importAgentKey(json: string): Promise<AgentKey> {
  try {
    const { kty, crv, x, y, d } = v.parse(privateKeySchema, JSON.parse(json));
    const privateJwk = { kty, crv, x, y, d };
    const privateKey = await crypto.subtle.importKey("jwk", privateJwk, ALGORITHM, false, [
      "deriveBits",
    ]);
    return { publicJwk: { kty, crv, x, y }, privateJwk, privateKey };
  } catch {
    throw new TypeError(
      'Cannot read "private-key" of Secret parent-cluster: it is no EC P-256 private JWK. Restore ' +
        "it; or delete the Secret, and have an admin of the parent delete this cluster's " +
        "ClusterRegistrationRequest",
    );
  }
}

/**
 * Compares public keys by what they are, whatever else their JWK says.
 *
 * @returns `true` when both are the same key
 */
export function samePublicKey(a: PublicKeyJwk | undefined, b: PublicKeyJwk): boolean {
  return a !== undefined && a.kty === b.kty && a.crv === b.crv && a.x === b.x && a.y === b.y;
}
