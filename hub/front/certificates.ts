/**
 * Makes the hub's own certificate authorities, serving and client certificates.
 *
 * @module
 */
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { isIP } from "node:net";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const DAY_MS = 86_400_000;
/** How far other machines' clocks may lag behind. */
const SKEW_MS = 3_600_000;
/** Life of a CA. */
export const CA_LIFE_MS = 3_650 * DAY_MS;
/** Life of a serving certificate. */
export const SERVING_LIFE_MS = 90 * DAY_MS;

/** A CA: PEM certificate and PKCS#8 PEM key. */
export interface CaPair {
  /** PEM; what follows the first certificate is not looked at. */
  cert: string;
  /** PKCS#8 PEM. */
  key: string;
}

/** Reads PKCS#8 PEM. */
function importKey(pem: string): Promise<CryptoKey> {
  const der = x509.PemConverter.decodeFirst(pem);
  return crypto.subtle.importKey("pkcs8", der, ALGORITHM, true, ["sign"]);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(der, "PRIVATE KEY") + "\n";
}

/** 127 random bits, positive (RFC 5280 section 4.1.2.2). */
function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toHex();
}

/** X.509 counts whole seconds. */
function date(ms: number): Date {
  return new Date(Math.floor(ms / 1000) * 1000);
}

/**
 * Makes a CA that signs certificates of servers or clients and nothing below them.
 *
 * @param now milliseconds since the epoch
 * @param name common name, to which the time is added
 * @returns the CA
 */
export async function createCa(now: number, name = "clusternet-hub-ca"): Promise<CaPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name}@${Math.floor(now / 1000)}`,
    notBefore: date(now - SKEW_MS),
    notAfter: date(now + CA_LIFE_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { cert: cert.toString("pem") + "\n", key: await exportKey(keys.privateKey) };
}

interface Leaf {
  /** RFC 4514. */
  subject: string;
  lifeMs: number;
  usage: string;
  names: readonly string[];
}

async function issue(
  ca: CaPair,
  { subject, lifeMs, usage, names }: Leaf,
  now: number,
): Promise<{ cert: string; key: string }> {
  const issuer = new x509.X509Certificate(ca.cert);
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: issuer.subject,
    notBefore: date(now - SKEW_MS),
    notAfter: date(Math.min(now + lifeMs, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: await importKey(ca.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      ...(names.length === 0 ? [] : [
        new x509.SubjectAlternativeNameExtension(
          names.map((value) => ({
            type: isIP(value) === 0 ? "dns" as const : "ip" as const,
            value,
          })),
        ),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { cert: cert.toString("pem") + "\n", key: await exportKey(keys.privateKey) };
}

/**
 * Issues a serving certificate with a key of its own.
 *
 * @param names DNS names and IP addresses, at least one
 * @param now milliseconds since the epoch
 * @returns certificate and key, PEM; the certificate never outlives the CA
 */
export async function issueServing(
  ca: CaPair,
  names: readonly string[],
  now: number,
): Promise<{ cert: string; key: string }> {
  const subject = "CN=clusternet-hub";
  return await issue(ca, { subject, lifeMs: SERVING_LIFE_MS, usage: SERVER_AUTH, names }, now);
}

/**
 * Issues a client certificate with a key of its own.
 *
 * @param user its name and its one group; plain words, they are put into a distinguished name
 * @param lifeMs how long it is valid
 * @param now milliseconds since the epoch
 * @returns certificate and key, PEM; the certificate never outlives the CA
 * @throws {TypeError} when a name needs escaping
 */
export async function issueClient(
  ca: CaPair,
  { name, group }: { name: string; group: string },
  lifeMs: number,
  now: number,
): Promise<{ cert: string; key: string }> {
  for (const word of [name, group]) {
    if (!/^[A-Za-z0-9:._-]+$/.test(word)) throw new TypeError(`Cannot issue to "${word}"`);
  }
  const subject = `CN=${name}, O=${group}`;
  return await issue(ca, { subject, lifeMs, usage: CLIENT_AUTH, names: [] }, now);
}

/**
 * The names a hub is called by.
 *
 * @param namespace of the hub's Service
 * @param more from `--tls-server-names`
 * @returns DNS names and addresses, without duplicates
 */
export function servingNames(namespace: string, more: readonly string[] = []): string[] {
  const service = `clusternet-hub.${namespace}`;
  return [
    ...new Set([
      "localhost",
      "127.0.0.1",
      "::1",
      "clusternet-hub",
      service,
      `${service}.svc`,
      `${service}.svc.cluster.local`,
      ...more,
    ]),
  ];
}
