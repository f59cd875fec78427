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

/** One certificate of a CA text. */
export interface CaCertificate {
  pem: string;
  /** SHA-256 of the whole certificate, in hex with colons. */
  fingerprint: string;
  /** Whether it is a pinned one, not one that leads there. */
  pinned: boolean;
}

/** What {@linkcode vetCa} found. */
export interface VettedCa {
  /** Each once. */
  counts: CaCertificate[];
  /** Whole certificates that do not lead to the pin; each once. */
  ignored: CaCertificate[];
}

/**
 * Tells which certificates that the hub sealed count: without a pin all, beside one those that are
 * in it and the valid CAs that one of it signed (renewed with its key, or below it). Each one stands
 * for itself: the pinned one vouches for no neighbour.
 *
 * @param pem what the hub sealed; what is no certificate is left out
 * @param pinned PEM; `undefined` without a pin
 * @param now milliseconds since the epoch
 * @returns all whole certificates, parted
 */
export function vetCa(pem: string, pinned: string | undefined, now: number): VettedCa {
  const pins = pinned === undefined ? undefined : parsed(pinned);
  const vetted: VettedCa = { counts: [], ignored: [] };
  for (const [fingerprint, { block, certificate }] of parsed(pem)) {
    const isPinned = pins?.has(fingerprint) ?? false;
    const counts = pins === undefined || isPinned ||
      pins.values().some((pin) => leadsTo(certificate, pin.certificate, now));
    vetted[counts ? "counts" : "ignored"].push({ pem: block, fingerprint, pinned: isPinned });
  }
  return vetted;
}

/** By fingerprint: a bundle may name one twice. */
function parsed(pem: string): Map<string, { block: string; certificate: X509Certificate }> {
  const found = new Map<string, { block: string; certificate: X509Certificate }>();
  for (const block of certificatesIn(pem)) {
    try {
      const certificate = new X509Certificate(block);
      found.set(certificate.fingerprint256, { block, certificate });
    } catch {
      // No certificate: it vouches for nobody, and one that cannot be read must not break the rest
    }
  }
  return found;
}

function leadsTo(certificate: X509Certificate, pin: X509Certificate, now: number): boolean {
  // TLS asks neither of a CA that it was given: a leaf's key, or one given up, would sign for all
  if (!certificate.ca || !(Date.parse(certificate.validTo) > now)) return false;
  try {
    return certificate.checkIssued(pin) && certificate.verify(pin.publicKey);
  } catch {
    return false; // Of another kind of key
  }
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
