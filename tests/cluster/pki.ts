/**
 * Certificates of a test cluster: X.509 v3, EC P-256, made in memory in milliseconds.
 *
 * @module
 */
import "reflect-metadata"; // before x509: its dependency injection needs it
import * as x509 from "@peculiar/x509";
import { Buffer } from "node:buffer";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

/** A certificate and its key, both PEM (key: PKCS #8). */
export interface KeyPair {
  /** PEM certificate. */
  cert: string;
  /** PEM private key. */
  key: string;
}

/** What a leaf certificate says. */
export interface LeafOptions {
  /** Common name: the user name of a client. */
  commonName: string;
  /** Organizations: the groups of a client. */
  organizations?: string[];
  /** DNS names a server answers to. */
  dnsNames?: string[];
  /** IP addresses a server answers to. */
  ips?: string[];
  /** What it is good for. @default {["client"]} */
  usages?: ("client" | "server")[];
  /** First moment of validity. @default {a minute ago} */
  notBefore?: Date;
  /** Last moment of validity. @default {in 30 days} */
  notAfter?: Date;
}

async function newKeys(): Promise<CryptoKeyPair> {
  return await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as CryptoKeyPair;
}

async function privatePem(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

async function publicPem(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("spki", key);
  return `${x509.PemConverter.encode(der, "PUBLIC KEY")}\n`;
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = (bytes[0]! & 0x3f) | 0x40; // positive, no leading zero (RFC 5280, 4.1.2.2)
  return Buffer.from(bytes).toString("hex");
}

/**
 * A certificate authority.
 *
 * @example
 * ```ts
 * import { CertificateAuthority } from "./pki.ts";
 * const ca = await CertificateAuthority.create("test-ca");
 * const admin = await ca.issue({ commonName: "admin", organizations: ["system:masters"] });
 * ```
 */
export class CertificateAuthority {
  readonly #keys: CryptoKeyPair;
  readonly #certificate: x509.X509Certificate;

  private constructor(keys: CryptoKeyPair, certificate: x509.X509Certificate) {
    this.#keys = keys;
    this.#certificate = certificate;
  }

  /** @returns a new authority with this common name, valid for a year */
  static async create(commonName: string): Promise<CertificateAuthority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: [{ CN: [commonName] }],
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + 365 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(
          x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign |
            x509.KeyUsageFlags.digitalSignature,
          true,
        ),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new CertificateAuthority(keys, certificate);
  }

  /** @returns an authority read back from what {@linkcode keyPair} gave */
  static async load(pair: KeyPair): Promise<CertificateAuthority> {
    const certificate = new x509.X509Certificate(pair.cert);
    const der = x509.PemConverter.decodeFirst(pair.key);
    const privateKey = await crypto.subtle.importKey("pkcs8", der, ALGORITHM, true, ["sign"]);
    const publicKey = await certificate.publicKey.export(ALGORITHM, ["verify"]);
    return new CertificateAuthority({ privateKey, publicKey }, certificate);
  }

  /** Its certificate, PEM. */
  get pem(): string {
    return `${this.#certificate.toString("pem")}\n`;
  }

  /** @returns certificate and private key, for a file */
  async keyPair(): Promise<KeyPair> {
    return { cert: this.pem, key: await privatePem(this.#keys.privateKey) };
  }

  /** @returns a new certificate signed by this authority, with its key */
  async issue(options: LeafOptions): Promise<KeyPair> {
    const keys = await newKeys();
    const usages = options.usages ?? ["client"];
    const names: { type: "dns" | "ip"; value: string }[] = [
      ...(options.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
      ...(options.ips ?? []).map((value) => ({ type: "ip" as const, value })),
    ];
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: [
        ...(options.organizations ?? []).map((name) => ({ O: [name] })),
        { CN: [options.commonName] },
      ],
      issuer: this.#certificate.subjectName,
      notBefore: options.notBefore ?? new Date(Date.now() - 60_000),
      notAfter: options.notAfter ?? new Date(Date.now() + 30 * DAY_MS),
      signingAlgorithm: ALGORITHM,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension(
          usages.map((usage) =>
            usage === "client" ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth
          ),
        ),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { cert: `${certificate.toString("pem")}\n`, key: await privatePem(keys.privateKey) };
  }
}

/** The key that signs a cluster's ServiceAccount tokens (ES256), PEM. */
export interface ServiceAccountKey {
  /** PKCS #8. */
  private: string;
  /** SubjectPublicKeyInfo. */
  public: string;
}

/** @returns a new ServiceAccount key */
export async function serviceAccountKey(): Promise<ServiceAccountKey> {
  const keys = await newKeys();
  return { private: await privatePem(keys.privateKey), public: await publicPem(keys.publicKey) };
}

/** Everything a control plane needs to start. */
export interface ClusterPki {
  /** Signs servers, clients and kubelets. */
  ca: CertificateAuthority;
  /** Signs the front proxy alone (its client certificate lets it name any user). */
  frontProxyCa: CertificateAuthority;
  /** kube-apiserver's serving certificate. */
  apiserver: KeyPair;
  /** kube-apiserver's client certificate towards kubelets. */
  kubeletClient: KeyPair;
  /** kube-apiserver's client certificate towards aggregated API servers. */
  frontProxyClient: KeyPair;
  /** Serving certificate of the stand-in kubelet. */
  kubelet: KeyPair;
  /** `system:masters`. */
  admin: KeyPair;
  /** kube-controller-manager. */
  controllerManager: KeyPair;
  /** ServiceAccount token key. */
  serviceAccount: ServiceAccountKey;
}

/** @returns a cluster's certificates, all for 127.0.0.1 and `localhost` */
export async function createPki(name: string): Promise<ClusterPki> {
  const [ca, frontProxyCa] = await Promise.all([
    CertificateAuthority.create(`${name}-ca`),
    CertificateAuthority.create(`${name}-front-proxy-ca`),
  ]);
  const server = { usages: ["server" as const], ips: ["127.0.0.1", "::1"] };
  const [apiserver, kubelet, kubeletClient, frontProxyClient, admin, controllerManager, account] =
    await Promise.all([
      ca.issue({
        ...server,
        commonName: "kube-apiserver",
        ips: [...server.ips, "10.96.0.1"],
        dnsNames: [
          "localhost",
          "kubernetes",
          "kubernetes.default",
          "kubernetes.default.svc",
          "kubernetes.default.svc.cluster.local",
        ],
      }),
      ca.issue({ ...server, commonName: "kubelet", dnsNames: ["localhost"] }),
      ca.issue({ commonName: "kube-apiserver-kubelet-client", organizations: ["system:masters"] }),
      frontProxyCa.issue({ commonName: "front-proxy-client" }),
      ca.issue({ commonName: "kubernetes-admin", organizations: ["system:masters"] }),
      ca.issue({ commonName: "system:kube-controller-manager" }),
      serviceAccountKey(),
    ]);
  return {
    ca,
    frontProxyCa,
    apiserver,
    kubelet,
    kubeletClient,
    frontProxyClient,
    admin,
    controllerManager,
    serviceAccount: account,
  };
}
