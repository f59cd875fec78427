/**
 * Verifies a client certificate against certificate authorities that may change while the
 * connection lives.
 *
 * TLS verified the peer once, at the handshake, and a resumed session not even then. So each
 * request asks again: does a CA that is trusted now vouch for this certificate, at this hour, as
 * a client? The answer is kept for the socket until the CAs change or a certificate of the chain
 * expires.
 *
 * @module
 */
import "reflect-metadata";
import { X509Certificate } from "node:crypto";
import type { DetailedPeerCertificate, TLSSocket } from "node:tls";
import { ExtendedKeyUsageExtension, X509Certificate as ParsedCertificate } from "@peculiar/x509";

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const ANY_USAGE = "2.5.29.37.0";
/** Longest chain: leaf, intermediates, anchor. */
const MAX_CHAIN = 6;
const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** A certificate that presented itself as a client, verified. */
export interface VerifiedPeer {
  /** Last CN of the subject, as Go's crypto/x509 reads it; empty when there is none. */
  commonName: string;
  /** Every O of the subject, in order. */
  organizations: string[];
  /** SHA-256 of the DER, lower-case hex. */
  fingerprint: string;
}

/** A certificate bundle, parsed once. */
export interface Anchors {
  /** The bundle as it came. */
  readonly pem: string;
  /** Its certificates. */
  readonly certificates: readonly X509Certificate[];
}

/**
 * Parses a PEM bundle of trusted certificates.
 *
 * @param pem one certificate or more; empty for none
 * @returns the bundle
 * @throws {TypeError} when it holds text but no certificate, or one that cannot be read
 */
export function parseAnchors(pem: string): Anchors {
  const blocks = pem.match(PEM) ?? [];
  if (blocks.length === 0 && pem.trim() !== "") {
    throw new TypeError("Cannot read the CA bundle: it holds no PEM certificate");
  }
  const certificates = blocks.map((block) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new TypeError("Cannot read the CA bundle: a certificate in it is broken", { cause });
    }
  });
  return { pem: blocks.map((block) => block + "\n").join(""), certificates };
}

/** The certificates a peer sent, leaf first. */
function peerChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (next?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(new X509Certificate(next.raw));
    if (next.issuerCertificate === next) break;
    next = next.issuerCertificate;
  }
  return chain;
}

function validAt(certificate: X509Certificate, now: number): boolean {
  return now >= certificate.validFromDate.getTime() && now <= certificate.validToDate.getTime();
}

function issued(child: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && child.checkIssued(issuer) && child.verify(issuer.publicKey);
}

/**
 * Finds a trusted path from the leaf.
 *
 * @returns when the path ends, in milliseconds since the epoch, or `undefined` without a path
 */
function trustedUntil(
  chain: readonly X509Certificate[],
  anchors: Anchors,
  now: number,
): number | undefined {
  let until = Infinity;
  for (const [index, certificate] of chain.entries()) {
    if (!validAt(certificate, now)) return undefined;
    until = Math.min(until, certificate.validToDate.getTime());
    for (const anchor of anchors.certificates) {
      if (validAt(anchor, now) && issued(certificate, anchor)) {
        return Math.min(until, anchor.validToDate.getTime());
      }
    }
    const issuer = chain[index + 1];
    if (issuer === undefined || !issued(certificate, issuer)) return undefined;
  }
  return undefined;
}

interface Verdict {
  until: number;
  peer: VerifiedPeer | undefined;
}

/** Verifies peers against one set of anchors at a time, with one verdict kept per socket. */
export class PeerVerifier {
  readonly #now: () => number;
  #anchors: Anchors;
  #verdicts = new WeakMap<TLSSocket, Verdict>();

  /**
   * Makes a verifier that has seen nobody yet.
   *
   * @param anchors what is trusted at first
   * @param now milliseconds since the epoch
   */
  constructor(anchors: Anchors, now: () => number = Date.now) {
    this.#anchors = anchors;
    this.#now = now;
  }

  /** What is trusted; setting it forgets every verdict. */
  get anchors(): Anchors {
    return this.#anchors;
  }
  set anchors(anchors: Anchors) {
    if (anchors.pem === this.#anchors.pem) return;
    this.#anchors = anchors;
    this.#verdicts = new WeakMap();
  }

  /**
   * Verifies the peer of a connection.
   *
   * @returns who it is, or `undefined` when it sent no certificate or none that is trusted now
   */
  verify(socket: TLSSocket): VerifiedPeer | undefined {
    // `authorized` alone is no proof: it is true when no certificate was asked for
    if (socket.authorized !== true || this.#anchors.certificates.length === 0) return undefined;
    const kept = this.#verdicts.get(socket);
    if (kept !== undefined && this.#now() < kept.until) return kept.peer;
    const verdict = this.#judge(socket);
    this.#verdicts.set(socket, verdict);
    return verdict.peer;
  }

  #judge(socket: TLSSocket): Verdict {
    const refused: Verdict = { until: Infinity, peer: undefined };
    try {
      const chain = peerChain(socket);
      const leaf = chain[0];
      if (leaf === undefined) return refused;
      const until = trustedUntil(chain, this.#anchors, this.#now());
      if (until === undefined) return refused;
      const parsed = new ParsedCertificate(new Uint8Array(leaf.raw));
      const usages = parsed.getExtension(ExtendedKeyUsageExtension)?.usages;
      if (usages !== undefined && !usages.includes(CLIENT_AUTH) && !usages.includes(ANY_USAGE)) {
        return refused;
      }
      return {
        until,
        peer: {
          commonName: parsed.subjectName.getField("CN").at(-1) ?? "",
          organizations: parsed.subjectName.getField("O"),
          fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
        },
      };
    } catch {
      return refused; // A certificate that cannot be read vouches for nobody
    }
  }
}
