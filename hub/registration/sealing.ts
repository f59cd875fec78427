/**
 * Sealed credentials: only the holder of the private key that stands in a request's
 * `spec.publicKey` can read them (RFC 7516, compact form, ECDH-ES with A256GCM).
 *
 * @module
 */
import { compactDecrypt, CompactEncrypt, importJWK, type JWK } from "jose";
import type { PublicKeyJwk, SealedCredentials } from "../../shared/kube/clusternet_types.ts";

const ALG = "ECDH-ES";
const ENC = "A256GCM";
const CURVE: EcKeyImportParams = { name: "ECDH", namedCurve: "P-256" };

/** Thrown for a public key that nothing can be sealed to. */
export class SealingError extends Error {
  override readonly name = "SealingError";
}

/**
 * Checks that a key is a point on P-256, which a pattern cannot tell.
 *
 * @throws {SealingError} when it is not
 */
export async function checkPublicKey(key: PublicKeyJwk): Promise<void> {
  await encrypt(key, new Uint8Array());
}

/** Importing is not enough: Deno's WebCrypto finds a point off the curve only when it is used. */
async function encrypt(key: PublicKeyJwk, plain: Uint8Array): Promise<string> {
  try {
    // Only these four members: a "d" or "key_ops" from elsewhere has no say here
    const jwk: JsonWebKey = { kty: "EC", crv: "P-256", x: key.x, y: key.y };
    const recipient = await crypto.subtle.importKey("jwk", jwk, CURVE, false, []);
    return await new CompactEncrypt(plain).setProtectedHeader({ alg: ALG, enc: ENC })
      .encrypt(recipient);
  } catch (cause) {
    throw new SealingError(
      "spec.publicKey is no point on P-256: delete the request and let the agent make a new key",
      { cause },
    );
  }
}

/**
 * Seals credentials to an agent's key.
 *
 * @param key `spec.publicKey` of the request
 * @param credentials what only that agent may read
 * @returns a JWE in compact form, about 1.7 KB
 * @throws {SealingError} when the key is no point on P-256
 * @example
 * ```ts
 * import { exportJWK, generateKeyPair } from "jose";
 * import { openSealed, seal } from "./sealing.ts";
 * const pair = await generateKeyPair("ECDH-ES", { crv: "P-256", extractable: true });
 * const { x, y } = await exportJWK(pair.publicKey);
 * const jwe = await seal({ kty: "EC", crv: "P-256", x: x!, y: y! }, {
 *   clusterId: "dc91021d-2361-4f6d-a404-7c33b9e01118",
 *   token: "t",
 *   expirationTimestamp: "2030-01-01T00:00:00Z",
 *   caCertificate: "",
 *   namespace: "clusternet-dhxfs",
 *   managedClusterName: "clusternet-cluster-dzqkw",
 * });
 * const opened = await openSealed(await exportJWK(pair.privateKey), jwe);
 * ```
 */
export async function seal(key: PublicKeyJwk, credentials: SealedCredentials): Promise<string> {
  return await encrypt(key, new TextEncoder().encode(JSON.stringify(credentials)));
}

/**
 * Opens what {@linkcode seal} made; the agent has its own, this one is for tests and tools.
 *
 * @returns the credentials
 * @throws when the key is another, or the text was changed
 */
export async function openSealed(privateKey: JWK, jwe: string): Promise<SealedCredentials> {
  const key = await importJWK({ ...privateKey, kty: "EC" }, ALG);
  const { plaintext } = await compactDecrypt(jwe, key, {
    keyManagementAlgorithms: [ALG],
    contentEncryptionAlgorithms: [ENC],
  });
  return JSON.parse(new TextDecoder().decode(plaintext));
}
