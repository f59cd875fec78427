/**
 * A serving certificate with its key.
 *
 * @module
 */
import { createPublicKey, X509Certificate } from "node:crypto";

/** Certificate chain and key, PEM. */
export interface ServingPair {
  /** Leaf first. */
  cert: string;
  /** Key of the leaf. */
  key: string;
}

/**
 * Checks that both can be read and belong together. A TLS server takes anything without a word,
 * and then every handshake hangs.
 *
 * @throws {TypeError} when they do not; {@linkcode Error} of node when one cannot be read
 */
export function checkPair({ cert, key }: ServingPair): void {
  const leaf = new X509Certificate(cert);
  const spki = { type: "spki", format: "der" } as const;
  if (!leaf.publicKey.export(spki).equals(createPublicKey(key).export(spki))) {
    throw new TypeError("the key does not belong to the certificate");
  }
}
