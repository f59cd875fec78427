/**
 * The CA of the parent as a file names it.
 *
 * @module
 */
import { X509Certificate } from "node:crypto";

/** A CA file cannot be used; the message names its flag. */
export class CaFileError extends Error {
  override readonly name = "CaFileError";
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
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
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
