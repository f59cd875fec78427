/**
 * The CA of the parent as a file names it.
 *
 * @module
 */
import { createHash, X509Certificate } from "node:crypto";

/** A CA file cannot be used; the message names its flag. */
export class CaFileError extends Error {
  override readonly name = "CaFileError";
}

function certificatesIn(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
}

/**
 * Looks for a CA by the hash of its public key, as kubeadm prints it.
 *
 * @param pem where to look
 * @param hash SHA-256 of the SubjectPublicKeyInfo, lower-case hex
 * @returns PEM of the first that has it
 */
export function certificateOfHash(pem: string, hash: string): string | undefined {
  return certificatesIn(pem).find((block) => {
    try {
      const { publicKey } = new X509Certificate(block);
      const spki = publicKey.export({ type: "spki", format: "der" });
      return createHash("sha256").update(spki).digest("hex") === hash;
    } catch {
      return false; // Not a certificate
    }
  });
}

/**
 * Tells one pinned CA from another.
 *
 * @param pem what is pinned
 * @returns SHA-256 over the public keys (a CA that was renewed with its key is the same one), in hex
 */
export function fingerprint(pem: string): string {
  const hash = createHash("sha256");
  const keys = certificatesIn(pem).map((block) =>
    new X509Certificate(block).publicKey.export({ type: "spki", format: "der" }).toString("hex")
  );
  return hash.update(keys.sort().join()).digest("hex");
}

/**
 * Checks that a text holds certificates.
 *
 * @param pem what the file holds
 * @param file its flag and name, for the message
 * @returns the text; `undefined` for an empty one: deploy/agent mounts such a file when no CA was
 * given, and the system's count then
 * @throws {CaFileError} when it holds something else than whole certificates
 */
export function checkCaFile(pem: string, file: string): string | undefined {
  if (pem.trim() === "") return undefined;
  const blocks = certificatesIn(pem);
  if (blocks.length === 0) {
    throw new CaFileError(`Cannot use ${file}: it holds no certificate in PEM`);
  }
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch {
      throw new CaFileError(`Cannot use ${file}: it holds a broken certificate`);
    }
  }
  return pem;
}
