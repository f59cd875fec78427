/**
 * Client certificates that pretend to be the parent's front proxy, each wrong in one way.
 *
 * @module
 */
import "reflect-metadata"; // before x509: its dependency injection needs it
import * as x509 from "@peculiar/x509";
import type { Cluster } from "../cluster/cluster.ts";
import { CertificateAuthority, type KeyPair } from "../cluster/pki.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const HOUR_MS = 3_600_000;

/** Common name that `requestheader-allowed-names` of the test bed's parent lists. */
export const FRONT_PROXY = "front-proxy-client";

/** A certificate that signed itself, with the front proxy's subject. */
async function selfSigned(): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: "4242",
    name: [{ CN: [FRONT_PROXY] }],
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ],
  });
  const der = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`,
  };
}

/** Signed by the front proxy's own leaf, which is no authority; both are sent. */
async function signedByLeaf({ pki }: Cluster): Promise<KeyPair> {
  const leaf = await CertificateAuthority.load(pki.frontProxyClient);
  const { cert, key } = await leaf.issue({ commonName: FRONT_PROXY });
  return { cert: cert + pki.frontProxyClient.cert, key };
}

/** @returns each forgery by what is wrong with it */
export async function forgedCertificates(parent: Cluster): Promise<Record<string, KeyPair>> {
  const ours = parent.pki.frontProxyCa;
  const now = Date.now();
  const commonName = FRONT_PROXY;
  const [other, namesake] = await Promise.all([
    CertificateAuthority.create("other-ca"),
    CertificateAuthority.create(`${parent.name}-front-proxy-ca`),
  ]);
  return {
    "of another CA": await other.issue({ commonName }),
    "of a CA that took the right name": await namesake.issue({ commonName }),
    "signed by itself, with the front proxy's subject": await selfSigned(),
    "signed by the front proxy's leaf": await signedByLeaf(parent),
    "expired": await ours.issue({
      commonName,
      notBefore: new Date(now - 48 * HOUR_MS),
      notAfter: new Date(now - HOUR_MS),
    }),
    "not yet valid": await ours.issue({ commonName, notBefore: new Date(now + HOUR_MS) }),
    "good for servers alone": await ours.issue({ commonName, usages: ["server"] }),
    "of a name that is not allowed": await ours.issue({ commonName: "somebody" }),
    "of a name that begins as an allowed one": await ours.issue({ commonName: `${commonName}x` }),
    "of an allowed name in other case": await ours.issue({ commonName: "Front-Proxy-Client" }),
    "without a name, the allowed one as its organization": await ours.issue({
      commonName: "",
      organizations: [commonName],
    }),
  };
}
