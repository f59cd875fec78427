/**
 * What tests of the registration need: sealing as the hub does it.
 *
 * @module
 */
import { CompactEncrypt, importJWK } from "jose";
import type { PublicKeyJwk, SealedCredentials } from "../../shared/kube/clusternet_types.ts";

/** A cluster id. */
export const CLUSTER_ID = "dc91021d-2361-4f6d-a404-7c33b9e01118";

/** A token that no log may hold. */
export const SECRET_TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2VjcmV0LXNpZ25hdHVyZQ";

/** What the hub seals. */
export function plainCredentials(change: Partial<SealedCredentials> = {}): SealedCredentials {
  return {
    clusterId: CLUSTER_ID,
    token: SECRET_TOKEN,
    expirationTimestamp: "2030-01-01T00:00:00Z",
    caCertificate: "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n",
    namespace: "clusternet-dhxfs",
    managedClusterName: "clusternet-cluster-dzqkw",
    ...change,
  };
}

/** Seals anything to a key. */
export async function sealTo(
  key: PublicKeyJwk,
  payload: unknown,
  header: { alg: string; enc: string } = { alg: "ECDH-ES", enc: "A256GCM" },
): Promise<string> {
  const plain = new TextEncoder().encode(
    typeof payload === "string" ? payload : JSON.stringify(payload),
  );
  return await new CompactEncrypt(plain).setProtectedHeader(header)
    .encrypt(await importJWK({ ...key }, header.alg));
}
